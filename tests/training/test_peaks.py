"""Draws that have as many lines and attacks as originals must score best, also where no level tells them apart."""

import pytest

torch = pytest.importorskip("torch")
from mp3restore.training.networks.known import Known  # noqa: E402
from mp3restore.training.networks.peaks import peak_score  # noqa: E402

ITEMS, SAMPLES = 8, 30720
KNOWN = Known(torch.full((ITEMS,), 44100.0), torch.full((ITEMS,), 20000.0), torch.zeros(ITEMS, 60, dtype=torch.bool))


def with_lines(share):
    """Noise, and in its place steady tones with a share of the power."""
    time = torch.arange(SAMPLES) / 44100
    tones = torch.stack([torch.sin(6.2832 * (hz * time + torch.rand(1))) for hz in range(200, 20000, 700)]).sum(0)
    return (1 - share) ** 0.5 * torch.randn(ITEMS, SAMPLES) + share**0.5 * tones / tones.std()


def with_attacks(share):
    """Noise, and in its place hits a tenth of a second apart with a share of the power."""
    hits = (torch.arange(SAMPLES) % 4410 < 100).float()
    return torch.randn(ITEMS, SAMPLES) * (1 - share + share * hits / hits.mean()).sqrt()


def score(made, share, wanted=0.6):
    torch.manual_seed(1)
    found, flatter = peak_score(made(wanted), made(share), made(share), KNOWN)
    return float(found.mean()), flatter


@pytest.mark.parametrize(("made", "name"), [(with_lines, "lines"), (with_attacks, "moments")])
def test_as_many_peaks_as_the_original_score_best(made, name):
    right, level = score(made, 0.6)
    for share in (0.0, 0.2, 0.95):
        other, flatter = score(made, share)
        assert other > 1.5 * right
        assert (flatter[name].mean() > 0.02) == (share < 0.6)
    assert float(level[name].abs().mean()) < 0.1


def test_what_was_kept_costs_nothing():
    signal = with_attacks(0.5)
    found, flatter = peak_score(signal, signal, signal, KNOWN)
    assert float(found.abs().max()) == 0
    assert float(flatter["lines"].abs().max()) == float(flatter["moments"].abs().max()) == 0


def test_silence_is_finite():
    nothing = torch.zeros(ITEMS, SAMPLES, requires_grad=True)
    found, _ = peak_score(with_lines(0.5), nothing, nothing + 0.0, KNOWN)
    found.sum().backward()
    assert torch.isfinite(nothing.grad).all()


def test_above_the_bandwidth_nothing_counts():
    low = Known(KNOWN.sample_rate, torch.full((ITEMS,), 8000.0), KNOWN.dominated)
    torch.manual_seed(2)
    spectrum = torch.fft.rfft(with_lines(0.5))
    changed = spectrum.clone()
    changed[:, round(9000 / 22050 * spectrum.shape[1]) :] = 0
    before, after = torch.fft.irfft(spectrum), torch.fft.irfft(changed)
    assert float(peak_score(before, after, after, low)[0].max()) < 0.02
    assert float(peak_score(before, after, after, KNOWN)[0].min()) > 0.05

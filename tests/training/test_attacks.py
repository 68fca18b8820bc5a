"""Draws with attacks as sharp as the originals' must score best, also where no level tells them apart."""

import pytest

torch = pytest.importorskip("torch")
from mp3restore.training.networks.attacks import attack_score  # noqa: E402
from mp3restore.training.networks.known import Known  # noqa: E402

ITEMS, SAMPLES = 8, 30720
KNOWN = Known(torch.full((ITEMS,), 44100.0), torch.full((ITEMS,), 20000.0), torch.zeros(ITEMS, 60, dtype=torch.bool))


def with_attacks(share):
    """Noise, and in its place hits a tenth of a second apart with a share of the power."""
    hits = (torch.arange(SAMPLES) % 4410 < 100).float()
    return torch.randn(ITEMS, SAMPLES) * (1 - share + share * hits / hits.mean()).sqrt()


def score(share, wanted=0.6):
    torch.manual_seed(1)
    found, flatter = attack_score(with_attacks(wanted), with_attacks(share), with_attacks(share), KNOWN)
    return float(found.mean()), float(flatter.mean())


@pytest.mark.parametrize("share", [0.0, 0.2, 0.95])
def test_attacks_as_sharp_as_the_originals_score_best(share):
    right, level = score(0.6)
    other, flatter = score(share)
    assert other > 1.5 * right
    assert (flatter > 0.02) == (share < 0.6)
    assert abs(level) < 0.1


def test_what_was_kept_costs_nothing():
    signal = with_attacks(0.5)
    found, flatter = attack_score(signal, signal, signal, KNOWN)
    assert float(found.abs().max()) == 0
    assert float(flatter.abs().max()) == 0


def test_silence_is_finite():
    nothing = torch.zeros(ITEMS, SAMPLES, requires_grad=True)
    found, _ = attack_score(with_attacks(0.5), nothing, nothing + 0.0, KNOWN)
    found.sum().backward()
    assert torch.isfinite(nothing.grad).all()


def test_above_the_bandwidth_nothing_counts():
    low = Known(KNOWN.sample_rate, torch.full((ITEMS,), 8000.0), KNOWN.dominated)
    torch.manual_seed(2)
    spectrum = torch.fft.rfft(with_attacks(0.5))
    changed = spectrum.clone()
    changed[:, round(9000 / 22050 * spectrum.shape[1]) :] = 0
    before, after = torch.fft.irfft(spectrum), torch.fft.irfft(changed)
    assert float(attack_score(before, after, after, low)[0].max()) < 0.02
    assert float(attack_score(before, after, after, KNOWN)[0].min()) > 0.05

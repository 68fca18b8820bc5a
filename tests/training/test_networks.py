import numpy as np
import pytest

torch = pytest.importorskip("torch")
from mp3restore.excitation import EXCITATIONS  # noqa: E402
from mp3restore.training.networks import Generator, GeneratorConfig, mel_bands  # noqa: E402

CONFIG = GeneratorConfig(fft_size=256, width=32, bands=16)


@pytest.fixture
def generator():
    torch.manual_seed(0)
    return Generator(CONFIG).eval()


@pytest.fixture
def inputs():
    torch.manual_seed(1)
    frames = 120
    shape = (1, 2, 2, frames, CONFIG.bins)
    spectrum = torch.randn(shape) * 10
    spectrum[..., CONFIG.bins // 2 :] = 0
    return spectrum, torch.randn(1, frames, 2 * CONFIG.latents), *(torch.randn(shape) for _ in EXCITATIONS)


@torch.no_grad()
def awake(generator):
    """Give the heads weights, as training would: at initialisation they do nothing."""
    for head in (generator.mid_gain, generator.side_gain, generator.fill):
        torch.nn.init.normal_(head.weight, std=0.1)
    generator.fill.bias.fill_(-2.5)
    return generator


@torch.no_grad()
def test_at_initialisation_it_is_the_identity(generator, inputs):
    change = generator(*inputs) - inputs[0]
    assert 10 * torch.log10(change.square().sum() / inputs[0].square().sum()) < -30


@torch.no_grad()
def test_what_is_there_is_changed_far_less_than_what_is_missing(generator, inputs):
    change = (awake(generator)(*inputs) - inputs[0]).square()
    empty = change[..., CONFIG.bins // 2 :].mean()
    generator.mid_gain.weight.zero_()
    generator.side_gain.weight.zero_()
    change = (generator(*inputs) - inputs[0]).square()
    assert change[..., : CONFIG.bins // 2].mean() < 0.2 * empty


@torch.no_grad()
def test_gain_in_is_gain_out(generator, inputs):
    spectrum, *others = inputs
    awake(generator)
    torch.testing.assert_close(generator(spectrum * 0.25, *others), generator(*inputs) * 0.25, rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_silence_stays_silent_and_mono_stays_mono(generator, inputs):
    spectrum, *others = inputs
    awake(generator)
    assert not generator(torch.zeros_like(spectrum), *others).any()
    spectrum[:, 1] = 0
    assert not generator(spectrum, *others)[:, 1].any()
    assert generator(spectrum, *others)[:, 0].any()


@torch.no_grad()
def test_nothing_beyond_the_stated_halo_matters(generator, inputs):
    awake(generator)
    expected = generator(*inputs)
    halo, frame = CONFIG.halo_frames, 100
    changed = [value.clone() for value in inputs]
    for value in changed:
        axis = 1 if value.ndim == 3 else 3
        value.narrow(axis, 0, frame - halo).normal_()
    after = generator(*changed)
    torch.testing.assert_close(after[..., frame:, :], expected[..., frame:, :])
    assert not torch.allclose(after[..., frame - 2 * halo, :], expected[..., frame - 2 * halo, :])


def test_bands_share_every_bin():
    bands = mel_bands(96, 1025)
    np.testing.assert_allclose(bands.sum(0), 1, atol=1e-5)
    assert (bands >= 0).all()

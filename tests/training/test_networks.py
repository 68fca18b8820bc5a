import numpy as np
import pytest

torch = pytest.importorskip("torch")
from mp3restore.dsp.stft import mel_bands  # noqa: E402
from mp3restore.generator.uncertainty import LOG_FLOOR, unknown_row  # noqa: E402
from mp3restore.training.networks.generator import Generator, GeneratorConfig, power_of  # noqa: E402

CONFIG = GeneratorConfig(fft_size=256, width=32, bands=16)


@pytest.fixture
def generator():
    torch.manual_seed(0)
    return Generator(CONFIG).eval()


FRAMES = 60
HALO = CONFIG.halo_frames


@pytest.fixture
def inputs():
    """Spectrum, uncertainty, z, noise: the first two with the halo on both sides, the last in the bins with gains."""
    torch.manual_seed(1)
    around = FRAMES + 2 * HALO
    spectrum = torch.randn(1, 2, 2, around, CONFIG.bins) * 10
    spectrum[..., CONFIG.bins // 2 :] = 0
    known = torch.from_numpy(unknown_row(CONFIG.bands)).repeat(1, around, 1)
    return spectrum, known, torch.randn(1, CONFIG.latents), torch.randn(1, 2, 2, FRAMES, CONFIG.gain_bins)


def kept(spectrum):
    return spectrum[..., HALO : HALO + FRAMES, ::2]


def certain(like):
    """Map of a file that lost nothing."""
    known = torch.zeros_like(like)
    known[..., : 2 * CONFIG.bands] = LOG_FLOOR
    return known


def restored(generator, spectrum, known, z, noise):
    return kept(spectrum) + generator(power_of(spectrum), known, z).unsqueeze(2) * noise


@torch.no_grad()
def awake(generator):
    """Give the heads weights, as training would: at initialisation they do nothing."""
    for head in (generator.mid_fill, generator.side_fill):
        torch.nn.init.normal_(head.weight, std=0.1)
        head.bias.fill_(-2.5)
    return generator


@torch.no_grad()
def test_at_initialisation_it_is_the_identity(generator, inputs):
    change = restored(generator, *inputs) - kept(inputs[0])
    assert 10 * torch.log10(change.square().sum() / kept(inputs[0]).square().sum()) < -30


@torch.no_grad()
def test_what_is_there_is_changed_far_less_than_what_is_missing(generator, inputs):
    change = (restored(awake(generator), *inputs) - kept(inputs[0])).square()
    assert change[..., : CONFIG.gain_bins // 2].mean() < 0.2 * change[..., CONFIG.gain_bins // 2 :].mean()


@torch.no_grad()
def test_gain_in_is_gain_out(generator, inputs):
    spectrum, *others = inputs
    awake(generator)
    quiet = restored(generator, spectrum * 0.25, *others)
    torch.testing.assert_close(quiet, restored(generator, *inputs) * 0.25, rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_silence_stays_silent_and_mono_stays_mono(generator, inputs):
    spectrum, *others = inputs
    awake(generator)
    assert not restored(generator, torch.zeros_like(spectrum), *others).any()
    spectrum[:, 1] = 0
    assert not restored(generator, spectrum, *others)[:, 1].any()
    assert restored(generator, spectrum, *others)[:, 0].any()


@torch.no_grad()
def test_nothing_is_added_where_the_map_says_that_nothing_is_missing(generator, inputs):
    spectrum, known, *others = inputs
    awake(generator)
    free = (restored(generator, spectrum, known, *others) - kept(spectrum)).square().mean()
    sure = (restored(generator, spectrum, certain(known), *others) - kept(spectrum)).square().mean()
    assert sure < 1e-5 * free


@torch.no_grad()
def test_what_is_added_stays_in_the_cells_of_quantised_zeros(generator, inputs):
    spectrum, known, *others = inputs
    awake(generator)
    for head in (generator.mid_fill, generator.side_fill):
        head.bias.fill_(3.0)
    known = certain(known)
    amplitude = 0.2
    known[..., : 2 * CONFIG.bands] = np.log(amplitude)
    added = (restored(generator, spectrum, known, *others) - kept(spectrum))[..., CONFIG.gain_bins // 2 + 4 :]
    power = added.square().sum(2).mean()
    # The noise here has a power of two a bin.
    assert 0.1 * amplitude**2 < power < 4 * amplitude**2


@torch.no_grad()
def test_z_shapes_what_is_added(generator, inputs):
    spectrum, known, z, _ = inputs
    awake(generator)
    torch.nn.init.normal_(generator.style_out.weight, std=0.1)
    first, second = (generator(power_of(spectrum), known, values) for values in (z, -z))
    assert not torch.allclose(first, second, rtol=1e-2)


@torch.no_grad()
def test_padding_gives_the_same_away_from_the_edges(generator, inputs):
    spectrum, known, z, _ = inputs
    awake(generator)
    expected = generator(power_of(spectrum), known, z)
    whole = generator.decode(generator.encode(power_of(spectrum), known), z)
    torch.testing.assert_close(whole[..., HALO : HALO + FRAMES, :], expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_all_of_the_halo_matters(generator, inputs):
    for block in (*awake(generator).trunk, *generator.late):
        block.taps[1:] = 0  # all of a frame's news comes from its earliest one
        block.scale.fill_(3.0)
    expected = restored(generator, *inputs)
    spectrum, *others = inputs
    changed = spectrum.clone()
    changed[..., 0, :] = 100
    after = restored(generator, changed, *others)
    torch.testing.assert_close(after[..., 1:, :], expected[..., 1:, :])
    assert not torch.allclose(after[..., :1, :], expected[..., :1, :], rtol=1e-6, atol=0)


def test_bands_share_every_bin():
    bands = mel_bands(96, 1025)
    np.testing.assert_allclose(bands.sum(0), 1, atol=1e-5)
    assert (bands >= 0).all()

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from mp3restore.errors import InputError  # noqa: E402
from mp3restore.generator.excitation import CONTEXT  # noqa: E402
from mp3restore.training.data.segments import Batch  # noqa: E402
from mp3restore.training.paper import restorer as paper_restorer  # noqa: E402
from mp3restore.training.paper.networks import PaperConfig, PaperCritic, PaperGenerator  # noqa: E402
from mp3restore.training.paper.restorer import PaperRestorer  # noqa: E402
from mp3restore.training.paper.trainer import PaperTrainer  # noqa: E402

TINY = PaperConfig(width=1 / 16, fft_size=256, latents=4, batch=2, frames=40)
CPU = torch.device("cpu")


def parameters(network):
    return sum(p.numel() for p in network.parameters())


@pytest.fixture
def batch():
    torch.manual_seed(3)
    samples = (TINY.frames + 3) * 64 + 2 * CONTEXT
    original = torch.randn(TINY.batch, 2, samples) * 0.1
    spectrum = torch.fft.rfft(original)
    spectrum[..., samples // 8 :] = 0
    degraded = torch.fft.irfft(spectrum, samples)
    rate, bandwidth = torch.full((2,), 44100.0), torch.full((2,), 20000.0)
    # Neither the map nor the hits are looked at.
    return Batch(original, degraded, rate, bandwidth, torch.zeros(2, 0), torch.zeros(2, 0))


@pytest.fixture
def checkpoint(tmp_path, batch):
    trainer = PaperTrainer(TINY, CPU)
    trainer.update(batch, np.random.default_rng(0))
    trainer.save(tmp_path / "checkpoint.pt")
    return tmp_path / "checkpoint.pt"


def test_at_full_width_they_have_the_parameters_of_the_paper():
    with torch.device("meta"):
        full = PaperConfig(width=1.0)
        assert parameters(PaperGenerator(full)) == pytest.approx(322.5e6, rel=0.003)
        assert parameters(PaperCritic(full)) == pytest.approx(163e6, rel=0.005)


def test_the_deterministic_variant_has_no_z(batch):
    trainer = PaperTrainer(replace(TINY, latents=0), CPU)
    assert trainer.latents(2).shape == (2, 0)
    values = trainer.update(batch, np.random.default_rng(0))
    assert np.isfinite(values["loss"])
    stochastic = PaperTrainer(TINY, CPU).generator
    inner = TINY.channels(128)
    assert parameters(stochastic) - parameters(trainer.generator) == TINY.latents * 2 * inner * 9


def test_training_tells_originals_from_restorations(batch):
    """On one batch the critic soon gives originals the higher score, and the generator moves towards it."""
    trainer = PaperTrainer(TINY, CPU)
    values = [trainer.update(batch, np.random.default_rng(0)) for _ in range(40)]
    assert values[-1]["distance"] > values[0]["distance"] + 0.5
    assert values[-1]["loss"] != pytest.approx(values[0]["loss"], abs=1e-3)


def test_a_run_goes_on_where_it_stopped(batch, checkpoint):
    rng = np.random.default_rng(0)
    straight = PaperTrainer(TINY, CPU)
    straight.update(batch, rng)
    resumed = PaperTrainer(replace(TINY, seed=5), CPU)
    resumed.load(checkpoint)
    assert resumed.step == 1
    values = []
    for trainer in (straight, resumed):
        torch.manual_seed(7)
        values.append(trainer.update(batch, rng))
    assert values[1] == pytest.approx(values[0])


def test_a_source_of_low_bandwidth_hides_what_is_above(batch):
    """The critic must not see the edge of a lossy source: nothing above it may have any influence."""
    narrow = replace(batch, bandwidth_hz=torch.full((2,), 6000.0))
    spectrum = torch.fft.rfft(batch.original)
    spectrum[..., int(0.4 * spectrum.shape[-1]) :] *= 0.01
    cut = replace(narrow, original=torch.fft.irfft(spectrum, batch.original.shape[-1]))
    wide = [PaperTrainer(TINY, CPU).update(b, np.random.default_rng(0))["distance"] for b in (narrow, cut)]
    assert wide[0] == pytest.approx(wide[1], rel=1e-2)
    wide = [
        PaperTrainer(TINY, CPU).update(replace(b, bandwidth_hz=batch.bandwidth_hz), np.random.default_rng(0))
        for b in (narrow, cut)
    ]
    assert wide[0]["distance"] != pytest.approx(wide[1]["distance"], rel=1e-2)


def test_whole_files_keep_their_length_and_do_not_depend_on_chunks(checkpoint, rng, monkeypatch):
    restorer = PaperRestorer(checkpoint)
    samples = rng.standard_normal((2, 64 * 700 + 17)).astype(np.float32) * 0.1
    whole = restorer.restore(samples, seed=1)
    assert whole.shape == samples.shape
    monkeypatch.setattr(paper_restorer, "_CHUNK_FRAMES", 97)
    np.testing.assert_allclose(restorer.restore(samples, seed=1), whole, atol=1e-5)
    assert np.abs(restorer.restore(samples, seed=2) - whole).max() > 1e-4


def test_another_checkpoint_is_refused(tmp_path):
    torch.save({"config": {}, "generator": {}}, tmp_path / "other.pt")
    with pytest.raises(InputError, match="not a checkpoint of the paper"):
        PaperRestorer(tmp_path / "other.pt")

import json

import numpy as np
import pytest

pytest.importorskip("torch")
from mp3restore.generator.uncertainty import HOP, LOG_FLOOR, PLANES
from mp3restore.training.data.pairs import MAP_BANDS
from mp3restore.training.data.prepare import FULL_SCALE
from mp3restore.training.data.segments import PairSet

LENGTH, LEAD = 60000, 700


@pytest.fixture
def pairs(tmp_path):
    """One pair whose channels tell the position by their ratio, and whose map tells the number of the frame."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    signal = np.stack([np.full(LENGTH, 0.5), 0.5 * np.arange(LENGTH) / LENGTH])
    np.save(folder / "a.npy", (np.stack([signal, signal]) * FULL_SCALE).astype(np.int16))
    rows = np.zeros((1 + (LEAD + LENGTH) // HOP, PLANES * MAP_BANDS), np.float16)
    rows[:] = np.arange(len(rows))[:, None] / 256
    np.save(folder / "a.map.npy", rows)
    facts = {"split": "train", "sample_rate": 44100, "bandwidth_hz": 20000.0, "lead": LEAD}
    (folder / "a.json").write_text(json.dumps(facts), encoding="utf-8")
    return PairSet(tmp_path, "train")


def test_map_belongs_to_the_samples(pairs):
    batch = pairs.draw(np.random.default_rng(0), 8, 20 * HOP)
    frames = (20 * HOP - 2 * 1536 - 2048) // HOP + 1
    assert batch.uncertainty.shape == (8, frames, PLANES * MAP_BANDS)
    for planes, rows in zip(batch.degraded.numpy(), batch.uncertainty.numpy(), strict=True):
        left, right = np.abs(planes[0] + planes[1]), np.abs(planes[0] - planes[1])
        position = np.mean(np.minimum(left, right) / np.maximum(left, right)) * LENGTH - (20 * HOP - 1) / 2
        # The first frame's centre, in samples of the decoded file.
        frame = (LEAD + position + 1536 + 1024) / HOP
        assert frame == pytest.approx(round(frame), abs=0.1)
        np.testing.assert_allclose(rows[:, -1] * 256, round(frame) + np.arange(frames), atol=0.6)


def test_amplitudes_of_holes_follow_the_level(pairs):
    one = pairs.draw(np.random.default_rng(0), 8, 20 * HOP)
    level = np.abs(one.degraded.numpy().sum(1)).max(-1)
    rows = one.uncertainty.numpy()
    shift = rows[:, :, 0] - rows[:, :, -1]
    assert shift.std(axis=1).max() < 1e-3
    loudest = np.maximum(level, np.abs(np.diff(one.degraded.numpy(), axis=1)[:, 0]).max(-1))
    np.testing.assert_allclose(np.exp(shift.mean(axis=1)), loudest / 0.5, rtol=0.02)


def test_maps_are_withheld_at_random(pairs):
    rows = pairs.draw(np.random.default_rng(0), 60, 20 * HOP, map_dropout=0.5).uncertainty.numpy()
    withheld = (rows[:, 0, :MAP_BANDS] < LOG_FLOOR + 0.01).all(-1)
    assert 15 < withheld.sum() < 45
    assert (rows[withheld][:, :, 2 * MAP_BANDS :] == 1).all()


def test_a_hit_is_known_where_it_lies(pairs, tmp_path):
    known = np.zeros(LENGTH // HOP, np.bool_)
    known[40:60] = True
    np.save(tmp_path / "pairs" / "a.hits.npy", known)
    batch = PairSet(tmp_path, "train").draw(np.random.default_rng(0), 40, 20 * HOP)
    assert batch.dominated.shape == (40, 20)
    for planes, dominated in zip(batch.degraded.numpy(), batch.dominated.numpy(), strict=True):
        left, right = np.abs(planes[0] + planes[1]), np.abs(planes[0] - planes[1])
        start = np.mean(np.minimum(left, right) / np.maximum(left, right)) * LENGTH - (20 * HOP - 1) / 2
        share = np.mean(
            (np.arange(start, start + 20 * HOP) >= 40 * HOP) & (np.arange(start, start + 20 * HOP) < 60 * HOP)
        )
        assert dominated.mean() == pytest.approx(share, abs=0.06)
    assert not pairs.draw(np.random.default_rng(0), 4, 20 * HOP).dominated.any()

"""The evidence is fitted to pairs: weights follow what would have been the right strength."""

import json
import shutil

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
from dummy_model import make_dummy_model

from mp3restore.generator.evidence import BANDS, FEATURES, strengths
from mp3restore.generator.model import load_model
from mp3restore.training.data.conditions import CONDITIONS
from mp3restore.training.data.prepare import prepare
from mp3restore.training.fit.evidence import STRENGTHS, Blocks, fit_evidence, fit_weights

ZEROS = FEATURES.index("zeros of mid")


def clip(rng, wanted):
    """A clip whose level is right at the strength `wanted(zeros)`, and off by as many nepers as the strength is off."""
    table = rng.uniform(0, 1, (30, BANDS, len(FEATURES))).astype(np.float32)
    table[..., 0] = 1
    errors = np.abs(np.array(STRENGTHS) - wanted(table[..., ZEROS])[..., None])
    return Blocks(table, errors.astype(np.float32), np.ones(BANDS, np.float32))


def test_weights_follow_the_right_strengths(rng):
    clips = [clip(rng, lambda zeros: np.where(zeros > 0.5, 1.0, 0.0)) for _ in range(4)]
    found = fit_weights(clips)
    described = np.zeros((2, BANDS, len(FEATURES)), np.float32) + 0.5
    described[..., 0] = 1
    described[:, :, ZEROS] = np.array([[0.1], [0.9]])
    low, high = strengths(described, found).mean(axis=1)
    assert low < 0.25
    assert high > 0.75


def test_harm_makes_it_careful(rng):
    # In most clips everything is missing, in the others nothing; no feature tells which.
    clips = [clip(rng, lambda zeros, wanted=wanted: np.full(zeros.shape, wanted)) for wanted in (1.0, 1.0, 1.0, 0.0)]
    for each in clips:
        each.errors[:] += 1
    described = clips[0].features
    bold, careful = (strengths(described, fit_weights(clips, harm=harm)).mean() for harm in (0.0, 5.0))
    assert bold > 0.7
    assert careful < 0.3


def test_a_model_gets_weights_from_pairs_of_a_real_encoder(tmp_path, sample, decode):
    music = tmp_path / "music"
    music.mkdir()
    for name in "abcd":  # some of them are for training
        soundfile.write(music / f"{name}.wav", decode(sample).T[:264600], 44100)
    prepare(music, tmp_path / "data", splits=("train", "val", "test"), seconds=6.0, excerpts=1, encodes=2, jobs=1)
    for path in (tmp_path / "data" / "pairs").glob("*.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"split": "train"}))
    model = make_dummy_model(tmp_path / "model", noise=0.01)
    found = fit_evidence(tmp_path / "data", model.folder, pairs=2 * len(CONDITIONS))
    assert len(found) == len(FEATURES)
    assert load_model(model.folder).config.evidence == found
    shutil.rmtree(tmp_path / "data")

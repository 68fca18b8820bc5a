"""Sibilants: noise bursts from 6 to 12 kHz over music, as voices have them, found and compared."""

import numpy as np
import pytest
import soundfile
from scipy.signal import butter, sosfilt

pytest.importorskip("torch")
from mp3restore.training.evaluation.clips import choose_clips, choose_voices, read_clip
from mp3restore.training.evaluation.evaluate import EvaluationConfig, evaluate
from mp3restore.training.evaluation.sibilants import HOP, burst_powers, bursts, sibilant_error
from mp3restore.training.evaluation.tables import character_table, markdown

RATE = 44100


@pytest.fixture
def sung(music, rng):
    """Twelve seconds of music with a sibilant of 0.1 s every 0.6 s in the last eight, and the sibilants alone."""
    hiss = sosfilt(butter(4, (6500, 11500), "bandpass", fs=RATE, output="sos"), rng.standard_normal(12 * RATE))
    seconds = np.arange(12 * RATE) / RATE
    sounding = (seconds >= 4) & (seconds % 0.6 < 0.1)
    esses = np.tile(0.15 * hiss * sounding, (2, 1)).astype(np.float32)
    return 0.5 * np.tile(music, 6) + esses, esses


def test_bursts_are_found_where_they_are(sung):
    found = bursts(burst_powers(sung[0], RATE))
    middle = (np.arange(len(found)) * HOP + 512) / RATE
    sure = (middle % 0.6 > 0.02) & (middle % 0.6 < 0.08) & (middle > 4)
    far = (middle % 0.6 > 0.13) & (middle % 0.6 < 0.57)
    assert found[sure].mean() > 0.9
    assert found[far].mean() < 0.05


def test_the_error_is_that_of_the_sibilants_alone(sung):
    whole, esses = sung
    assert sibilant_error(whole, whole, RATE) == (0.0, 0.0)
    dull, off = sibilant_error(whole, whole - 0.5 * esses, RATE)
    assert dull == pytest.approx(-6, abs=0.5)
    assert off == pytest.approx(6, abs=0.7)
    assert sibilant_error(whole, 0.1 * whole, RATE)[0] == pytest.approx(-20, abs=0.1)
    assert sibilant_error(np.zeros_like(whole), whole, RATE) is None


def test_voices_are_a_condition_of_their_own(sung, tmp_path):
    soundfile.write(tmp_path / "sung.wav", sung[0].T, RATE)
    soundfile.write(tmp_path / "played.wav", (sung[0] - sung[1]).T, RATE)
    lines = [
        "path\tgenre\tbandwidth_hz\tsplit",
        "sung.wav\tpop with vocals\t22050\ttest",
        "played.wav\tpop\t22050\ttest",
    ]
    (tmp_path / "manifest.tsv").write_text("\n".join(lines), encoding="utf-8")

    chosen = choose_voices(tmp_path, "test", seconds=2.0, count=2)
    assert [clip.source.name for clip in chosen] == ["sung.wav"] * 2
    assert all(clip.start_s > 3.5 for clip in chosen)
    assert abs(chosen[0].start_s - chosen[1].start_s) >= 2
    samples, rate = read_clip(chosen[0], 2.0)
    assert samples.shape == (2, 2 * rate)
    assert len(choose_clips(tmp_path, "test", seconds=2.0, count=9, full=1)) == 6

    config = EvaluationConfig(
        tmp_path, "ember", clips=1, full_clips=0, voices=1, seconds=2.0, conditions=("ffmpeg-cbr32",), perceptual=False
    )
    result = evaluate(config, jobs=1)
    voices = {row["system"]: row for row in result["character"] if row["condition"] == "ffmpeg-cbr32, voices"}
    assert voices["mp3"]["sibilants"][0] < -10
    assert voices["mp3"]["sibilants"][1] > voices["restored"]["sibilants"][1]
    assert all("sibilants" not in row for row in result["character"] if row["condition"] == "ffmpeg-cbr32")
    (by_encoder,) = {row["clips"] for row in result["groups"]["encoder"]}
    assert by_encoder == 1
    text = markdown(character_table(result["character"], result["likeness"]))
    assert "| ffmpeg-cbr32, voices | mp3 | 1 |" in text

"""Lossless files that were an MP3 are told from others, and from those that were changed too much since."""

import json
import subprocess

import numpy as np
import pytest
import soundfile

from mp3restore.audio.decode import open_audio
from mp3restore.dsp.resample import resample_stream
from mp3restore.inspection.examine import examine
from mp3restore.inspection.inspect import inspect_file
from mp3restore.mp3.stream import read_stream

pytestmark = pytest.mark.slow


@pytest.fixture
def flac(encoded, decode, tmp_path):
    """Write what a known encode decodes to as a FLAC of 16 bits: flac(name, change, rate)."""

    def write(name, change=lambda samples: samples, rate=None):
        path = tmp_path / "once.flac"
        rate = rate or read_stream(encoded(name)).sample_rate
        soundfile.write(path, change(decode(encoded(name))).T, rate, subtype="PCM_16")
        return path

    return write


CHANGES = {
    "plain": lambda s: s,
    "quieter": lambda s: 0.484 * s,
    "cut": lambda s: s[:, 4321:-2000],
    "faded": lambda s: s * np.minimum(1, np.arange(s.shape[1]) / 20000).astype(np.float32),
    "silence before": lambda s: np.pad(s, ((0, 0), (50001, 0))),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["cbr64", "cbr128", "mono64", "ffmpeg96"])
def test_a_decoded_mp3_is_known(flac, name, change):
    report = inspect_file(flac(name, CHANGES[change]))
    assert report.was_mp3
    assert report.bitstream is None
    assert report.decoded.certainty == pytest.approx(0.999)
    assert report.decoded.kbps == pytest.approx(int("".join(c for c in name if c.isdigit())), rel=0.35)
    assert report.decoded.readable_share > 0.5
    tree = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert tree["decoded"]["kbps"] == report.decoded.kbps


def resampled(samples):
    return np.concatenate(list(resample_stream([samples], 44100, 48000)), axis=1)


def equalised(samples):
    return np.stack([np.convolve(row, [0.7, 0.3, -0.15, 0.05], "same") for row in samples]).astype(np.float32)


def test_another_rate_leaves_an_unknown_file(flac):
    assert inspect_file(flac("cbr128")).was_mp3
    report = inspect_file(flac("cbr128", resampled, 48000))
    assert not report.was_mp3
    assert report.decoded is None


def test_of_equalised_music_no_step_and_no_bitrate_is_guessed(flac):
    path = flac("cbr128", equalised)
    with open_audio(path) as source:
        found = examine(source)
    assert found.coding is None
    report = inspect_file(path)
    assert report.decoded is None or report.decoded.kbps is None


@pytest.mark.parametrize(("codec", "suffix"), [("aac", "m4a"), ("libvorbis", "ogg"), ("libopus", "opus")])
def test_other_codecs_leave_no_trace_of_an_mp3(source, tmp_path, codec, suffix):
    original, coded, path = tmp_path / "original.wav", tmp_path / f"coded.{suffix}", tmp_path / "decoded.wav"
    soundfile.write(original, source.T, 44100)
    run = ["ffmpeg", "-v", "error", "-y", "-i"]
    subprocess.run([*run, str(original), "-c:a", codec, "-b:a", "96k", str(coded)], check=True)
    subprocess.run([*run, str(coded), "-ar", "44100", str(path)], check=True)
    for each in (original, path):
        report = inspect_file(each)
        assert not report.was_mp3
        assert report.grid is not None


def test_results_of_this_program_are_known_by_their_tags_and_without_them_by_their_grid(run, encoded, tmp_path):
    result = tmp_path / "result.flac"
    run(str(encoded("ffmpeg96")), "-o", str(result))
    assert inspect_file(result).restored_before
    run(str(encoded("ffmpeg96")), "-o", str(result), "--no-tags", "-f")
    report = inspect_file(result)
    assert (report.restored_before, report.was_mp3, report.decoded.kbps) == (False, True, None)
    # Nothing says what was lost, so nothing is added again.
    assert report.strength == 0
    assert "as a restoration does" in " ".join(run("inspect", str(result)).stdout.split())


def test_more_than_two_channels_are_not_searched(tmp_path, rng):
    path = tmp_path / "surround.wav"
    soundfile.write(path, 0.1 * rng.standard_normal((40000, 3)), 44100)
    report = inspect_file(path)
    assert report.grid is None
    assert not report.was_mp3


def test_words_say_what_was_found_and_accuse_nobody(run, flac, tmp_path, rng):
    found = " ".join(run("inspect", flac("cbr128")).stdout.split())
    assert "decoded from an MP3 (" in found
    assert "about 128 kbit/s" in found
    assert "sure to 99.9%" in found
    path = tmp_path / "never.wav"
    soundfile.write(path, 0.1 * rng.standard_normal((40000, 2)), 44100)
    other = " ".join(run("inspect", path).stdout.split())
    assert "nothing here shows MP3 coding" in other
    assert "not a proof" in other

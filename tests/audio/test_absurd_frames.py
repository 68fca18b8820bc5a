"""Frames that a wrong byte makes a thousand times louder than full scale."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from mp3restore.api import restore_file
from mp3restore.audio.decode import open_audio

FRAME = 1152
SIDE_INFO = 4
GAINS = (41, 100, 159, 218)  # bits of global_gain in the side information of a stereo frame (11172-3, 2.4.1.7)


def decoded(path):
    with open_audio(path) as source:
        return np.concatenate(list(source.blocks()), axis=1), source.damage, source.runs[0], source.ranges[0].start


def louder(data, position, steps, gains=GAINS):
    """Raise the gain of granules of a frame, by 1.5 dB a step."""
    start = position + SIDE_INFO
    bits = np.unpackbits(np.frombuffer(data[start : start + 32], np.uint8))
    for at in gains:
        gain = int(np.packbits(bits[at : at + 8])[0])
        bits[at : at + 8] = np.unpackbits(np.array([min(255, gain + steps)], np.uint8))
    data[start : start + 32] = np.packbits(bits).tobytes()


@pytest.mark.parametrize("wrong", [[30], [30, 31, 60], [1], [-1], range(20, 40)])
def test_they_are_silence_and_cost_no_other(encode, music, wrong):
    path = encode("lame", music, 44100, "-b", "64", "--resample", "44.1")
    clean, _, run, start = decoded(path)
    wrong = [k % run.position.size for k in wrong]
    data = bytearray(path.read_bytes())
    for frame in wrong:
        louder(data, int(run.position[frame]), 80)
    path.write_bytes(data)
    samples, damage, _, _ = decoded(path)
    assert samples.shape == clean.shape
    assert np.abs(samples).max() < 1
    assert len(damage) == 1 + np.count_nonzero(np.diff(wrong) > 1)
    assert sum(each.length for each in damage) == int(run.size[wrong].sum())
    assert sum(each.silence_s for each in damage) == pytest.approx(len(wrong) * FRAME / 44100)
    at = np.arange(clean.shape[1]) + start
    # A frame sounds for as long as its windows and those of the filter bank reach: another frame.
    touched = np.isin(at // FRAME, [*wrong, *(frame + 1 for frame in wrong)])
    np.testing.assert_array_equal(samples[:, ~touched], clean[:, ~touched])
    inside = np.isin(at // FRAME, wrong) & np.isin(at // FRAME - 1, wrong)
    assert np.all(np.abs(samples[:, inside]) < 1e-6)


@pytest.mark.parametrize("gains", [GAINS[:2], GAINS[2:], GAINS[1::2]])
def test_what_is_a_little_too_loud_is_silent_as_a_whole(encode, music, gains):
    """Also where a frame is absurd only in what it leaves in the next one."""
    path = encode("lame", music, 44100, "-b", "64", "--resample", "44.1")
    clean, _, run, _ = decoded(path)
    told = []
    for steps in range(8, 40, 2):
        data = bytearray(path.read_bytes())
        for frame in (30, 31, 60):
            louder(data, int(run.position[frame]), steps, gains)
        path.with_name("loud.mp3").write_bytes(data)
        samples, damage, _, _ = decoded(path.with_name("loud.mp3"))
        assert samples.shape == clean.shape
        assert np.abs(samples).max() <= 4
        told.append(sum(each.length for each in damage) // int(run.size[30]))
    # At the limit it may be seen in the next frame only, and that is silent then too.
    assert (told[0], told[-1]) == (0, 3)
    assert max(told) <= 4


def test_the_music_keeps_its_level(encode, music, tmp_path):
    path, out = encode("lame", music * 0.5, 44100, "-b", "64", "--resample", "44.1"), tmp_path / "out.wav"
    data = bytearray(path.read_bytes())
    _, _, run, _ = decoded(path)
    louder(data, int(run.position[30]), 80)
    path.write_bytes(data)
    result = restore_file(path, out, bit_depth="32f")
    assert result.gain_db == 0
    assert [each.length for each in result.damage] == [int(run.size[30])]
    assert np.abs(soundfile.read(out)[0]).max() < 1


def test_a_file_that_is_loud_as_a_whole_is_music(encode, music):
    path = encode("lame", music, 44100, "-b", "64", "--resample", "44.1")
    clean, _, run, _ = decoded(path)
    data = bytearray(path.read_bytes())
    for position in run.position.tolist():
        louder(data, position, 16)
    path.write_bytes(data)
    samples, damage, _, _ = decoded(path)
    assert not damage
    np.testing.assert_allclose(samples, 16 * clean, rtol=1e-3, atol=1e-3)
    assert np.abs(samples).max() > 4

"""The part that is most worth hearing."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from mp3restore.audio.decode import open_audio
from mp3restore.inspection.damaged import most_damaged


@pytest.fixture(scope="module")
def uneven(music):
    """Half a minute: a plain low tone, then ten seconds of dense music, then the tone with that music far below."""
    time = np.arange(10 * 44100) / 44100
    tone = np.tile(0.3 * np.sin(2 * np.pi * 200 * time), (2, 1)).astype(np.float32)
    dense = np.tile(music, 5)
    return np.concatenate([tone, dense, tone], axis=1)


def find(path, seconds=5.0):
    with open_audio(path) as source:
        return most_damaged(source, seconds)


def test_an_mp3_shows_where_most_was_lost(encode, uneven, rng):
    """Where there are few bits for much noise, the encoder leaves holes."""
    quiet_noise = np.concatenate(
        [np.zeros((2, 441000)), rng.normal(0, 0.05, (2, 441000)), np.zeros((2, 441000))], axis=1
    )
    song = encode("lame", (uneven + quiet_noise).astype(np.float32), 44100, "-b", "64", "--resample", "44.1")
    assert 6.0 < find(song) < 19.0


def test_silence_is_not_chosen(encode, music):
    loud = np.tile(music, 4)
    song = encode("lame", np.concatenate([loud, loud * 1e-3], axis=1), 44100, "-b", "48", "--resample", "44.1")
    assert find(song) < 6.0


def test_of_other_files_the_loudest_part_is_chosen(music, tmp_path):
    song = tmp_path / "song.wav"
    quiet = np.tile(music, 5) * 0.1
    soundfile.write(song, np.concatenate([quiet, np.tile(music, 4), quiet], axis=1).T, 44100)
    assert 9.0 < find(song) < 14.0


@pytest.mark.parametrize("suffix", ["mp3", "wav"])
def test_a_short_file_is_heard_from_its_beginning(encode, music, tmp_path, suffix):
    song = encode("lame", music, 44100, "-b", "64")
    if suffix == "wav":
        song = tmp_path / "short.wav"
        soundfile.write(song, music.T, 44100)
    assert find(song) == 0.0

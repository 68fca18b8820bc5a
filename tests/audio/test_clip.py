"""Short files that are cut out of long ones."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from mp3restore.audio.clip import cut_clip
from mp3restore.audio.decode import open_audio
from mp3restore.errors import UsageError


def read(path):
    with open_audio(path) as source:
        samples = np.concatenate(list(source.blocks()), axis=1)
        return samples, source.sample_rate, source.damage, source.missing_s


@pytest.mark.parametrize("arguments", [["-b", "8"], ["-b", "64", "-t"], ["-V", "6"], ["-b", "32", "-m", "m"]])
def test_an_mp3_is_cut_to_the_sample(encode, music, tmp_path, arguments):
    """Behind the frames whose data stayed behind, the part is what the whole file has there."""
    song = encode("lame", np.tile(music, 6), 44100, *arguments)
    whole, rate, *_ = read(song)
    for start in (0.0, 0.02, 5.3, 11.9):
        with open_audio(song) as source:
            clip = cut_clip(source, tmp_path / "part", start=start, duration=3.0)
        part, part_rate, damage, missing = read(clip.path)
        assert (part_rate, damage, missing) == (rate, (), 0.0)
        at = round(clip.start * rate)
        assert clip.start * rate == pytest.approx(at, abs=1e-6)
        assert clip.duration == part.shape[1] / rate
        assert clip.start <= start + 0.05
        assert clip.start + clip.duration >= min(start + 3.0, whole.shape[1] / rate) - 1e-6
        silent = 0 if at == 0 else rate // 2
        # Behind the end of the music there may be padding.
        count = min(part.shape[1], whole.shape[1] - at)
        assert count > part.shape[1] - 1152
        assert np.abs(part[:, silent:count] - whole[:, at + silent : at + count]).max() < 1e-5


def test_a_part_of_joined_files_ends_with_one_of_them(encode, music, tmp_path):
    one = encode("lame", np.tile(music, 2), 44100, "-b", "64").read_bytes()
    song = tmp_path / "joined.mp3"
    song.write_bytes(one * 2)
    with open_audio(song) as source:
        clip = cut_clip(source, tmp_path / "part", start=3.9, duration=3.0, margin=0.5)
    # The first file has 4 s; less than a second would not show that it is music.
    assert 2.9 < clip.start < 3.5
    assert clip.start + clip.duration == pytest.approx(4.0, abs=0.03)
    with open_audio(song) as source:
        clip = cut_clip(source, tmp_path / "part", start=4.1, duration=3.0, margin=0.5)
    assert clip.start == pytest.approx(4.0, abs=0.03)
    assert clip.duration > 3.0


def test_other_formats_are_cut_without_loss(music, tmp_path):
    song = tmp_path / "song.flac"
    soundfile.write(song, music.T, 44100, subtype="PCM_24")
    with open_audio(song) as source:
        clip = cut_clip(source, tmp_path / "part", start=0.5, duration=1.0, margin=0.25)
    assert (clip.start, clip.duration) == (0.25, 1.5)
    part, rate, *_ = read(clip.path)
    assert rate == 44100
    assert np.abs(part - music[:, 11025:77175]).max() < 1e-6


@pytest.mark.parametrize("name", ["song.mp3", "song.flac"])
def test_a_start_behind_the_end_is_refused(encode, music, tmp_path, name):
    song = tmp_path / name
    if name.endswith("mp3"):
        encode("lame", music, 44100, "-b", "64").rename(song)
    else:
        soundfile.write(song, music.T, 44100)
    with open_audio(song) as source, pytest.raises(UsageError, match=r"ends at 2\.0 s, before 2\.5 s"):
        cut_clip(source, tmp_path / "part", start=2.5, duration=1.0, margin=1.0)

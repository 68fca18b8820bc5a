"""Decoding: everything that is in the file, and a plain word about what is not audio."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen.id3 import COMM, ID3

from mp3restore import DecodeError, InputError, NoInputError
from mp3restore.audio.decode import open_audio
from mp3restore.audio.run_decoder import BLOCK_SECONDS


def decoded(path: Path) -> np.ndarray:
    with open_audio(path) as source:
        return np.concatenate(list(source.blocks()), axis=1)


def ffmpeg_length(path: Path, channels: int) -> int:
    command = ["ffmpeg", "-v", "error", "-f", "mp3", "-i", str(path), "-f", "s16le", "-"]
    return len(subprocess.run(command, check=True, capture_output=True).stdout) // 2 // channels


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_wav_is_read_exactly(tmp_path, subtype, channels):
    samples = np.random.default_rng(0).uniform(-0.9, 0.9, (channels, 70_001)).astype(np.float32)
    path = tmp_path / "a.wav"
    soundfile.write(path, samples.T, 32000, subtype=subtype)
    with open_audio(path) as source:
        assert (source.sample_rate, source.channels, source.frames) == (32000, channels, 70_001)
        blocks = list(source.blocks())
    assert all(b.dtype == np.float32 and b.flags.c_contiguous for b in blocks)
    step = {"PCM_16": 2.0**-15, "PCM_24": 2.0**-23, "FLOAT": 0}[subtype]
    assert np.abs(np.concatenate(blocks, axis=1) - samples).max() <= step


def test_content_decides_and_not_the_name(tmp_path, sample):
    for name in ("song", "song.wav", "song.raw", "song.txt"):
        path = tmp_path / name
        shutil.copy(sample, path)
        assert decoded(path).shape == decoded(sample).shape


@pytest.mark.parametrize(
    "arguments", [("-b", "128"), ("-b", "128", "-t"), ("-V", "2"), ("-V", "2", "-t"), ("--abr", "48", "-t")]
)
def test_length_is_that_of_ffmpeg_with_and_without_a_length_tag(encode, music, arguments):
    # A loud start and a silent rest: from the first frames of a variable bitrate without tag, libsndfile estimates
    # a fraction of the length, and stops there.
    uneven = np.concatenate([music, np.zeros((2, 10 * 44100), np.float32)], axis=1)
    path = encode("lame", uneven, 44100, *arguments)
    assert decoded(path).shape[1] == ffmpeg_length(path, 2)


@pytest.mark.parametrize("junk", [b"\0" * 1000, b"no audio " * 100, b"\xff\xfb" + b"a" * 2000, b"x" * 100_000])
@pytest.mark.parametrize("name", ["a.mp3", "a"])
def test_junk_in_front_is_skipped(tmp_path, encode, music, junk, name):
    path = encode("lame", music, 44100, "-b", "64", "-t")
    clean = decoded(path)
    damaged = tmp_path / "junk" / name
    damaged.parent.mkdir()
    damaged.write_bytes(junk + path.read_bytes())
    np.testing.assert_array_equal(decoded(damaged), clean)


@pytest.mark.parametrize("arguments", [("-b", "64"), ("-b", "64", "-t"), ("-V", "4"), ("-V", "4", "-t")])
def test_cut_in_a_frame_gives_all_whole_frames(tmp_path, encode, music, arguments):
    path = encode("lame", music, 44100, *arguments)
    clean, data = decoded(path), path.read_bytes()
    cut = tmp_path / "cut.mp3"
    cut.write_bytes(data[: len(data) * 2 // 3 + 5])
    part = decoded(cut)
    assert 0.4 * clean.shape[1] < part.shape[1] < clean.shape[1]
    np.testing.assert_array_equal(part, clean[:, : part.shape[1]])


def test_large_id3_tag_is_skipped(tmp_path, encode, music):
    path = encode("lame", music, 44100, "-b", "64", "-t")
    tagged = tmp_path / "tagged.mp3"
    tagged.write_bytes(b"ID3\x04\0\0" + bytes([0, 40, 0, 0]) + bytes(40 << 14) + path.read_bytes())
    np.testing.assert_array_equal(decoded(tagged), decoded(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"these are words, not music\n" * 400, "no audio found"),
        (b"ID3\x04\0\0\0\0\x0f\x76" + bytes(2038), "no audio found"),
        (bytes(5000), "no audio found"),
    ],
    ids=["empty", "text", "only-id3", "zeros"],
)
def test_what_is_not_audio_is_named(tmp_path, content, message):
    path = tmp_path / "song.mp3"
    path.write_bytes(content)
    with pytest.raises(DecodeError, match=message) as caught:
        decoded(path)
    assert caught.value.path == path
    assert caught.value.hint


def test_file_without_samples_is_named(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((0, 2)), 44100)
    with pytest.raises(DecodeError, match="contains no audio"):
        decoded(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused(tmp_path, value):
    samples = np.zeros((44100, 2), np.float32)
    samples[22050, 1] = value
    soundfile.write(tmp_path / "a.wav", samples, 44100, subtype="FLOAT")
    with pytest.raises(InputError, match=r"not a finite number, at 0\.500 s"):
        decoded(tmp_path / "a.wav")


def test_nine_channels_are_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((100, 9)), 44100)
    with pytest.raises(InputError, match="has 9 channels; at most 8"):
        open_audio(tmp_path / "a.wav")


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(NoInputError, match="no such file"):
        open_audio(tmp_path / "a.mp3")
    with pytest.raises(InputError, match="not a regular file"):
        open_audio(tmp_path)


def test_what_libsndfile_cannot_read_goes_to_a_decoder_of_the_system(tmp_path, music):
    soundfile.write(tmp_path / "a.wav", music.T, 44100)
    path = tmp_path / "a.m4a"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(tmp_path / "a.wav"), "-c:a", "aac", "-b:a", "192k", str(path)], check=True
    )
    with open_audio(path) as source:
        assert source.decoder.startswith("audioread")
        samples = np.concatenate(list(source.blocks()), axis=1)
    assert samples.shape[0] == 2
    assert abs(samples.shape[1] - music.shape[1]) < 4096
    assert 0.5 < np.abs(samples).max() / np.abs(music).max() < 1.5


def test_closing_early_leaves_no_process_behind(tmp_path, music):
    # Unclosed pipes and files are warnings, and warnings are errors here.
    path = tmp_path / "a.wav"
    soundfile.write(path, music.T, 44100)
    with open_audio(path) as source:
        next(source.blocks())


def test_block_length_is_bounded(sample):
    with open_audio(sample) as source:
        assert max(block.shape[1] for block in source.blocks()) <= BLOCK_SECONDS * source.sample_rate


def test_the_comment_of_itunes_bounds_the_music(encode, music):
    tagged = decoded(encode("lame", music, 44100, "-b", "128"))
    path = encode("lame", music, 44100, "-b", "128", "-t")
    padding = decoded(path).shape[1] - 576 - music.shape[1]
    comment = f" 00000000 {576:08X} {padding:08X} {music.shape[1]:016X} 00000000"
    tags = ID3()
    tags.add(COMM(encoding=0, lang="eng", desc="iTunSMPB", text=[comment]))
    tags.save(path)
    assert decoded(path).shape == music.shape
    np.testing.assert_allclose(decoded(path)[:, 2000:-2000], tagged[:, 2000:-2000], atol=1e-6)
    tags.add(COMM(encoding=0, lang="eng", desc="iTunSMPB", text=["nonsense"]))
    tags.save(path)
    assert decoded(path).shape[1] == music.shape[1] + 576 + padding


@pytest.mark.parametrize("bitrate", ["32k", "128k"])
def test_blocks_are_what_a_whole_read_gives(encode, music, bitrate):
    # Low bitrates reach far back into the bit reservoir, which any seeking between blocks would lose.
    mp3 = encode("ffmpeg", np.tile(music, 4), 44100, "-b:a", bitrate)
    expected, _ = soundfile.read(mp3, dtype="float32", always_2d=True)
    with open_audio(mp3) as source:
        blocks = list(source.blocks())
    assert len(blocks) > 4
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), expected.T)

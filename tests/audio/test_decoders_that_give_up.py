"""Decoders that stop in the middle, of files that hold other things than music, and of programs that are not there."""

from __future__ import annotations

import subprocess

import audioread
import numpy as np
import pytest
import soundfile

from mp3restore.audio import run_decoder, run_samples
from mp3restore.audio.decode import open_audio
from mp3restore.audio.external import AudioreadSource, FFmpegReader
from mp3restore.audio.input import InputFile
from mp3restore.errors import DecodeError

FRAME = 1152


def decoded(path):
    with open_audio(path) as source:
        return np.concatenate(list(source.blocks()), axis=1)


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


def test_a_flac_that_is_cut_off_says_where(tmp_path, rng):
    path = tmp_path / "a.flac"
    soundfile.write(path, rng.normal(0, 0.1, (44100 * 4, 1)), 44100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with open_audio(path) as source, pytest.raises(DecodeError, match=r"is damaged after 1\.4 s"):
        list(source.blocks())


def test_ogg_music_before_a_video_and_after_what_only_looks_like_a_page(tmp_path, music):
    path, video, chained = tmp_path / "a.ogg", tmp_path / "v.ogv", tmp_path / "chained.ogg"
    soundfile.write(path, music.T, 44100, format="OGG", subtype="VORBIS")
    ffmpeg("-f", "lavfi", "-i", "testsrc=d=1:s=64x64", "-c:v", "libtheora", video)
    chained.write_bytes(path.read_bytes() + video.read_bytes())
    np.testing.assert_array_equal(decoded(chained), decoded(path))
    # Two links, and letters between them that are no page: there is no version 1 of Ogg.
    chained.write_bytes(path.read_bytes() + b"OggS\1\2" + bytes(30) + path.read_bytes())
    with open_audio(chained) as source:
        assert source.decoder.endswith(", 2 links")
        assert source.kbps == pytest.approx(chained.stat().st_size * 8 / 1000 / 4, rel=0.01)
        assert sum(block.shape[1] for block in source.blocks()) == 2 * music.shape[1]


def test_a_few_frames_among_much_else_are_left_to_other_decoders(tmp_path, encode, music):
    data = encode("lame", music, 44100, "-b", "64", "--resample", "44.1").read_bytes()
    path = tmp_path / "a.bin"
    path.write_bytes(b"words" + data[: 10 * 209] + b"words and words " * 1000)
    with open_audio(path) as source:
        assert source.decoder == "audioread, FFmpeg"
    # What begins with them is nothing else.
    path.write_bytes(data[: 10 * 209] + b"words and words " * 1000)
    with open_audio(path) as source:
        assert source.decoder == "libsndfile, MPEG layer III"
    path.write_bytes(data + b"words and words " * 1000)
    with open_audio(path) as source:
        assert source.decoder == "libsndfile, MPEG layer III"


def test_where_the_decoder_stops_it_begins_again_behind(encode, music, monkeypatch):
    path = encode("lame", music, 44100, "-b", "64", "--resample", "44.1")
    clean = decoded(path)
    whole = run_samples.decode_run
    starts = []

    def stops_in_frame_20_and_at_the_last(data, frame, rate):
        """Play up to the middle of frame 20; from there on refuse to begin at the last two frames."""
        starts.append(frame)
        if frame == 0:
            yield np.concatenate(list(whole(data, frame, rate)), axis=1)[:, : 20 * FRAME + 500]
        elif frame == 21:
            blocks = np.concatenate(list(whole(data, frame, rate)), axis=1)
            yield blocks[:, : blocks.shape[1] // FRAME * FRAME - 2 * FRAME]

    monkeypatch.setattr(run_samples, "decode_run", stops_in_frame_20_and_at_the_last)
    with open_audio(path) as source:
        samples = np.concatenate(list(source.blocks()), axis=1)
        frames = source.runs[0].position.size
        assert starts == [0, 21, frames - 1]
        assert samples.shape == clean.shape
        first = source.ranges[0].start
        lost = slice(20 * FRAME + 500 - first, 21 * FRAME - first)
        assert np.all(samples[:, lost] == 0)
        assert np.any(clean[:, lost] != 0)
        np.testing.assert_array_equal(samples[:, : lost.start], clean[:, : lost.start])
        # The frames behind need the reservoir of those before for a moment.
        later = slice(lost.stop + 4 * FRAME, samples.shape[1] - 3 * FRAME)
        np.testing.assert_allclose(samples[:, later], clean[:, later], atol=1e-4)
        at, size = source.runs[0].position, source.runs[0].size
        damage = source.damage
        assert [(each.position, each.length) for each in damage] == [
            (int(at[20]), int(size[20])),
            (int(at[frames - 2]), int(size[frames - 2] + size[frames - 1])),
        ]
        assert damage[0].silence_s == pytest.approx(FRAME / 44100)
        assert damage[0].seconds == pytest.approx((20 * FRAME - first) / 44100)


def test_another_number_of_samples_than_the_frames_hold_is_an_error(encode, music):
    with open_audio(encode("lame", music, 44100, "-b", "64", "--resample", "44.1")) as source:
        source.frames += 1
        with pytest.raises(DecodeError, match=r"samples were decoded, but its frames hold"):
            list(source.blocks())


def test_a_run_that_libsndfile_does_not_take_has_no_samples():
    class Frames:
        """What says it is frames and is not."""

        position = np.array([0])

        def __call__(self, start, stop):
            return b"words"[start:stop]

    assert list(run_decoder.decode_run(Frames(), 0, 44100)) == []


def test_an_error_of_libsndfile_in_the_middle_ends_what_it_decodes(encode, music, monkeypatch):
    path = encode("lame", music, 44100, "-b", "64", "--resample", "44.1")
    clean = decoded(path)

    class Failing(run_decoder.Sequential):
        """Fails behind the first frames."""

        def read(self, _, **options):
            if self.tell() > 0:
                raise soundfile.LibsndfileError(1)
            return super().read(10 * FRAME, **options)

    monkeypatch.setattr(run_decoder, "Sequential", Failing)
    samples = decoded(path)
    assert samples.shape == clean.shape
    np.testing.assert_array_equal(samples[:, : 8 * FRAME], clean[:, : 8 * FRAME])


@pytest.fixture
def fake_ffmpeg(tmp_path, monkeypatch):
    """Put a program in the place of ffmpeg that prints these bytes; returns any file for it to decode."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def write(output, messages=""):
        (folder / "output").write_bytes(output)
        program = folder / "ffmpeg"
        program.write_text(f"#!/bin/sh\nprintf '{messages}' >&2\ncat '{folder / 'output'}'\n")
        program.chmod(0o755)
        (tmp_path / "in.xyz").write_bytes(b"anything")
        return tmp_path / "in.xyz"

    return write


def chunk(name, content):
    return name + len(content).to_bytes(4, "little") + content


KIND = chunk(b"fmt ", (1).to_bytes(2, "little") + (2).to_bytes(2, "little") + (8000).to_bytes(4, "little") + bytes(8))
HEAD = b"RIFF\xff\xff\xff\xffWAVE"
READ_AT_ONCE = 65_536  # bytes


def test_other_chunks_and_half_a_sample_at_the_end(fake_ffmpeg):
    samples = np.arange(READ_AT_ONCE // 2, dtype="<i2")
    path = fake_ffmpeg(
        HEAD + chunk(b"LIST", b"INFO") + KIND + chunk(b"data", b"")[:4] + b"\xff" * 4 + samples.tobytes() + b"\1",
        r"  Duration: 00:01:02.50, start\n",
    )
    with AudioreadSource(InputFile(path)) as source:
        assert (source.sample_rate, source.channels, source.frames) == (8000, 2, 500_000)
        block = np.concatenate(list(source.blocks()), axis=1)
        np.testing.assert_array_equal(np.round(block.T.ravel() * 32768), samples)


@pytest.mark.parametrize(
    "output", [HEAD + chunk(b"data", b"1234"), HEAD, HEAD + chunk(b"junk", b"1") * 20 + KIND + b"data"]
)
def test_a_stream_without_a_format_is_no_audio(fake_ffmpeg, output):
    with pytest.raises(audioread.DecodeError):
        FFmpegReader(str(fake_ffmpeg(output)))


def test_a_length_that_is_not_stated_is_not_known(fake_ffmpeg):
    path = fake_ffmpeg(HEAD + KIND + b"data\xff\xff\xff\xff" + bytes(400))
    with AudioreadSource(InputFile(path)) as source:
        assert (source.frames, source.kbps) == (None, None)
        assert sum(block.shape[1] for block in source.blocks()) == 100


def test_without_ffmpeg_the_reader_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(audioread.ffdec.NotInstalledError):
        FFmpegReader(str(tmp_path / "a.xyz"))

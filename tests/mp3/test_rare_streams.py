"""Streams that few files have: rare tags, parts without tags, samples beyond the stream, nothing at all."""

from __future__ import annotations

import io

import numpy as np
import pytest

from mp3restore.mp3 import decoded as decoded_module
from mp3restore.mp3.assembly import find_runs
from mp3restore.mp3.decoded import DecodedReader, describe_coding
from mp3restore.mp3.foreign import GARBAGE, name_blocks
from mp3restore.mp3.framing import read_table
from mp3restore.mp3.granules import coded_granules
from mp3restore.mp3.grid import GridResult, expected_offset, find_grid
from mp3restore.mp3.info_tag import read_info_tag
from mp3restore.mp3.stream import GRANULE_SAMPLES, read_stream

ID3 = b"ID3\x04\0\0\0\0\x07\x68" + bytes(1000)
ID3_WITH_FOOTER = b"ID3\x04\0\x10\0\0\x07\x68" + b"x" * 1000 + b"3DI\x04\0\x10\0\0\x07\x68"
ID3V1_PLUS = b"TAG+" + bytes(223)
ID3V1 = b"TAG" + bytes(125)
LYRICS3 = b"LYRICSBEGIN" + b"[00:01]la la" * 20 + b"000251LYRICS200"
LYRICS3_1 = b"LYRICSBEGIN" + b"[00:01]la la" * 20 + b"LYRICSEND"
ICY = bytes([4]) + b"StreamTitle='a song';".ljust(64, b"\0")


def named(data):
    return [(block.name, block.length) for block in name_blocks(lambda a, b: data[a:b], 0, len(data))]


def runs_of(data):
    def read(start, stop):
        return data[start:stop]

    return find_runs(read_table(io.BytesIO(data)), read), read


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"junk" * 9 + ID3V1_PLUS + ID3V1, [(GARBAGE, 36), ("ID3v1", 227), ("ID3v1", 128)]),
        (b"junk" * 9 + ID3V1_PLUS, [(GARBAGE, 36), ("ID3v1", 227)]),
        (ID3V1_PLUS + b"junk" * 9, [("ID3v1", 227), (GARBAGE, 36)]),
        (b"junk" * 9 + ID3_WITH_FOOTER, [(GARBAGE, 36), ("ID3v2", 1020)]),
        (b"junk" * 9 + b"3DI\x04\0\x10\0\0\x07\x68", [(GARBAGE, 46)]),  # longer than what stands before it
        (b"junk" * 9 + ICY + b"junk" * 9, [(GARBAGE, 36), ("ICY", 65), (GARBAGE, 36)]),
        (b"junk" * 9 + LYRICS3 + b"junk" * 9, [(GARBAGE, 36), ("Lyrics3", 266), (GARBAGE, 36)]),
        (b"junk" * 9 + LYRICS3_1 + b"junk" * 9, [(GARBAGE, 36), ("Lyrics3", 260), (GARBAGE, 36)]),
        (ICY[1:] + b"junk" * 9, [(GARBAGE, 100)]),  # without the byte that says its length
    ],
)
def test_rare_tags_are_named(data, expected):
    assert named(data) == expected


@pytest.mark.parametrize("tag", [LYRICS3, LYRICS3_1])
def test_lyrics_without_an_end_cost_no_frames(encoded, tag):
    data = encoded("untagged").read_bytes()
    alone = read_table(io.BytesIO(data))
    table = read_table(io.BytesIO(b"LYRICSBEGIN" + data + tag + data))
    assert table.position.size == 2 * alone.position.size
    assert [(block.name, block.length) for block in table.blocks] == [(GARBAGE, 11), ("Lyrics3", len(tag))]


def test_tags_in_the_middle_divide_a_file_only_behind_its_end(encoded):
    whole, bare = encoded("cbr128").read_bytes(), encoded("untagged").read_bytes()
    (alone,), _ = runs_of(whole)
    table = read_table(io.BytesIO(whole))
    middle = int(table.position[table.position.size // 2])
    (run,), _ = runs_of(whole[:middle] + ID3 + whole[middle:])
    assert run.parts == alone.parts
    assert run.music() == alone.music()
    # Two files in one, the second without a tag that says how long it is: it is played to its end.
    (run,), _ = runs_of(whole + ID3 + bare)
    assert [part.stop - part.start for part in run.parts] == [
        alone.position.size,
        run.position.size - alone.position.size,
    ]
    assert [part.tag is None for part in run.parts] == [False, True]
    # Neither has a tag: nothing is cut between them.
    (run,), _ = runs_of(bare + ID3 + bare)
    assert len(run.parts) == 2
    assert run.music() == [(0, run.position.size * 1152)]


def test_a_frame_of_music_is_no_tag(encoded):
    data = encoded("untagged").read_bytes()
    assert read_info_tag(data[:417], 32) is None
    assert read_info_tag(encoded("cbr128").read_bytes()[:417], 32).encoder_delay > 0


def test_samples_beyond_the_stream_have_no_granules(encoded, decode, cut):
    stream = read_stream(encoded("mono64"))
    samples = decode(encoded("mono64"))
    offset = expected_offset(stream)
    longer = np.concatenate([samples, np.zeros((samples.shape[0], 300_000), np.float32)], axis=1)

    def sound(decoded):
        runs = list(coded_granules(stream, cut(decoded, 30000), offset=offset))
        return {run.first + k: bool(is_sound) for run in runs for k, is_sound in enumerate(run.sound)}

    alone, followed = sound(samples), sound(longer)
    assert max(followed) == stream.granules - 1
    assert {k: followed[k] for k in range(1, stream.granules - 8)} == {
        k: alone[k] for k in range(1, stream.granules - 8)
    }


def test_the_grid_of_mono_in_two_channels_is_found(encoded, decode):
    stream = read_stream(encoded("mono64"))
    both = np.repeat(decode(encoded("mono64"))[:1], 2, axis=0)
    grid = find_grid(both, stream.sample_rate)
    assert grid.found
    assert grid.offset == expected_offset(stream) % GRANULE_SAMPLES


def test_samples_that_say_nothing_describe_nothing():
    assert describe_coding(np.ones((2, 24_000), np.float32), 44100, 0) is None
    assert describe_coding(np.zeros((2, 100_000), np.float32), 44100, 0) is None


def read_on(samples, first, offset, cut):
    """Read samples as if they went on where `first` ends."""
    reader = DecodedReader(describe_coding(first, 44100, offset), offset=offset)
    return [run for block in cut(samples, 20000) for run in reader.push(block)]


def test_music_that_was_no_mp3_is_searched_less_and_less_often(encoded, decode, source, cut, monkeypatch):
    offset = expected_offset(read_stream(encoded("cbr128"))) % GRANULE_SAMPLES
    searched = []

    def search(samples, rate):
        searched.append(samples)
        return find_grid(samples, rate)

    monkeypatch.setattr(decoded_module, "find_grid", search)
    runs = read_on(np.tile(source, 3), decode(encoded("cbr128")), offset, cut)
    assert not any(run.sound.any() for run in runs)
    assert {run.shift for run in runs} == {0}
    assert 2 <= len(searched) < len(runs)


def test_a_wrong_guess_of_the_grid_is_not_followed(encoded, decode, source, cut, monkeypatch):
    offset = expected_offset(read_stream(encoded("cbr128"))) % GRANULE_SAMPLES
    guess = GridResult(offset=100, zero_share=0.5, confidence=1.0, deviations=100.0)
    monkeypatch.setattr(decoded_module, "find_grid", lambda *_: guess)
    runs = read_on(np.tile(source, 2), decode(encoded("cbr128")), offset, cut)
    assert {run.shift for run in runs} == {0}

"""Stages of a pipeline that fail or end at awkward moments, and what is said of an odd input."""

from __future__ import annotations

import subprocess
import threading
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from mp3restore.audio.decode import open_audio
from mp3restore.inspection.bitstream import open_bitstream
from mp3restore.inspection.examine import examine
from mp3restore.pipeline.consistency import GranuleTap
from mp3restore.pipeline.findings import ClippingCounter, reason_to_leave, warnings_of
from mp3restore.pipeline.stages import SampleQueue, write_behind


def test_an_error_while_the_end_waits_for_room_is_raised():
    gate = threading.Event()

    def fail_late(item):
        gate.wait(10)
        raise OSError(f"cannot write {item}")

    with pytest.raises(OSError, match="cannot write 0"), write_behind(fail_late, 1) as put:  # noqa: PT012
        put(0)
        put(1)  # fills the queue while the first one is being written
        threading.Timer(0.3, gate.set).start()


def test_nothing_can_be_taken_before_something_has_passed():
    samples = SampleQueue()
    with pytest.raises(RuntimeError, match="nothing has passed yet"):
        samples.take(1)
    list(samples.tap([np.ones((2, 3), np.float32)]))
    assert samples.take(2).shape == (2, 2)
    assert samples.take(2).shape == (2, 1)
    assert samples.take(2).shape == (2, 0)
    list(samples.tap([np.full((2, 2), k, np.float32) for k in (1, 2)]))
    np.testing.assert_array_equal(samples.take(2), np.ones((2, 2)))  # a whole piece, and another waits
    np.testing.assert_array_equal(samples.take(2), 2 * np.ones((2, 2)))


def test_between_two_parts_at_its_own_rate_nothing_is_known(encode, music, tmp_path):
    """A second at 44.1 kHz, six at 22.05 kHz, which are converted, and ten at 44.1 kHz again."""
    high, low = (
        encode("lame", np.tile(music, 5), 44100, "-b", "64", "-t", "--resample", rate).read_bytes()
        for rate in ("44.1", "22.05")
    )
    path = tmp_path / "joined.mp3"
    path.write_bytes(high[: len(high) // 10] + low[: len(low) * 6 // 10] + high)
    with open_audio(path) as source:
        bitstream = open_bitstream(source)
        first, second = bitstream.stretches
        assert second.start - first.stop > 5 * 44100
        tap = GranuleTap(bitstream, working_rate=44100, bands=4, keep=False)
        blocks = list(tap.tap(source.blocks()))
        assert sum(block.shape[1] for block in blocks) == source.frames
    rows = np.concatenate([passage.uncertainty for passage in tap.passages(blocks)])
    assert len(rows) == 1 + source.frames // 512
    unknown = rows[(first.stop + 44100) // 512]
    assert np.all(rows[first.stop // 512 + 8 : second.start // 512 - 8] == unknown)
    assert np.any(rows[second.start // 512 + 8 :] != unknown)


def test_where_no_samples_pass_there_is_no_map(encode, music):
    with open_audio(encode("lame", music, 44100, "-b", "64")) as source:
        tap = GranuleTap(open_bitstream(source), working_rate=44100, bands=4, keep=False)
    assert list(tap.passages([])) == []


def test_of_many_damaged_places_the_first_are_named_and_the_others_counted(encode, music, rng, tmp_path):
    data = bytearray(encode("lame", np.tile(music, 4), 44100, "-b", "64", "--resample", "44.1").read_bytes())
    for place in range(5000, len(data) - 5000, 5000):
        data[place : place + 300] = rng.bytes(300)
    path = tmp_path / "a.mp3"
    path.write_bytes(data)
    with open_audio(path) as source:
        found = examine(source)
        for _ in source.blocks():
            pass
        places = len(source.damage)
        told = list(warnings_of(found, ClippingCounter(), source, seconds=8.0, automatic_strength=True))
    places_told = [line for line in told if " at byte " in line]
    (rest,) = [line for line in told if line.startswith("further damaged places: ")]
    assert rest.startswith(f"further damaged places: {places - len(places_told)}, with ")
    assert 0 < len(places_told) < places
    assert told[-1].startswith("'mp3restore repair FILE'")


def test_a_file_whose_mp3_cannot_be_read_is_left_for_that_reason(encode, music, tmp_path):
    mp3, path = encode("lame", music, 44100, "-b", "128"), tmp_path / "a.wav"
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(mp3), str(path)], check=True, stdin=subprocess.DEVNULL)
    with open_audio(path) as source:
        found = examine(source)
    assert reason_to_leave(found).startswith("the input was decoded from an MP3 of about 128 kbit/s")
    unread = replace(found.decoded, stream=replace(found.decoded.stream, sound_share=0.1))
    assert reason_to_leave(replace(found, decoded=unread)) == (
        "the input was decoded from an MP3 of unknown bitrate, but nothing shows what it has lost"
    )
    soundfile.write(tmp_path / "b.wav", music.T, 44100)
    with open_audio(tmp_path / "b.wav") as source:
        assert reason_to_leave(examine(source)) == "no trace of lossy compression was found"

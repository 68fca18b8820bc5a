"""At which second damage is heard: in files of several kinds, of several parts, and beside the music."""

from __future__ import annotations

import numpy as np
import pytest

from mp3restore.audio.decode import open_audio

FRAME_BYTES = 209  # of LAME at 64 kbit/s and 22.05 kHz, without padding


@pytest.fixture
def pieces(encode, music):
    """Encode two seconds at 44.1 kHz, and the same at 22.05 kHz."""
    return [
        encode("lame", music, 44100, "-b", rate, "--resample", resampled).read_bytes()
        for rate, resampled in (("128", "44.1"), ("64", "22.05"))
    ]


@pytest.fixture
def look(tmp_path):
    """Decode bytes to their end; returns length and rate, runs and damage."""

    def run(data):
        path = tmp_path / "a.mp3"
        path.write_bytes(data)
        with open_audio(path) as source:
            length = sum(block.shape[1] for block in source.blocks())
            return length, source.sample_rate, source.runs, source.damage

    return run


def hurt(data, rng, place):
    return data[:place] + rng.integers(0, 200, 300, np.uint8).tobytes() + data[place + 300 :]


def test_damage_between_and_in_runs_of_two_rates(pieces, look, rng):
    high, low = pieces
    junk = rng.integers(0, 255, 700, np.uint8).tobytes()
    length, rate, runs, damage = look(high + junk + hurt(low, rng, 8000))
    assert ([run.sample_rate for run in runs], rate, length) == ([44100, 22050], 22050, 2 * 44100)
    between, inside = damage
    assert (between.position, between.length, between.seconds) == (len(high), 700, 2.0)
    frame = 8000 // FRAME_BYTES - 1  # the tag is the first
    start = runs[1].music()[0][0]
    assert inside.seconds == pytest.approx(2 + (frame * 576 - start) / 22050, abs=576 / 22050)


def test_damage_in_the_second_of_two_files_in_one(pieces, look, rng):
    high, _ = pieces
    length, _, runs, (damage,) = look(high + hurt(high, rng, 20000))
    assert [len(run.music()) for run in runs] == [2]
    assert length == 4 * 44100
    _, _, _, (alone,) = look(hurt(high, rng, 20000))
    assert damage.position == alone.position + len(high)
    assert damage.seconds == pytest.approx(alone.seconds + 2, abs=1e-9)


def test_damage_behind_the_music_lies_at_its_end(pieces, look):
    high, low = pieces
    length, _, _, (damage,) = look(high[:-700] + b"\x11" * 700)
    assert damage.seconds == pytest.approx(length / 44100, abs=1e-3)
    # The same where a file at another rate follows: its damage is no part of that.
    _, rate, runs, damage = look(high + high[:-700] + b"\x11" * 700 + low)
    assert ([run.sample_rate for run in runs], rate) == ([44100, 22050], 44100)
    assert damage[0].seconds == pytest.approx(2 + length / 44100, abs=1e-3)
    # A tag and one frame, shorter than the delay that the tag states: a run without music, behind all that there is.
    length, _, runs, damage = look(high + low[: 2 * FRAME_BYTES])
    assert [run.music() for run in runs][1] == []
    assert length == 2 * 44100
    assert {each.seconds for each in damage} == {2.0}


def test_a_frame_at_which_the_decoder_stops_and_which_is_silent_anyway_is_told_once(pieces, look, rng, monkeypatch):
    from mp3restore.audio import run_samples  # noqa: PLC0415 - patched below

    high, _ = pieces
    damaged = hurt(high, rng, 20000)
    _, _, runs, expected = look(damaged)
    lost = int(np.flatnonzero(runs[0].silent)[0])
    whole = run_samples.decode_run

    def stops_at_the_lost_frame(data, frame, rate):
        for block in whole(data, frame, rate):
            yield block[:, : lost * 1152] if frame == 0 else block
            if frame == 0:
                return

    monkeypatch.setattr(run_samples, "decode_run", stops_at_the_lost_frame)
    length, _, _, damage = look(damaged)
    assert damage == expected
    assert length == 2 * 44100

"""How a file is cut into chunks, together with the map of what it lost."""

import numpy as np
import pytest

from mp3restore import load_model
from mp3restore.generator.chunks import Passage, with_edges, without_edges
from mp3restore.generator.restorer import Restorer
from mp3restore.generator.uncertainty import PLANES

HALO = 5
BANDS = 2


class Recorder:
    """Stands for a generator: restores nothing and remembers which rows of the map it was given for which frames."""

    margin = 512 * (HALO + 2)

    def __init__(self):
        self.rows = {}

    def frames(self, hops):
        return hops + 1 + 2 * HALO

    def first_row(self, first_hop):
        return first_hop - HALO

    def fill(self, planes, uncertainty, first_hop, _noise, _timings, *, by_evidence):
        assert by_evidence
        hops = planes.shape[1] // 512 - 2 * (HALO + 2)
        if uncertainty is None:
            self.rows[first_hop] = None
        else:
            assert len(uncertainty) == self.frames(hops)
            for k, row in enumerate(uncertainty):
                seen = self.rows.setdefault(first_hop - HALO + k, row)
                np.testing.assert_array_equal(seen, row)
        return planes[:, self.margin : planes.shape[1] - self.margin]


@pytest.fixture
def restorer():
    made = Restorer(load_model(), threads=2, chunk_frames=12)
    made._generator = Recorder()
    return made


@pytest.mark.parametrize("lag", [0, 1, 40, 1000])
def test_frames_get_their_own_rows_however_late_these_come(restorer, rng, lag):
    samples = rng.standard_normal((2, 100 * 512 + 77)).astype(np.float32)
    rows = rng.standard_normal((101, PLANES * BANDS)).astype(np.float32)

    def passages():
        given = 0
        for start in range(0, samples.shape[1], 3000):
            ready = max(given, min(101, (start + 3000) // 512 - lag))
            yield Passage(samples[:, start : start + 3000], rows[given:ready])
            given = ready
        yield Passage(samples[:, :0], rows[given:])

    restored = np.concatenate(list(restorer.stream(passages(), sample_rate=44100)), axis=1)
    np.testing.assert_allclose(restored, 2 * samples, atol=1e-6)  # the fill here is the input again
    for number, row in restorer._generator.rows.items():
        np.testing.assert_array_equal(row, rows[np.clip(number, 0, 100)])
    assert set(range(-13, 115)) <= set(restorer._generator.rows)


@pytest.mark.parametrize("length", [1, 511, 4095, 4096, 4097, 40000])
def test_a_file_goes_on_mirrored_on_both_sides(rng, length):
    samples = rng.standard_normal((2, length)).astype(np.float32)
    pieces = [Passage(piece) for piece in np.array_split(samples, 7, axis=1)]
    wide = np.concatenate([p.samples for p in with_edges(pieces, 4096)], axis=1)
    near = min(length, 50)
    assert wide.shape == (2, length + 8192)
    np.testing.assert_array_equal(wide[:, 4096:-4096], samples)
    np.testing.assert_allclose(wide[:, 4096 - near : 4096], samples[:, near - 1 :: -1], atol=1e-2)
    np.testing.assert_allclose(wide[:, 4096 + length :][:, :near], samples[:, : -near - 1 : -1], atol=1e-2)
    assert np.abs(wide[:, [0, -1]]).max() < 1e-2
    inner = np.concatenate(list(without_edges(np.array_split(wide, 9, axis=1), 4096)), axis=1)
    np.testing.assert_array_equal(inner, samples)


def test_where_music_is_cut_there_is_no_burst():
    """Tones in full swing at both ends: a click is what they would be with silence around."""
    time = np.arange(44100) / 44100
    tones = np.stack([np.sin(2 * np.pi * hz * time + 1) for hz in (443, 1130)]).astype(np.float32) * 0.3
    restored = np.concatenate(list(Restorer(load_model(), threads=1).stream([tones], sample_rate=44100)), axis=1)
    added = np.sqrt(((restored - tones) ** 2).reshape(2, -1, 525).mean(axis=(0, 2)))
    assert max(added[0], added[-1]) < 2 * np.median(added) + 1.5e-4


def test_without_a_bitstream_there_is_no_map(restorer, music):
    list(restorer.stream([music], sample_rate=44100))
    assert set(restorer._generator.rows.values()) == {None}


def test_inverted_music_gets_the_inverted_restoration(music):
    """Where a file is cut into chunks, or how much silence comes first, must not matter."""
    late = np.concatenate([np.zeros((2, 30000), np.float32), music], axis=1)
    for samples, chunk_frames in ((music, 256), (late, 16)):
        restorer = Restorer(load_model(), threads=1, chunk_frames=chunk_frames)

        def restored(given, restorer=restorer):
            return np.concatenate(list(restorer.stream([given], sample_rate=44100)), axis=1)

        upright = restored(samples)
        np.testing.assert_array_equal(restored(-samples), -upright)
        assert np.abs(upright - samples).max() > 1e-5


def test_where_side_is_silent_mid_is_restored_as_beside_a_silent_side(music):
    """Half of the transforms are left out for mono, and for chunks of stereo whose channels are the same."""
    mono = music[:1]
    partly = np.concatenate([mono, mono], axis=0)
    partly[1, 60000:] *= 0.5
    wholes = {}
    for chunk_frames in (16, 256):  # with long chunks the side is never silent
        restorer = Restorer(load_model(), threads=1, chunk_frames=chunk_frames)
        for name, samples in {"mono": mono, "twice": np.repeat(mono, 2, axis=0), "partly": partly}.items():
            restored = np.concatenate(list(restorer.stream([samples], sample_rate=44100)), axis=1)
            np.testing.assert_allclose(restored, wholes.setdefault(name, restored), atol=1e-5)
    np.testing.assert_array_equal(wholes["twice"], np.repeat(wholes["mono"], 2, axis=0))
    # Until the channels part, the restoration is the same.
    np.testing.assert_allclose(wholes["partly"][:, :10000], wholes["twice"][:, :10000], atol=1e-5)

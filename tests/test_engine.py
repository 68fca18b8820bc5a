"""How a file is cut into chunks, together with the map of what it lost."""

import numpy as np
import pytest

from mp3restore import load_model
from mp3restore.engine import Passage, Restorer
from mp3restore.mp3.uncertainty import PLANES, unknown_row

HALO = 5
BANDS = 2
UNKNOWN = unknown_row(BANDS)


class Recorder:
    """Stands for a generator: restores nothing and remembers which rows of the map it was given for which frames."""

    margin = 512 * (HALO + 6)

    def __init__(self):
        self.rows = {}

    def frames(self, hops):
        return hops + 3 + 2 * HALO

    def first_row(self, first_hop):
        return first_hop - HALO - 1

    def restore(self, planes, uncertainty, first_hop, _noise, _timings):
        hops = planes.shape[1] // 512 - 2 * (HALO + 6)
        if uncertainty is None:
            self.rows[first_hop] = None
        else:
            assert len(uncertainty) == self.frames(hops)
            for k, row in enumerate(uncertainty):
                seen = self.rows.setdefault(first_hop - HALO - 1 + k, row)
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
    np.testing.assert_allclose(restored, samples, atol=1e-6)
    for number, row in restorer._generator.rows.items():
        np.testing.assert_array_equal(row, rows[number] if 0 <= number <= 100 else UNKNOWN)
    assert set(range(-6, 108)) <= set(restorer._generator.rows)


def test_without_a_bitstream_there_is_no_map(restorer, music):
    list(restorer.stream([music], sample_rate=44100))
    assert set(restorer._generator.rows.values()) == {None}

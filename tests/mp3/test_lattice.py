import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mp3restore.mp3.filterbank import HALO, OVERLAP, analyse
from mp3restore.mp3.grid import expected_offset
from mp3restore.mp3.lattice import LARGEST, cell_limits, lattice_distance, lattice_values, quantise, rotate_ms
from mp3restore.mp3.stream import read_stream

NORM = 17  # of a long basis function: turns a coefficient into the amplitude that it has in the samples


def test_lines_of_real_files_lie_on_the_lattice(encoded, decode, encoding):
    stream = read_stream(encoded(encoding))
    samples = decode(encoded(encoding))
    offset = expected_offset(stream)
    first = -(offset // 576)
    last = min(stream.granules, (samples.shape[1] - offset - OVERLAP - HALO) // 576)
    start = offset + 576 * first - HALO
    if start < 0:
        samples, start = np.pad(samples, ((0, 0), (-start, 0))), 0
    part = slice(first, last)
    span = samples[:, start : start + 576 * (last - first) + OVERLAP + 2 * HALO]
    lines = analyse(span, stream.block_type[part], stream.mixed[part])
    rotate_ms(lines, stream.ms[part])
    steps = stream.line_steps(first, last)
    magnitudes = quantise(lines, steps)
    distance = lattice_distance(lines, steps, magnitudes)[2:]
    coded = magnitudes[2:] > 0
    assert coded.mean() > 0.02
    assert np.mean(distance[coded] < 0.02) > 0.995
    assert 20 * np.log10(NORM * np.abs(lines[2:][~coded]).max()) < -80


@given(q=st.integers(0, LARGEST), step=st.floats(1e-9, 1e3), sign=st.sampled_from([-1, 1]))
def test_a_lattice_point_is_its_own_nearest(q, step, sign):
    line = np.array([sign * q ** (4 / 3) * step], dtype=np.float32)
    assert quantise(line, np.array([step], dtype=np.float32))[0] == q


@given(st.lists(st.floats(0, 1.6e5, width=32), min_size=1, max_size=50))
def test_every_value_lies_in_the_cell_of_its_q(values):
    lines = np.array(values, dtype=np.float32)
    ones = np.ones_like(lines)
    magnitudes = quantise(lines, ones)
    lower, upper = cell_limits(magnitudes)
    assert np.all((lower <= lines * (1 + 1e-6)) & (lines <= upper * (1 + 1e-6)))
    assert np.all((lower < lattice_values(magnitudes)) & (lattice_values(magnitudes) < upper))


def test_cells_touch():
    lower, upper = cell_limits(np.arange(LARGEST + 1))
    assert np.array_equal(lower[1:], upper[:-1])
    assert lower[0] == -upper[0] == pytest.approx(-0.5)


def test_ms_rotation_is_its_own_inverse():
    lines = np.random.default_rng(0).standard_normal((4, 2, 576)).astype(np.float32)
    turned = lines.copy()
    ms = np.array([True, False, True, True])
    rotate_ms(turned, ms)
    assert np.array_equal(turned[1], lines[1])
    assert not np.allclose(turned[0], lines[0])
    rotate_ms(turned, ms)
    assert np.allclose(turned, lines, atol=1e-6)

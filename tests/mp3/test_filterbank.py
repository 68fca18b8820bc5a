import numpy as np
import pytest

from mp3restore.mp3.filterbank import HALO, OVERLAP, SUPPORT, analyse, subbands_below, synthesise


def error_db(wrong, right):
    return 10 * np.log10(
        np.sum(np.square(wrong - right, dtype=np.float64)) / np.sum(np.square(right, dtype=np.float64))
    )


def sequence(kind, count=40):
    row = np.zeros(count, dtype=np.uint8)
    if kind != "long":
        row[10:16] = [1, 2, 2, 2, 3, 0]
        row[20:24] = [1, 2, 3, 1]
        row[24:26] = [2, 3]
    block_type = np.stack([row, row], axis=1)
    mixed = (block_type > 0) & (kind == "mixed")
    return block_type, mixed


@pytest.mark.parametrize("kind", ["long", "short", "mixed"])
def test_analysis_inverts_synthesis(kind):
    block_type, mixed = sequence(kind)
    lines = np.random.default_rng(1).standard_normal((40, 2, 576)).astype(np.float32)
    samples = synthesise(lines, block_type, mixed)
    assert samples.shape == (2, 576 * 40 + OVERLAP)
    again = analyse(np.pad(samples, ((0, 0), (HALO, HALO))), block_type, mixed)
    assert error_db(again, lines) < -110


@pytest.mark.parametrize("kind", ["long", "short", "mixed"])
def test_synthesis_inverts_analysis_away_from_the_ends(kind):
    block_type, mixed = sequence(kind)
    samples = np.random.default_rng(2).standard_normal((2, 576 * 40 + OVERLAP + 2 * HALO)).astype(np.float32)
    again = synthesise(analyse(samples, block_type, mixed), block_type, mixed)
    inner = slice(SUPPORT, -SUPPORT)
    assert error_db(again[:, inner], samples[:, HALO:-HALO][:, inner]) < -110


def test_a_wrong_block_type_does_not_reconstruct():
    block_type, mixed = sequence("short")
    lines = np.random.default_rng(3).standard_normal((40, 2, 576)).astype(np.float32)
    samples = np.pad(synthesise(lines, block_type, mixed), ((0, 0), (HALO, HALO)))
    assert error_db(analyse(samples, *sequence("long")), lines) > -30


def test_channels_do_not_touch():
    block_type, mixed = sequence("short")
    samples = np.random.default_rng(4).standard_normal((2, 576 * 40 + OVERLAP + 2 * HALO)).astype(np.float32)
    block_type[:, 1] = 0
    both = analyse(samples, block_type, mixed)
    alone = analyse(samples[1:], block_type[:, 1:], mixed[:, 1:])
    assert np.allclose(both[:, 1:], alone, atol=1e-5)


@pytest.mark.parametrize("kind", ["long", "short", "mixed"])
@pytest.mark.parametrize("line", [1, 200, 541, 576])
def test_the_lowest_sub_bands_are_enough_for_the_lowest_lines(kind, line):
    block_type, mixed = sequence(kind)
    samples = np.random.default_rng(5).standard_normal((2, 576 * 40 + OVERLAP + 2 * HALO)).astype(np.float32)
    lines = analyse(samples, block_type, mixed)
    few = analyse(samples, block_type, mixed, bands=subbands_below(line))
    np.testing.assert_allclose(few[..., :line], lines[..., :line], atol=1e-6)
    few[..., line:] = 0
    lines[..., line:] = 0
    made = [synthesise(each, block_type, mixed) for each in (few, lines)]
    np.testing.assert_allclose(*made, atol=1e-5)

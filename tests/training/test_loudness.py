"""The ear model must mask, and hear nothing below its threshold."""

import pytest

torch = pytest.importorskip("torch")
from mp3restore.training.networks.loudness import loudness  # noqa: E402

BINS, BANDS = 1025, 64
BAND = 40  # 6 kHz


def added(level_db, masker_db, place):
    """How much louder a sound gets, over all bands, by power in band BAND, where there is a masker in another."""
    without = torch.zeros(BANDS)
    without[place] = 10 ** (masker_db / 10)
    sound = without.clone()
    sound[BAND] += 10 ** (level_db / 10)
    return float((loudness(sound, BINS) - loudness(without, BINS)).sum())


def test_a_sound_is_masked_by_a_louder_one_near_it_and_more_so_from_below():
    alone, below, above, far = (added(-20, level, place) for level, place in ((-120, 0), (20, 37), (20, 43), (20, 5)))
    assert below < 0.2 * alone
    assert below < above < alone
    assert far > 0.9 * alone


def test_what_lies_below_the_threshold_in_quiet_counts_for_nothing():
    assert added(-100, -120, 0) < 0.01 * added(-20, -120, 0)


def test_ten_decibels_are_about_twice_as_loud():
    ratio = added(10, -120, 0) / added(0, -120, 0)
    assert 1.5 < ratio < 2.2

"""Measures of levels, attacks and tones, on a real recording and on faults made on purpose."""

import numpy as np
import pytest

pytest.importorskip("torch")
from mp3restore.audio.decode import open_audio
from mp3restore.dsp.resample import resample_stream
from mp3restore.training.evaluation.character import describe, describe_draws, summarise_character, summarise_spread
from mp3restore.training.evaluation.faults import FAULTS, with_fault
from mp3restore.training.evaluation.levels import POOLS, band_powers, level_error, rank_counts, spread
from mp3restore.training.evaluation.likeness import kernel_distance, patches
from mp3restore.training.evaluation.stripes import fine_structure, in_common
from mp3restore.training.evaluation.tables import markdown, spread_table
from mp3restore.training.evaluation.texture import attack_sharpness, multi_mel_snr, tonal_share

EDGE = 2000.0
WHERE = {"sample_rate": 44100, "edge_hz": EDGE, "bandwidth_hz": 7000.0}


@pytest.fixture(scope="module")
def recording(sample):
    """Eight seconds of a real recording."""
    with open_audio(sample) as source:
        whole = np.concatenate(list(source.blocks()), axis=1)
        rate = source.sample_rate
    return np.concatenate(list(resample_stream([whole[:, 8 * rate : 16 * rate]], rate, 44100)), axis=1)


def faulty(recording, name, strength):
    return with_fault(name, strength, recording, sample_rate=44100, edge_hz=EDGE)


@pytest.mark.parametrize("name", FAULTS)
def test_stronger_faults_are_further_off(recording, name):
    strengths = (0.8, 0.9, 1.0) if name == "low-pass" else FAULTS[name]  # the recording has nothing above 7 kHz
    ratios = [multi_mel_snr(recording, faulty(recording, name, s), 7000.0, 44100) for s in strengths]
    assert sorted(ratios, reverse=True) == ratios


def test_no_fault_is_no_fault(recording):
    same = faulty(recording, "too bright", 0.0)
    np.testing.assert_allclose(same, recording, atol=1e-5)
    assert multi_mel_snr(recording, same, 7000.0, 44100) > 60
    assert multi_mel_snr(recording, np.zeros_like(recording), 7000.0, 44100) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("gain_db", [-4.0, 3.0])
def test_the_error_of_levels_is_the_gain_of_the_treble(recording, gain_db):
    found = level_error(band_powers(recording, [faulty(recording, "too bright", gain_db)], **WHERE))
    assert np.median([band["error_db"] for band in found]) == pytest.approx(gain_db, abs=0.3)
    character = describe(recording, faulty(recording, "too bright", gain_db), **WHERE)
    (row,) = summarise_character([{"condition": "c", "system": "s", "character": character}])
    assert row["level_power"] == pytest.approx(gain_db, abs=0.3)


def test_draws_like_the_original_have_the_spread_of_their_error(rng):
    """Noise whose level is drawn anew for each signal, once for all its length and once from moment to moment."""

    def drawn():
        level = 10 ** (rng.normal(0, 6) / 20) * np.repeat(10 ** (rng.normal(0, 3, 125) / 20), 2048)
        return (rng.standard_normal((1, 256000)) * level).astype(np.float32) * 0.01

    ratios, counts = {}, 0
    for _ in range(12):
        levels = band_powers(drawn(), [drawn() for _ in range(7)], **(WHERE | {"bandwidth_hz": 22050.0}))
        for region, pool, apart, off in spread(levels):
            ratios.setdefault((region, pool), []).append((apart, off))
        counts = counts + rank_counts(levels, 0, rng)
    for (_, pool), found in ratios.items():
        apart, off = np.mean(found, axis=0)
        assert apart / off == pytest.approx(1, abs=0.2 if pool in {1, 4, 16} else 0.4)
    assert {pool for _, pool in ratios} == set(POOLS)
    assert len(counts) == 8


def test_draws_that_are_all_the_same_are_told(recording, rng):
    dull = faulty(recording, "too bright", -9.0)
    found = describe_draws(recording, (dull, [dull] * 7), rng, **WHERE)
    (row,) = summarise_spread([{"condition": "c", "draws": found}])
    assert (row["best_wins"], row["best_ahead"]) == (0, 0)
    assert row["above"] == [0.0] * len(POOLS)
    assert row["ranks_0"][-1] > 0.9


def test_the_best_of_the_draws_is_compared_with_the_plain_run(recording, rng):
    plain, worse, better = (faulty(recording, "too bright", db) for db in (-6.0, -9.0, 3.0))
    rows = [describe_draws(recording, (plain, draws), rng, **WHERE) for draws in ([worse, better], [worse, worse])]
    (row,) = summarise_spread([{"condition": "c", "draws": each} for each in rows])
    assert row["best_wins"] == 0.5
    assert row["best_ahead"] == pytest.approx((3 - 3) / 2, abs=0.5)
    (alone,) = summarise_spread([{"condition": "c", "draws": rows[0]}])
    assert alone["best_ahead"] == pytest.approx(3, abs=0.5)
    nothing = describe_draws(recording, (plain, [worse, better]), rng, **(WHERE | {"edge_hz": 20000.0}))
    (empty,) = summarise_spread([{"condition": "c", "draws": nothing}])
    assert empty["best_wins"] is None
    assert "| - |" in markdown(spread_table([empty]))


def test_smeared_attacks_are_less_sharp_and_tones_are_counted(recording):
    sharp = attack_sharpness(recording, 44100, EDGE)
    assert attack_sharpness(faulty(recording, "pre-echo", 0.04), 44100, EDGE) < sharp - 1
    plain = tonal_share(recording, 44100, EDGE, 7000.0)
    assert tonal_share(faulty(recording, "tones for noise", 1.0), 44100, EDGE, 7000.0) > plain + 0.2
    assert attack_sharpness(np.zeros_like(recording), 44100, EDGE) == 0
    assert tonal_share(recording, 44100, 7000.0, 7100.0) == 0


def test_kernel_distance_grows_with_what_is_missing(recording):
    half = recording.shape[1] // 2
    same = kernel_distance(*(patches(part, 44100, 7000.0) for part in (recording[:, :half], recording[:, half:])))
    dull = faulty(recording, "low-pass", 0.9)
    assert kernel_distance(patches(recording, 44100, 7000.0), patches(dull, 44100, 7000.0)) > same + 50


def test_stripes_are_what_different_stretches_have_in_common(recording):
    haze = faulty(recording, "noise for tones", 1.0)

    def common(strength):
        thirds = np.array_split(faulty(haze, "tones for noise", strength), 3, axis=1)
        return in_common([fine_structure(third, 44100, EDGE, 7000.0) for third in thirds])

    assert common(0.0) < common(0.1) < common(0.3) < common(1.0)
    assert common(0.0) < 0.5  # what the envelope leaves
    assert common(1.0) > 0.95


def test_where_nothing_is_nothing_is_in_common(recording):
    silent = fine_structure(np.zeros_like(recording), 44100, EDGE, 7000.0)
    narrow = fine_structure(recording, 44100, EDGE, EDGE + 500)
    assert in_common([silent, silent]) is None
    assert in_common([narrow, narrow]) is None

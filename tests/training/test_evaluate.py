import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
from mp3restore.audio.decode import open_audio
from mp3restore.errors import UsageError
from mp3restore.generator.model import load_model
from mp3restore.inspection.bitstream import open_bitstream
from mp3restore.mp3.granules import coded_granules
from mp3restore.mp3.projection import Projector
from mp3restore.training.data.conditions import EVALUATION_CONDITIONS
from mp3restore.training.data.pairs import make_pair
from mp3restore.training.evaluation.baselines import gain_corrected, noise_filled
from mp3restore.training.evaluation.diversity import distances, regions
from mp3restore.training.evaluation.evaluate import EvaluationConfig, evaluate, write_json
from mp3restore.training.evaluation.summary import summarise, summarise_diversity
from mp3restore.training.evaluation.systems import SYSTEMS
from mp3restore.training.evaluation.tables import diversity_table, markdown, page, table, worst_table, write_card

CONDITIONS = {c.name: c for c in EVALUATION_CONDITIONS}


@pytest.fixture
def corpus(tmp_path, music):
    folder = tmp_path / "corpus"
    folder.mkdir()
    soundfile.write(folder / "<notes>.wav", np.tile(music, 3).T, 44100)
    lines = ["path\tgenre\tbandwidth_hz\tsplit", "<notes>.wav\tplucked\t22050\ttest"]
    (folder / "manifest.tsv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def config(corpus, **options):
    return EvaluationConfig(
        corpus, "ember", clips=1, seconds=1.5, conditions=("ffmpeg-cbr32",), perceptual=False, **options
    )


def test_all_systems_are_judged_and_the_same_run_gives_the_same_numbers(corpus):
    result = evaluate(config(corpus, full_clips=1), jobs=1)
    rows = {row["system"]: row for row in result["rows"]}
    assert list(dict.fromkeys(s["system"] for s in result["summary"])) == [
        name for name in SYSTEMS if not name.startswith("paper")
    ]
    assert rows["best"]["log_mel"] <= rows["restored"]["log_mel"] < rows["mp3"]["log_mel"]
    assert rows["gain-corrected"]["si_sdr"] == pytest.approx(rows["mp3"]["si_sdr"], abs=0.01)
    # What draws add is random in phase: averaged, less of it is left.
    assert rows["mean"]["si_sdr"] > rows["restored"]["si_sdr"]
    (diversity,) = result["diversity"]
    assert 0.1 < diversity["missing"] < 2
    (by_encoder,) = {row["condition"] for row in result["groups"]["encoder"]}
    assert by_encoder == "ffmpeg, up to 64 kbit/s"

    again = evaluate(config(corpus, full_clips=0), jobs=2)
    assert {row["system"]: row for row in again["rows"]} == {
        name: rows[name] for name in ("mp3", "restored", "deterministic", "variant")
    }

    text = page(json.loads(json.dumps(result)))
    assert "&lt;notes&gt;.wav" in text
    assert "<notes>" not in text
    assert all(system in text for system in SYSTEMS)
    assert_card_is_made_of(result, corpus.parent)


def assert_card_is_made_of(result, folder):
    model, run, scores = folder / "model", folder / "run", folder / "scores.json"
    shutil.copytree(load_model().onnx_path.parent, model)
    run.mkdir()
    (run / "log.csv").write_text("step,seconds,processes\n100,3600,2\n150,1800,2\n", encoding="utf-8")
    (run / "before.json").write_text('{"steps": 50, "process_hours": 1.5}', encoding="utf-8")
    (run / "export.json").write_text('{"step": 150, "largest_error": 3e-7, "precision_db": 44.2}', encoding="utf-8")
    (run / "config.json").write_text('{"critic": {"adversarial": 2.0, "features": 0.0}}', encoding="utf-8")
    write_json(result, scores)
    write_card(scores, model, run)
    card = (model / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert (
        "200 steps, 4.5 process-hours on shared cores. Spectral energy distance, and in the last run a critic." in card
    )
    assert "7 weights" in card
    assert "44 dB below" in card
    (row,) = [s for s in result["summary"] if s["system"] == "restored"]
    assert f"| ffmpeg-cbr32 | restored | 1 | {row['log_mel']:.2f} (" in card


def test_an_unknown_condition_is_refused(corpus):
    with pytest.raises(UsageError, match="unknown condition: cbr32"):
        EvaluationConfig(corpus, "ember", conditions=("cbr32",))


@pytest.mark.parametrize("name", ["ffmpeg-cbr32", "lame-cbr32", "lame-cbr32-mono"])
def test_noise_fill_adds_something_and_stays_within_what_the_mp3_says(name, music, rng, tmp_path):
    pair = make_pair(music, 44100, CONDITIONS[name])
    mp3 = tmp_path / "a.mp3"
    mp3.write_bytes(pair.mp3)
    filled = noise_filled(pair, mp3, rng)
    added = filled - pair.degraded
    assert filled.shape == pair.degraded.shape
    assert np.sqrt(np.mean(added**2)) > 1e-4
    with open_audio(mp3) as source:
        if source.sample_rate != pair.sample_rate:
            return
        known = open_bitstream(source)
        decoded = np.concatenate(list(source.blocks()), axis=1)
    whole = np.pad(added, [(0, 0), (pair.start, decoded.shape[1] - pair.start - added.shape[1])])
    runs = coded_granules(known.stream, [decoded], offset=known.offset)
    projector = Projector(known.stream, offset=known.offset)
    held = np.concatenate(list(projector.stream(runs, [decoded + whole])), axis=1)
    inside = slice(pair.start + 4000, pair.start + added.shape[1] - 4000)
    moved = (held - decoded - whole)[:, inside]
    assert np.mean(moved**2) < 1e-3 * np.mean(added**2)


def test_gain_correction_finds_the_gain(music):
    pair = make_pair(music, 44100, CONDITIONS["clean"])
    half = replace(pair, degraded=pair.degraded / 2)
    np.testing.assert_allclose(gain_corrected(half), pair.original, rtol=1e-4)


def test_rhythms_that_were_never_coded_are_judged_by_themselves(corpus, tmp_path, rng):
    hits = tmp_path / "hits"
    hits.mkdir()
    fall = np.exp(-np.arange(8000) / 1000)
    soundfile.write(hits / "a.flac", rng.standard_normal(8000) * fall * 0.2, 44100)
    (hits / "hits.tsv").write_text("path\tsplit\na.flac\ttest", encoding="utf-8")
    result = evaluate(config(corpus, full_clips=0, hits=hits, rhythms=2), jobs=1)
    rows = [row for row in result["rows"] if row["condition"] == "ffmpeg-cbr32, rhythms"]
    assert {row["clip"] for row in rows} == {"rhythm 1 at 0 s", "rhythm 2 at 0 s"}
    assert {row["system"] for row in rows} == {"mp3", "restored", "deterministic"}
    scores = {row["system"]: row for row in result["summary"] if row["condition"] == "ffmpeg-cbr32, rhythms"}
    # Nothing is coded above 5.5 kHz, and all of the noise is known.
    assert scores["restored"]["lsd_high"] < scores["mp3"]["lsd_high"] / 2


def test_what_is_left_alone_has_no_diversity():
    same = {"off": 0.0, "apart": 0.0}
    (row,) = summarise_diversity([{"condition": "clean", "distances": {"kept": same}}])
    assert row["kept"] is row["holes"] is None
    assert "clean" in str(diversity_table([row]))


def test_diversity_is_one_for_draws_from_the_distribution_of_the_original(rng):
    def noise():
        return rng.standard_normal((1, 44100)).astype(np.float32) * 0.1

    original, kept = noise(), noise()
    masks = regions(kept, 44100, 8000.0, 20000.0)
    shares = {name: mask.mean() for name, mask in masks.items()}
    assert shares["missing"] == pytest.approx(11700 / 22050, abs=0.01)
    assert shares["kept"] == pytest.approx(8000 / 22050, abs=0.02)
    found = [
        {"condition": name, "distances": distances(original, draws, masks)}
        for name, draws in (("calibrated", [noise() for _ in range(8)]), ("stubborn", [kept] * 8))
    ]
    calibrated, stubborn = summarise_diversity(found)
    assert calibrated["missing"] == pytest.approx(1, abs=0.03)
    assert stubborn["missing"] == stubborn["kept"] == 0


def test_holes_are_where_the_mp3_has_less_than_around(rng):
    spectrum = np.fft.rfft(rng.standard_normal((1, 44100)))
    spectrum[:, 3000:3300] = 0
    masks = regions(np.fft.irfft(spectrum).astype(np.float32), 44100, 16000.0, 20000.0)
    hz = np.arange(1025) * 44100 / 2048
    share = masks["holes"].mean(axis=(0, 1))
    assert share[(hz > 3050) & (hz < 3250)].mean() > 0.95
    assert share[(hz < 2900) | ((hz > 3400) & (hz < 15000))].mean() < 0.03


def row(system, clip, log_mel, si_sdr):
    about = {"clip": clip, "genre": "", "condition": "ffmpeg-cbr32", "encoder": "ffmpeg", "kbps": 32, "mono": False}
    return {**about, "system": system, "log_mel": log_mel, "si_sdr": si_sdr}


def test_changes_are_against_the_mp3_of_the_same_clips():
    rows = [row("mp3", "a", 10, 20), row("mp3", "b", 30, 20), row("best", "b", 20, 19.6)]
    rows += [row("restored", "b", 32, 19.6), row("restored", "a", 4, 19)]
    mp3, restored, best = summarise(rows)
    assert (mp3["log_mel"], restored["log_mel"]) == (20, 18)
    assert restored["log_mel_change"] == 2
    assert restored["log_mel_improved"] == 0.5
    assert restored["log_mel_worst"] == {"clip": "b", "gain": -2}
    assert restored["si_sdr_improved"] == 0.5  # half a decibel may be lost
    assert restored["si_sdr_worst"] == {"clip": "a", "gain": -1}
    assert (best["clips"], best["log_mel_change"]) == (1, 10)

    text = markdown(table([mp3, restored, best]))
    assert "| ffmpeg-cbr32 | mp3 | 2 | 20.00 | 20.00 |" in text
    assert "| ffmpeg-cbr32 | restored | 2 | 18.00 (+2.00, 50 %) | 19.30 (-0.70, 50 %) |" in text
    assert ["ffmpeg-cbr32", "log-mel dB", "b", "-2.00"] in worst_table([mp3, restored, best])["rows"]


def test_a_region_that_no_clip_has_is_left_out():
    found = {"condition": "clean", "distances": {"kept": {"apart": 1.0, "off": 2.0}}}
    content = diversity_table(summarise_diversity([found]))
    assert content["rows"] == [["clean", "1", "0.50", "-", "-"]]

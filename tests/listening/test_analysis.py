"""Analysis of listening tests, on simulated listeners whose preferences are known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from mp3restore.cli.app import app
from mp3restore.errors import ExitCode
from mp3restore.listening.analysis import abx_results, analyse, is_reliable
from mp3restore.listening.results import FORMAT, AbxRun, Ratings
from mp3restore.listening.summary import ratings_text

ANCHOR_MEANS = {"mid anchor": 30.0, "low anchor": 20.0}
TRUE_MEANS = {"reference": 97.0, "good": 75.0, "fair": 62.0, "mp3": 45.0, "mid anchor": 35.0, "low anchor": 18.0}


def simulate(rng, listeners=20, items=6, means=TRUE_MEANS):
    """Listeners with a bias of their own, and less sure about everything but the reference."""
    crowd = []
    for number in range(listeners):
        bias = rng.normal(0, 5)
        scores = {}
        for item in range(items):
            scores[f"item{item}"] = {
                name: float(
                    np.clip(rng.normal(mean + (0 if name == "reference" else bias), 2 if mean > 90 else 8), 0, 100)
                )
                for name, mean in means.items()
            }
        crowd.append(Ratings(f"listener{number}", scores))
    return crowd


def as_file(ratings, path, title="A test", test="1"):
    trials = [{"item": item, "ratings": scores} for item, scores in ratings.scores.items()]
    tree = {"format": FORMAT, "schema": 1, "mode": "mushra", "title": title, "test": test}
    path.write_text(json.dumps({**tree, "listener": ratings.listener, "trials": trials}))
    return path


def deaf(rng):
    """Someone who rates at random."""
    return Ratings("deaf", {f"item{k}": {n: float(rng.uniform(0, 100)) for n in TRUE_MEANS} for k in range(6)})


def test_known_preferences_are_found(rng):
    result = analyse([*simulate(rng), deaf(rng)])
    assert result.screened_out == ("deaf",)
    assert [score.system for score in result.scores] == list(TRUE_MEANS)
    # Systems and the MP3; nobody asks whether the reference differs from an anchor.
    assert [(pair.first, pair.second) for pair in result.comparisons] == [
        ("good", "fair"), ("good", "mp3"), ("fair", "mp3")
    ]  # fmt: skip
    for pair in result.comparisons:
        assert pair.difference > 0
        assert pair.p <= pair.p_holm < 0.001


def test_intervals_hold_the_truth_as_often_as_they_say(rng):
    means = {"reference": 100, "x": 50, **ANCHOR_MEANS}
    results = [analyse(simulate(rng, listeners=8, items=3, means=means)) for _ in range(300)]
    scores = [score for result in results for score in result.scores if score.system == "x"]
    assert 0.92 < np.mean([score.low <= 50 <= score.high for score in scores]) < 0.98


def test_equal_systems_are_seldom_told_apart(rng):
    means = {"reference": 100, "x": 50, "y": 50, **ANCHOR_MEANS}
    results = [analyse(simulate(rng, listeners=10, items=2, means=means)) for _ in range(200)]
    pairs = [pair for result in results for pair in result.comparisons if {pair.first, pair.second} == {"x", "y"}]
    assert len(pairs) == 200
    assert 0.01 < np.mean([pair.p < 0.05 for pair in pairs]) < 0.1


def test_screening_is_that_of_the_standard():
    def listener(reference, anchor):
        return Ratings(
            "a",
            {
                str(k): {"reference": r, "low anchor": 0, "mid anchor": a}
                for k, (r, a) in enumerate(zip(reference, anchor, strict=True))
            },
        )

    assert is_reliable(listener([90] * 20, [90] * 20))
    assert is_reliable(listener([89] * 3 + [100] * 17, [0] * 20))  # 15 % are not more than 15 %
    assert not is_reliable(listener([89] * 4 + [100] * 16, [0] * 20))
    assert not is_reliable(listener([100] * 20, [91] * 4 + [0] * 16))


def test_few_listeners():
    alone = analyse([Ratings("a", {"x": {"reference": 100, "mp3": 40, "y": 50, **ANCHOR_MEANS}})])
    assert alone.comparisons == ()
    assert {score.low for score in alone.scores} == {None}
    assert "One listener shows nothing" in ratings_text(alone)
    same = analyse([Ratings(n, {"x": {"reference": 100, "mp3": 40, "y": 40, **ANCHOR_MEANS}}) for n in "ab"])
    assert [pair.p for pair in same.comparisons] == [1]


def agreeing(count, systems):
    """Listeners of one mind."""
    return analyse(
        [
            Ratings(
                str(n),
                {"x": {"reference": 100, **ANCHOR_MEANS, **{f"s{k}": 40 + (10 + n) * k for k in range(systems)}}},
            )
            for n in range(count)
        ]
    )


@pytest.mark.parametrize(("count", "systems", "enough"), [(6, 2, 6), (6, 3, 7), (7, 3, 7), (5, 2, 6), (8, 4, 8)])
def test_what_a_number_of_listeners_can_show(count, systems, enough):
    """Six who all agree find a difference between two systems, and none between three."""
    result = agreeing(count, systems)
    assert result.enough_listeners == enough
    assert min(pair.p_holm for pair in result.comparisons) == pytest.approx(result.smallest_p)
    found = [pair.p_holm < 0.05 for pair in result.comparisons]
    assert all(found) if count >= enough else not any(found)
    text = ratings_text(result)
    assert f"{result.smallest_p:.4f}" in text
    assert (f"that takes {enough} listeners" in text) == (count < enough)


def test_abx_adds_up_runs():
    runs = [AbxRun("a", "song", "x", "y", 16, 12), AbxRun("b", "song", "y", "x", 16, 8)]
    (result,) = abx_results(runs)
    assert (result.trials, result.correct) == (32, 20)
    assert abx_results(runs[:1])[0].p == pytest.approx(2517 / 65536)


def invoke(*arguments):
    return CliRunner().invoke(app, ["listen-test", "--analyse", *map(str, arguments)], prog_name="mp3restore")


def test_command_prints_and_draws(rng, tmp_path):
    files = [as_file(each, tmp_path / f"{each.listener}.json") for each in [*simulate(rng), deaf(rng)]]
    result = invoke(*files, "-o", tmp_path / "p.png")
    assert result.exit_code == 0, result.stderr
    assert "20 listeners; screened out: deaf" in result.stdout
    lines = [line for line in result.stdout.splitlines() if " to " in line]
    assert [line[: line.index("  ")].strip() for line in lines] == list(TRUE_MEANS)
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format": "x", "schema": 1}', f'{{"format": "{FORMAT}", "schema": 2}}']
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    result = invoke(tmp_path / "a.json")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr.count("\n") == 1


def test_results_that_do_not_belong_together_are_refused(rng, tmp_path):
    a, b = simulate(rng, listeners=2)
    first = as_file(a, tmp_path / "a.json")
    assert "another test" in invoke(first, as_file(b, tmp_path / "b.json", test="2")).stderr
    assert "two results of the listener" in invoke(first, as_file(a, tmp_path / "c.json")).stderr
    assert (
        "same items" in invoke(first, as_file(Ratings("b", {"item0": a.scores["item0"]}), tmp_path / "d.json")).stderr
    )
    loud = Ratings("c", {"item0": {"reference": 101, **ANCHOR_MEANS}})
    assert "0 to 100" in invoke(as_file(loud, tmp_path / "e.json")).stderr
    old = Ratings("c", {"item0": {"reference": 100, "anchor": 3}})
    assert "there is no rating of the low anchor" in invoke(as_file(old, tmp_path / "g.json")).stderr
    assert "none of the 1 listeners" in invoke(as_file(deaf(rng), tmp_path / "f.json")).stderr
    assert invoke(tmp_path / "no.json").exit_code == ExitCode.NO_INPUT

"""Listening tests, taken in a real browser from the manifest to the analysis."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from mp3restore.cli.app import app
from mp3restore.errors import ExitCode
from mp3restore.listening.page import low_anchor

SYSTEMS = {"reference", "anchor", "mp3", "first", "second"}
# What the listener of these tests thinks, by the level above 5 kHz that can be heard.
SCORES = {"reference": 100, "second": 70, "first": 80, "mp3": 40, "anchor": 10}


def invoke(*arguments):
    return CliRunner().invoke(app, ["listen-test", *map(str, arguments)], prog_name="mp3restore")


@pytest.fixture
def manifest(tmp_path, recordings):
    def item(name, **part):
        systems = {key: recordings[key].name for key in ("first", "second")}
        return {"name": name, "reference": "reference.flac", "mp3": "dull.flac", "systems": systems, **part}

    tree = {"title": "Drums & <bells>", "items": [item("drums", duration=2), item("bells", start=1, duration=2)]}
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(tree))
    return path


def open_test(page, manifest, *options):
    target = manifest.with_name("test.html")
    result = invoke(manifest, "-o", target, *options)
    assert result.exit_code == 0, result.stderr
    page.goto(target.as_uri())
    assert page.inner_text("h1") == "Drums & <bells>"
    assert page.is_disabled("#begin")
    page.fill("#listener", "Ada / 1")
    page.click("#begin")


def wait_for_trial(page, number):
    deadline = time.monotonic() + 60
    while page.evaluate("document.body.dataset.trial") != str(number):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def download(page, tmp_path):
    with page.expect_download() as info:
        page.click("#download")
    assert info.value.suggested_filename.endswith("-Ada_1.json")
    path = tmp_path / "result.json"
    info.value.save_as(path)
    return path


def test_mushra_from_manifest_to_analysis(page, manifest, tmp_path, check_accessible):
    open_test(page, manifest)
    orders = []
    for trial in range(3):
        wait_for_trial(page, trial)
        if trial == 1:
            check_accessible()
        order = page.evaluate("current.order")
        orders.append(order)
        assert set(order) == SYSTEMS
        # Nothing on the page tells which version is which.
        assert not any(name in page.inner_text("#trial").lower() for name in SYSTEMS - {"reference"})
        assert page.inner_text("#trial").lower().count("reference") == 1 + (
            "with the reference" in page.inner_text("#hint")
        )
        page.keyboard.press("1")
        page.keyboard.press("3")
        assert page.evaluate("player.active") == 2
        for index, name in enumerate(order):
            assert page.is_disabled("#next")
            page.locator(".stimulus input").nth(index).fill(str(SCORES[name]))
        assert page.locator(".stimulus output").all_inner_texts() == [str(SCORES[name]) for name in order]
        page.click("#next")
    page.fill("#comment", "Nice & <loud>")
    path = download(page, tmp_path)
    tree = json.loads(path.read_text())
    assert tree["comment"] == "Nice & <loud>"
    assert [trial["ratings"] for trial in tree["trials"]] == [SCORES, SCORES]  # and not those of the training
    assert {trial["item"] for trial in tree["trials"]} == {"drums", "bells"}
    result = invoke("--analyse", path)
    assert result.exit_code == 0, result.stderr
    lines = [line.split()[:2] for line in result.stdout.splitlines() if "needs two" in line]
    assert lines == [[name, f"{SCORES[name]:.1f}"] for name in ("reference", "first", "second", "mp3", "anchor")]


def test_rating_by_keyboard_alone(page, manifest):
    open_test(page, manifest)
    wait_for_trial(page, 0)
    reached = 0
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.stimulus input')"):
            page.keyboard.press("ArrowRight")
            reached += 1
            if reached == len(SYSTEMS):
                break
    assert page.evaluate("current.ratings") == [51] * 5
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for_trial(page, 1)


def test_orders_are_random(page, manifest):
    open_test(page, manifest)
    orders = page.evaluate("Array.from({ length: 300 }, () => shuffled(['a', 'b', 'c']).join(''))")
    counts = [orders.count(order) for order in ("abc", "acb", "bac", "bca", "cab", "cba")]
    assert sum(counts) == 300
    assert min(counts) > 20


def test_abx(page, manifest, tmp_path, check_accessible):
    open_test(page, manifest, "--abx")
    check_accessible()
    for trial in range(16):
        assert page.inner_text("#heading") == f"Trial {trial + 1} of 16"
        page.keyboard.press("3")
        # X is what it is said to be, and the listener is right but for three times.
        is_a = page.evaluate("isA")
        assert page.evaluate("buffers[isA ? 0 : 1] !== buffers[isA ? 1 : 0]")
        page.click("#is-a" if is_a != (trial < 3) else "#is-b")
    assert "13 of 16 correct, p = 0.0106" in page.inner_text("#result")
    path = download(page, tmp_path)
    result = invoke("--analyse", path)
    assert "drums: first / reference: 13 of 16 correct, p = 0.0106" in result.stdout


def test_anchor_is_the_reference_below_3_5_khz(music):
    anchor = low_anchor(music, 44100)
    assert anchor.shape == music.shape
    frequency = np.fft.rfftfreq(music.shape[1], 1 / 44100)
    window = np.hanning(music.shape[1])
    before, after = np.fft.rfft(music[0] * window), np.fft.rfft(anchor[0] * window)
    inside, outside = frequency < 3300, frequency > 3700
    # The same in phase, too: without delay.
    assert np.linalg.norm((after - before)[inside]) < 0.01 * np.linalg.norm(before[inside])
    assert np.linalg.norm(after[outside]) < 1e-3 * np.linalg.norm(before[outside])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"title": None, "items": []}, "no items"),
        ({"items": None}, "not a manifest"),
        ({"items": [{"name": "a"}]}, "'systems' is missing"),
        ({"items": [{"name": "a", "reference": "a", "mp3": "b", "systems": {"mp3": "c"}}]}, "cannot be called"),
        ({"items": [{"name": "a", "reference": "a", "mp3": "b", "systems": {}}]}, "1 to 9"),
        ({"items": [{"name": "a", "reference": "a", "mp3": "b", "systems": {"c": "c"}, "duration": 30}]}, "12 s"),
        ({"items": [{"name": "a", "reference": "a", "mp3": "b", "systems": {"c": "c"}}]}, "no such file"),
    ],
)
def test_bad_manifests(manifest, change, word):
    manifest.write_text(json.dumps({"title": "x", **change}))
    result = invoke(manifest, "-o", manifest.with_name("t.html"))
    assert result.exit_code != ExitCode.OK
    assert word in result.stderr
    assert result.stderr.count("\n") == 1
    assert not manifest.with_name("t.html").exists()

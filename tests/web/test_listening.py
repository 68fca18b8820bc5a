"""Listening tests, taken in a real browser from the manifest to the analysis."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from mp3restore.cli.app import app
from mp3restore.errors import ExitCode
from mp3restore.listening.page import anchor

SYSTEMS = {"reference", "low anchor", "mid anchor", "mp3", "first", "second"}
# What the listener of these tests thinks, by the level above 5 kHz that can be heard.
SCORES = {"reference": 100, "second": 70, "first": 80, "mp3": 40, "mid anchor": 55, "low anchor": 10}


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


def wait_until(page, condition):
    deadline = time.monotonic() + 60
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        time.sleep(0.02)


def play_all(page, count):
    """Play every version for as long as the page asks for."""
    page.evaluate("player.setLoop({ start: 0, end: player.duration })")
    page.evaluate("player.play()")
    for index in range(count):
        page.evaluate(f"player.select({index})")
        wait_until(page, f"isHeard({index})")
    page.evaluate("player.pause()")


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
        assert page.is_disabled("#next")
        assert page.inner_text("#missing") == "7 to play"
        play_all(page, 7)
        assert page.inner_text("#missing") == ""
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
    lines = [
        line.rpartition("  needs two")[0].split("  ") for line in result.stdout.splitlines() if "needs two" in line
    ]
    order = ("reference", "first", "second", "mid anchor", "mp3", "low anchor")
    assert [[line[0], line[-1].split()[-1]] for line in lines] == [[name, f"{SCORES[name]:.1f}"] for name in order]


def test_marks_stand_at_the_sliders(page, manifest):
    """The five intervals of BS.1534-3, each over a fifth of the slider, and in words for screen readers."""
    open_test(page, manifest)
    wait_for_trial(page, 0)
    card = page.locator(".stimulus").first
    slider = card.locator("input")
    marks = card.locator(".marks span")
    assert marks.all_inner_texts() == ["Bad", "Poor", "Fair", "Good", "Excellent"]
    box = slider.bounding_box()
    for index, mark in enumerate(marks.all()):
        place = mark.bounding_box()
        middle = place["x"] + place["width"] / 2
        assert middle == pytest.approx(
            box["x"] + 8 + (box["width"] - 16) * (0.1 + 0.2 * index), abs=3
        )  # a thumb is 16 wide
        assert 0 <= place["y"] - box["y"] - box["height"] < 20
    for score, grade in (
        (0, "Bad"),
        (19, "Bad"),
        (20, "Poor"),
        (59, "Fair"),
        (79, "Good"),
        (80, "Excellent"),
        (100, "Excellent"),
    ):
        slider.fill(str(score))
        assert slider.get_attribute("aria-valuetext") == f"{score}, {grade}"


def test_nobody_goes_on_before_all_is_played(page, manifest):
    """Switching through the versions while nothing plays is no listening."""
    open_test(page, manifest)
    wait_for_trial(page, 0)
    for index in range(6):
        page.locator(".stimulus input").nth(index).fill("50")
    for key in "1234567":
        page.keyboard.press(key)
    assert page.inner_text("#missing") == "7 to play"
    assert page.is_disabled("#next")
    assert page.locator(".unheard:visible").count() == 6
    play_all(page, 6)
    assert page.inner_text("#missing") == "1 to play"
    assert page.is_disabled("#next")
    assert page.locator(".unheard:visible").count() == 1
    play_all(page, 7)
    assert page.is_enabled("#next")


def test_ratings_survive_a_reload(page, manifest, tmp_path):
    open_test(page, manifest)
    wait_for_trial(page, 0)
    for trial in range(3):
        wait_for_trial(page, trial)
        order = page.evaluate("current.order")
        for index, name in enumerate(order):
            page.locator(".stimulus input").nth(index).fill(str(SCORES[name]))
        page.reload()
        wait_for_trial(page, trial)
        assert page.evaluate("current.order") == order
        assert page.evaluate("current.ratings") == [SCORES[name] for name in order]
        assert page.locator(".stimulus input").first.input_value() == str(SCORES[order[0]])
        play_all(page, 7)
        page.reload()
        wait_for_trial(page, trial)
        page.click("#next")
    page.fill("#comment", "late")
    page.reload()
    assert page.input_value("#comment") == "late"
    tree = json.loads(download(page, tmp_path).read_text())
    assert [trial["ratings"] for trial in tree["trials"]] == [SCORES, SCORES]
    assert tree["listener"] == "Ada / 1"
    again = page.locator("#end .start-over")
    again.click()
    assert page.is_visible("#end")  # one click alone throws nothing away
    again.click()
    page.wait_for_selector("#introduction:not([hidden])")
    assert page.input_value("#listener") == ""


def test_rating_by_keyboard_alone(page, manifest):
    open_test(page, manifest)
    wait_for_trial(page, 0)
    reached = 0
    page.keyboard.press("[")
    page.keyboard.press(" ")
    wait_until(page, "isHeard(0)")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.stimulus input')"):
            page.keyboard.press("ArrowRight")
            reached += 1
            wait_until(page, f"isHeard({reached})")
            if reached == len(SYSTEMS):
                break
    assert page.evaluate("current.ratings") == [51] * 6
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
        assert page.is_disabled("#is-a")
        assert page.is_disabled("#is-b")
        for name in ("#is-a", "#is-b"):  # and they do not look like the recording that is chosen
            assert page.locator(name).evaluate("each => getComputedStyle(each).backgroundColor") != page.locator(
                ".choice[aria-pressed=true]"
            ).evaluate("each => getComputedStyle(each).backgroundColor")
        page.keyboard.press("3")
        assert page.inner_text("#missing") == "Play X and A or B first."
        page.evaluate("player.play()")
        wait_until(page, "isHeard(2)")
        assert page.inner_text("#missing") == "Play A or B first."
        assert page.is_disabled("#is-a")
        page.keyboard.press("12"[trial % 2])
        wait_until(page, f"isHeard({trial % 2})")
        if trial == 7:
            page.reload()
            wait_until(page, "run && buffers.length === 2")
            assert page.inner_text("#heading") == f"Trial {trial + 1} of 16"
            assert page.is_disabled("#is-a")
            play_all(page, 3)
        # X is what it is said to be, and the listener is right but for three times.
        is_a = page.evaluate("isA")
        assert page.evaluate("buffers[isA ? 0 : 1] !== buffers[isA ? 1 : 0]")
        page.click("#is-a" if is_a != (trial < 3) else "#is-b")
    assert "13 of 16 correct, p = 0.0106" in page.inner_text("#result")
    path = download(page, tmp_path)
    result = invoke("--analyse", path)
    assert "drums: first / reference: 13 of 16 correct, p = 0.0106" in result.stdout


@pytest.mark.parametrize("cutoff_hz", [3500, 7000])
def test_anchors_are_the_reference_below_their_edge(music, cutoff_hz):
    made = anchor(music, 44100, cutoff_hz)
    assert made.shape == music.shape
    frequency = np.fft.rfftfreq(music.shape[1], 1 / 44100)
    window = np.hanning(music.shape[1])
    before, after = np.fft.rfft(music[0] * window), np.fft.rfft(made[0] * window)
    inside, outside = frequency < cutoff_hz - 200, frequency > cutoff_hz + 200
    # The same in phase, too: without delay.
    assert np.linalg.norm((after - before)[inside]) < 0.01 * np.linalg.norm(before[inside])
    assert np.linalg.norm(after[outside]) < 1e-3 * np.linalg.norm(before[outside])


def test_where_there_is_no_treble_an_anchor_is_the_reference(music):
    np.testing.assert_array_equal(anchor(music, 11025, 7000), music)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"title": None, "items": []}, "no items"),
        ({"items": None}, "not a manifest"),
        ({"items": [{"name": "a"}]}, "'systems' is missing"),
        (
            {"items": [{"name": "a", "reference": "a", "mp3": "b", "systems": {"mp3": "c"}}]},
            ": a system cannot be called 'mp3' (",
        ),
        ({"items": [{"name": "a", "reference": "a", "mp3": "b", "systems": {}}]}, "1 to 8"),
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

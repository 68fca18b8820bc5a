"""The report in a real browser."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from pages import commands_of, run_in_shell
from typer.testing import CliRunner

from mp3restore.audio.decode import open_audio
from mp3restore.cli.app import app
from mp3restore.errors import ExitCode, UsageError
from mp3restore.report.kinship import LEAST_LIKENESS, likeness
from mp3restore.report.page import build_report, write_report
from mp3restore.report.request import ReportRequest


def invoke(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="mp3restore")


@pytest.fixture
def report_file(tmp_path, recordings, encode, music):
    """Report of an MP3 whose name is markup, two restorations, and a reference that is 1000 samples late."""
    mp3 = encode("lame", np.tile(music, 2), 44100, "-b", "32", "--resample", "44.1").rename(
        tmp_path / "<b onclick=x>&'\".mp3"
    )
    late = tmp_path / "late.flac"
    reference, rate = soundfile.read(recordings["reference"], dtype="float32")
    soundfile.write(late, np.pad(reference, ((1000, 0), (0, 0))), rate, subtype="PCM_24")
    target = tmp_path / "page.html"
    write_report(ReportRequest(mp3, [recordings["first"], recordings["second"]], late), target)
    return target


@pytest.fixture
def report_url(report_file):
    return report_file.as_uri()


def wait_until(page, condition):
    """Wait in Python: Playwright's own waiting evaluates text in the page, which its policy forbids."""
    deadline = time.monotonic() + 60
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        time.sleep(0.02)


def open_report(page, url):
    page.goto(url)
    page.wait_for_selector("body[data-drawn]")


def test_page_plays_and_keys_work(page, report_url):
    open_report(page, report_url)
    assert "<b onclick=x>" in page.inner_text("h1")
    page.keyboard.press(" ")
    wait_until(page, "player.playing && player.position > 0.3")
    for key in "2", "4", "1":
        page.keyboard.press(key)
        assert page.evaluate("player.active") == int(key) - 1
        pressed = page.locator(".track[aria-pressed=true]")
        assert pressed.count() == 1
        assert pressed.inner_text().startswith(key)
    page.keyboard.press("[")
    wait_until(page, "player.position > player.loop.start + 0.2")
    page.keyboard.press("]")
    loop = page.evaluate("player.loop")
    assert 0.15 < loop["end"] - loop["start"] < 2
    page.keyboard.press(" ")
    assert not page.evaluate("player.playing")
    page.click("#loop-clear")
    assert page.evaluate("player.loop") is None


def test_live_switching_keeps_the_position(page, report_url):
    open_report(page, report_url)
    page.click("#play")
    wait_until(page, "player.position > 0.2")
    steps = page.evaluate("""async () => {
        const before = () => [performance.now() / 1000, player.position];
        const rows = [], jumps = [];
        for (const button of [...trackButtons, ...trackButtons]) {
            const first = before();
            button.click();
            jumps.push(player.position - first[1]);
            await new Promise((resolve) => setTimeout(resolve, 60));
            const second = before();
            rows.push(second[1] - first[1] - (second[0] - first[0]));
        }
        return { rows, jumps };
    }""")
    steps, jumps = steps["rows"], steps["jumps"]
    assert len(steps) == 8
    assert max(map(abs, jumps)) < 0.02
    # The audio clock moves in steps of its hardware buffer. On a busy machine it also lags, but it never leads.
    assert max(steps) < 0.05
    assert -0.4 < sum(steps) < 0.05


def test_what_is_heard_after_switching_is_the_same_place_to_the_sample(page, report_url):
    open_report(page, report_url)
    # The sign of these recordings tells which one is heard, their size at what place.
    heard = page.evaluate("""async () => {
        const rate = 44100;
        const context = new OfflineAudioContext(1, 3 * rate, rate);
        const make = (sign) => {
            const buffer = context.createBuffer(1, 4 * rate, rate);
            buffer.copyToChannel(Float32Array.from({ length: 4 * rate }, (_, i) => (sign * i) / (4 * rate)), 0);
            return buffer;
        };
        const player = new SyncPlayer(() => context);
        player.load([make(1), make(-1)], [1, 0.5]);
        player.setLoop({ start: 0.5, end: 2 });
        player.seek(1);
        player.play();
        for (const [time, index] of [[0.25, 1], [0.75, 0], [1.5, 1]]) {
            context.suspend(time).then(() => { player.select(index); context.resume(); });
        }
        const rendered = await context.startRendering();
        return { samples: Array.from(rendered.getChannelData(0)), end: player.position };
    }""")
    rate, samples = 44100, np.array(heard["samples"])
    time = np.arange(len(samples)) / rate - 0.01
    place = 1 + time
    place = np.where(place >= 2, 0.5 + (place - 2) % 1.5, place)
    for start, end, sign in [(0.02, 0.25, 4), (0.28, 0.74, -8), (0.78, 1.49, 4), (1.53, 2.9, -8)]:
        part = slice(round(start * rate), round(end * rate))
        inside = np.abs(time[part] - 1) > 0.001
        assert np.abs(samples[part] * sign - place[part])[inside].max() < 2 / rate
        assert np.abs(np.abs(samples[part] * sign - place[part])).max() < 1.6
    # Nowhere silence: the fade takes 10 ms and both recordings pass zero only there.
    assert abs(heard["end"] - place[-1]) < 0.02


def test_levels_are_matched_and_can_be_left(page, report_url):
    open_report(page, report_url)
    gains = page.evaluate("gains()")
    assert gains[2] == pytest.approx(1)
    assert gains[1] == pytest.approx(0.5, abs=0.01)  # the second is 6 dB quieter than the first
    page.uncheck("#matched")
    assert page.evaluate("gains()") == [1, 1, 1, 1]


def test_spectrograms_show_what_is_there(page, report_url):
    open_report(page, report_url)
    treble = """(index) => {
        const rows = 8, values = levels(buffers[index], { start: 0, end: 4, log: false, highest: 22050 }, 40, rows);
        return values.slice(40, 80).reduce((a, b) => a + b) / 40;  // 16.5 to 19.3 kHz
    }"""
    mp3, first, _, reference = (page.evaluate(treble, index) for index in range(4))
    assert mp3 < -110
    assert first == pytest.approx(reference - 6, abs=1)
    # A sine of full scale is 0 dB.
    sine = """(hz) => {
        const buffer = new AudioBuffer({ length: 44100, sampleRate: 44100, numberOfChannels: 2 });
        const wave = Float32Array.from({ length: 44100 }, (_, i) => Math.sin(2 * Math.PI * hz * i / 44100));
        for (const c of [0, 1]) buffer.copyToChannel(wave, c);
        return Math.max(...levels(buffer, { start: 0.3, end: 0.7, log: true, highest: 22050 }, 4, 100));
    }"""
    assert page.evaluate(sine, 100 * 44100 / 2048) == pytest.approx(0, abs=0.05)


def test_zoom_scale_and_loop_by_drawing(page, report_url):
    open_report(page, report_url)
    box = page.locator(".stage").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20, steps=4)
    page.mouse.up()
    loop = page.evaluate("player.loop")
    duration = page.evaluate("player.duration")
    assert (loop["start"], loop["end"]) == (
        pytest.approx(duration / 4, abs=0.02),
        pytest.approx(duration / 2, abs=0.02),
    )
    page.click("#zoom-loop")
    shown = page.evaluate("[view.start, view.end]")
    assert shown == [loop["start"], loop["end"]]
    page.check("input[value=log]")
    page.select_option("#highest", "8000")
    assert page.evaluate("[view.log, view.highest]") == [True, 8000]
    page.click("#zoom-all")
    assert page.evaluate("[view.start, view.end]") == [0, duration]
    page.select_option("#minuend", "0")
    same = "difference(spectra[0], spectra[0]).every((value) => value === 0)"
    wait_until(page, "drawing === Number(document.body.dataset.drawn)")
    assert page.evaluate(same)


def test_page_is_accessible(page, report_url, check_accessible):
    open_report(page, report_url)
    check_accessible()
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {"play", "seek", "track", "loop-start", "matched", "zoom-in", "minuend", "highest"} <= reached


def test_reference_is_brought_in_time(report_file):
    # 1000 samples by the test, and less 1105 by encoder and decoder, of which the decoder does not rid the MP3.
    assert "The reference begins 2.4 ms earlier" in report_file.read_text()


def test_short_page_of_a_long_file(tmp_path, rng):
    """Two minutes of noise, the worst for FLAC: the page keeps its limit, and finds the damage and the loud part."""
    rate = 44100
    noise = rng.normal(0, 0.02, (2, 120 * rate)).astype(np.float32)
    noise[:, 80 * rate :] *= 5
    paths = [tmp_path / f"{k}.flac" for k in range(4)]
    for k, path in enumerate(paths):
        samples = noise * (1 - k / 50)  # equal files would be there only once
        if k == 0:
            samples[:, 30 * rate : 60 * rate] *= 0.01
        soundfile.write(path, samples.T, rate, subtype="PCM_16")
    target = tmp_path / "page.html"
    write_report(ReportRequest(paths[0], paths[1:]), target)
    assert 15e6 < target.stat().st_size < 25e6
    text = target.read_text()
    (damaged,) = [line for line in text.splitlines() if line.startswith("<caption>Most damaged")]
    (loudest,) = [line for line in text.splitlines() if line.startswith("<caption>Loudest")]
    start, end = (float(word) for word in damaged.split(":")[1].split(" s<")[0].split(" to "))
    assert 30 <= start < end <= 60.1
    assert float(loudest.split(":")[1].split(" to ")[0]) >= 79.9


def test_command(tmp_path, recordings):
    target = tmp_path / "page.html"
    arguments = ("report", recordings["dull"], recordings["first"], "-o", target)
    assert invoke(*arguments, "--start", 1, "--duration", 2).exit_code == 0
    text = target.read_text()
    assert "from 1.0 s" in text
    assert "--start=1.0 --duration=2.0" in text
    assert invoke(*arguments).exit_code == ExitCode.OUTPUT_EXISTS
    for extra in ("--start", 99), ("--start", -1), ("--duration", 0):
        result = invoke(*arguments, "-f", *extra)
        assert result.exit_code == ExitCode.USAGE
        assert result.stderr.count("\n") == 1
    assert target.read_text() == text
    assert invoke("report", recordings["dull"], recordings["first"], "-f", "-o", recordings["first"]).exit_code == 2


def test_the_command_of_the_page_runs_and_makes_it_again(tmp_path, monkeypatch, recordings):
    """As it stands on the page, in a shell; a name like an option or a command stays a name."""
    monkeypatch.chdir(tmp_path)
    for name, source in (("-x y.flac", "dull"), ("report", "first")):
        shutil.copy(recordings[source], tmp_path / name)
    assert invoke("report", "--start", 1, "-o", "a page.html", "--", "-x y.flac", "report").exit_code == 0
    page = tmp_path / "a page.html"
    text = page.read_text()
    page.unlink()
    (command,) = commands_of(text)
    run_in_shell(command, tmp_path)
    assert page.read_text() == text


def test_a_stranger_is_announced(tmp_path, recordings, page):
    """Another piece of music beside the MP3 is most likely a mistake."""
    noise = np.random.default_rng(3).normal(0, 0.1, (4 * 44100, 2))
    soundfile.write(tmp_path / "other.flac", noise, 44100, subtype="PCM_16")
    target = tmp_path / "page.html"
    result = invoke("report", recordings["dull"], tmp_path / "other.flac", recordings["first"], "-o", target)
    assert result.exit_code == 0
    (line,) = [line for line in result.stderr.splitlines() if "does not seem" in line]
    assert "'other.flac' does not seem to be the same music as 'dull.flac'" in line
    open_report(page, target.as_uri())
    assert page.get_by_role("alert").all_inner_texts() == [line.removeprefix("mp3restore: ") + "."]


def test_relatives_are_not_strangers(rng, sample):
    """Late, upside down, quieter, or silent: all may be restorations. Other music is none."""
    with open_audio(sample) as source:
        music = np.concatenate(list(source.blocks()), axis=1)
    one, other = music[:, : 8 * 44100], music[:, 12 * 44100 : 20 * 44100]
    assert likeness(one, 0.1 * one, 44100) == pytest.approx(1, abs=1e-3)
    assert likeness(one, np.roll(one, 3000, axis=1), 44100) > 0.9
    assert likeness(one, one + rng.normal(0, 0.02, one.shape), 44100) > LEAST_LIKENESS
    assert likeness(one, np.zeros_like(one), 44100) is None
    assert likeness(one, other, 44100) < LEAST_LIKENESS / 2


def test_too_many_files(recordings):
    request = ReportRequest(recordings["dull"], [recordings["first"]])
    with pytest.raises(UsageError, match="9 files"):
        replace(request, restored=[recordings["first"]] * 9)
    with pytest.raises(UsageError, match="at least one"):
        replace(request, restored=[])


def test_other_rates_and_silence(tmp_path, page):
    """A mono file of 22 kHz beside a stereo one of 44.1 kHz, both silent: no number is invented."""
    a, b = tmp_path / "a.wav", tmp_path / "b.wav"
    soundfile.write(a, np.zeros(22050), 22050)
    soundfile.write(b, np.zeros((44100, 2)), 44100)
    target = tmp_path / "page.html"
    target.write_text(build_report(ReportRequest(a, [b])).html)
    open_report(page, target.as_uri())
    assert page.locator("td", has_text="silent").count() == 4
    assert subprocess.run(["grep", "-c", "NaN", str(target)], capture_output=True, check=False).stdout == b"0\n"

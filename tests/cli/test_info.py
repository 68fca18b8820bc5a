"""Commands that tell something, the pages made of the commands, and completion."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import soundfile
from rich.console import Console
from support import invoke

from mp3restore import ExitCode
from mp3restore.batch import sharing
from mp3restore.batch.events import Progressed, Skipped, Started
from mp3restore.batch.sharing import default_jobs, free_memory
from mp3restore.cli import manual
from mp3restore.cli.bars import Bars
from mp3restore.cli.terminal import size_text


def test_doctor(monkeypatch):
    found = json.loads(invoke("doctor", "--json").stdout)
    assert found["problems"] == []
    assert found["self_test"]["ok"]
    assert found["self_test"]["seconds_of_music"] == 1.0
    assert set(found["models"]) >= {"ember"}
    assert "CPUExecutionProvider" in found["providers"]
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "1.0" if name == "onnxruntime-gpu" else real(name))
    monkeypatch.setattr("mp3restore.diagnostics.doctor._self_test", lambda _device, _problems: {"ok": True})
    conflict = invoke("doctor")
    assert conflict.exit_code == ExitCode.FAILED
    assert "problem: onnxruntime and onnxruntime-gpu are installed together" in conflict.stdout
    assert "1 problem found" in conflict.stdout


def test_formats():
    assert "MP3" in json.loads(invoke("formats", "--json").stdout)["libsndfile"]
    shown = invoke("formats").stdout
    assert "written: flac, --bit-depth 16, 24" in shown
    assert "written: opus, coded once more" in shown


def test_inspect(second, tmp_path):
    shown = invoke("inspect", second, "--plot", tmp_path / "steps.png")
    assert shown.exit_code == 0, shown.stderr
    assert "32 kbit/s cbr" in shown.stdout
    assert (tmp_path / "steps.png").read_bytes()[:4] == b"\x89PNG"
    assert invoke("inspect", second, "--plot", tmp_path / "steps.png").exit_code == ExitCode.OUTPUT_EXISTS
    report = json.loads(invoke("inspect", second, "--json").stdout)
    assert report["was_mp3"]
    assert report["bitstream"]["lattice_fit"] > 0.9
    samples, rate = soundfile.read(second)
    soundfile.write(tmp_path / "decoded.wav", samples, rate, subtype="FLOAT")
    assert "decoded from an MP3" in invoke("inspect", tmp_path / "decoded.wav").stdout
    assert invoke("inspect", tmp_path / "no.mp3").exit_code == ExitCode.NO_INPUT


@pytest.mark.parametrize(("name", "make"), [("mp3restore.1", manual.man_page), ("options.md", manual.options_page)])
def test_pages_are_fresh(name, make):
    text = (manual.FOLDER / name).read_text(encoding="utf-8")
    assert text == make(), "run 'python -m mp3restore.cli.manual'"
    for option in ("--on-exists", "--strength", "doctor", "config show"):
        assert option.replace("-", "\\-") in text or option in text


@pytest.mark.parametrize(
    ("line", "words"),
    [("mp3restore --tem", "--template"), ("mp3restore ins", "inspect"), ("mp3restore a.mp3 --model ", "ember"),
     ("mp3restore a.mp3 --on-exists re", "rename")],
)  # fmt: skip
def test_completion(line, words, monkeypatch):
    monkeypatch.setenv("_MP3RESTORE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
    code = "from mp3restore.cli.main import main; main()"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert words in found.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell, monkeypatch):
    # Nothing tells the shell of a process that was started by none.
    monkeypatch.setattr("shellingham.detect_shell", lambda *_: (shell, f"/bin/{shell}"))
    assert "_MP3RESTORE_COMPLETE" in invoke("--show-completion", shell).stdout


def test_decoders_are_named_and_not_their_classes():
    shown = invoke("formats").stdout
    assert "FFmpeg" in shown
    assert "AudioFile" not in shown


def test_a_model_card_fits_a_screen_and_shows_its_scores_on_request():
    short, whole = invoke("models", "show").stdout, invoke("models", "show", "--scores").stdout
    assert len(short) < 3000
    assert "## Limits" in short
    assert "## Scores" not in short
    assert "| lame-cbr64 | " in whole
    assert "|" not in short
    assert "--scores shows them" in short
    assert "SHA-256" in short


def test_the_profile_of_bench_adds_up_to_the_whole():
    output = invoke("bench", "--seconds", 20, "--profile").stdout
    rows = {line.split()[0]: line.split()[1:] for line in output.splitlines()[2:13]}
    names = "start load decode bitstream stft generator inverse projection encode rest all"
    assert list(rows) == names.split()
    processor = {name: float(row[0]) for name, row in rows.items()}
    whole = processor.pop("all")
    assert sum(processor.values()) == pytest.approx(whole, abs=0.06)
    # What lies between the stages is little: nothing large goes unnamed.
    assert -0.02 <= processor["rest"] < 0.3 * whole
    assert min(processor[name] for name in ("decode", "stft", "generator", "projection", "encode")) > 0
    assert re.search(r"alone take \d+\.\d\d s: the run takes \d+\.\d times that", output)


def test_bench_says_why_its_stages_are_more_than_the_whole():
    assert "The stages run at the same time" in invoke("bench", "--seconds", 1).stdout


def test_the_line_of_a_result_says_how_large_both_files_are(second, tmp_path):
    """A lossless file is many times as large as its MP3, which surprises on a full disk."""
    line = invoke(second, "-o", tmp_path / "x.flac").stderr.splitlines()[0]
    sizes = [second.stat().st_size, (tmp_path / "x.flac").stat().st_size]
    assert line.endswith(" -> ".join(f"{size / 1e3:.0f} kB" for size in sizes))


@pytest.mark.parametrize(("files", "cores", "jobs"), [(1, 64, 1), (7, 2, 1), (30, 2, 2), (30, 16, 7), (500, 8, 8)])
def test_many_files_use_all_cores_by_themselves(files, cores, jobs):
    assert default_jobs(files, cores) == jobs
    assert default_jobs(files, cores, 100_000_000_000) == jobs


def test_no_more_processes_start_than_there_is_memory_for():
    assert default_jobs(100, 64, 2_000_000_000) == 4
    assert default_jobs(100, 64, 100_000_000) == 1


def test_a_container_has_less_memory_than_its_computer(tmp_path, monkeypatch):
    monkeypatch.setattr(sharing, "_SYSTEM", tmp_path / "meminfo")
    monkeypatch.setattr(sharing, "_GROUP", tmp_path)
    assert free_memory() is None
    (tmp_path / "meminfo").write_text("MemTotal:  8000000 kB\nMemAvailable:  4000000 kB\n")
    assert free_memory() == 4_096_000_000
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("900000000\n")
    (tmp_path / "memory.stat").write_text("anon 100000000\ninactive_file 800000000\n")
    assert free_memory() == 4_096_000_000
    (tmp_path / "memory.max").write_text("1000000000\n")
    assert free_memory() == 900_000_000


def test_jobs_are_a_number_or_left_to_the_program(songs, tmp_path):
    shown = invoke(songs, "-o", tmp_path / "out", "-j", "auto", "--dry-run")
    assert shown.exit_code == 0, shown.stderr
    wrong = invoke(songs, "-o", tmp_path / "out", "-j", "many", "--dry-run")
    assert wrong.exit_code == ExitCode.USAGE
    assert "'many' is neither a whole number nor 'auto'" in wrong.stderr


@pytest.mark.parametrize("options", [[], ["--bit-depth", 24], ["--format", "opus"]])
def test_a_dry_run_expects_the_size_that_results_have(sample, tmp_path, options):
    for name in ("a.mp3", "b.mp3"):
        shutil.copy(sample, tmp_path / name)
    planned = invoke(tmp_path, "-o", tmp_path / "out", "--dry-run", *options).stdout
    number, unit = re.search(r"s of work, and about ([\d.]+) ([kM])B of results", planned).groups()
    expected = float(number) * {"k": 1e3, "M": 1e6}[unit]
    assert "48.0 s of music: about " in planned
    done = invoke(tmp_path, "-o", tmp_path / "out", "--json", *options)
    size = json.loads(done.stdout.splitlines()[-1])["result_bytes"]
    assert size == sum(path.stat().st_size for path in (tmp_path / "out").glob("[ab].*"))
    assert f"{size_text(size)} of results" in done.stderr
    assert 0.6 < expected / size < 1.7


def test_names_leave_room_for_their_bars(monkeypatch):
    """On a terminal of 60 columns the bar of a long name is still one, and the run counts its files."""
    shown = io.StringIO()
    monkeypatch.setattr("mp3restore.cli.bars.Console", lambda **_: Console(file=shown, width=60, force_terminal=True))
    with Bars() as bars:
        bars.take(Started(source=Path(f"{'long name ' * 12}.mp3"), target=Path("x"), index=0, total=30))
        bars.take(Progressed(source=Path("x"), index=0, done_s=5.0, total_s=10.0))
    text = shown.getvalue()
    assert "0/30" in text
    assert text.count("━") >= 5
    assert "…" in text


def test_the_whole_run_is_the_last_line(monkeypatch):
    """Two files of four are half done, and one was skipped before: three quarters of the work are still to come."""
    shown = io.StringIO()
    monkeypatch.setattr("mp3restore.cli.bars.Console", lambda **_: Console(file=shown, width=90, force_terminal=True))
    clock = iter([100.0, *[110.0] * 20])
    monkeypatch.setattr("mp3restore.cli.bars.perf_counter", lambda: next(clock))
    with Bars() as bars:
        bars.take(Skipped(Path("x.mp3"), Path("x"), 0, "exists already"))
        for index in (1, 2):
            bars.take(Started(Path(f"song {index}.mp3"), Path("x"), index, 5))
        for index in (1, 2):
            bars.take(Progressed(Path("x"), index, 50.0, 100.0))
        bars._live.refresh()
    lines = [line for line in re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown.getvalue()).splitlines() if line.strip()]
    assert [line.split(" ━")[0].strip() for line in lines[-3:]] == ["song 1.mp3", "song 2.mp3", "1/5"]
    # 100 s of music in 10 s; one of four files is made in them, and three are left.
    assert lines[-1].rstrip().endswith("10x 30 s left")

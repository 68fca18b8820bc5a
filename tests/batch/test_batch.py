"""Many files: which are found, what the plan refuses, what happens to those that exist, and how a run ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
from support import invoke

from mp3restore import ExitCode, NoInputError, OutputExistsError, UsageError
from mp3restore.batch.manifest import MANIFEST_NAME, read_manifest
from mp3restore.batch.plan import plan_batch, wants_folder
from mp3restore.batch.sources import find_sources, read_list
from mp3restore.batch.task import ResultOptions
from mp3restore.batch.template import check_template, fill_template
from mp3restore.generator.model import load_model


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def plan(*names, output=None, **options):
    walk = {key: options.pop(key) for key in ("recursive", "include", "exclude") if key in options}
    folder = None if output is None or not Path(output).is_dir() else Path(output)
    sources = find_sources([str(name) for name in names], output_folder=folder, **walk)
    request = ResultOptions(model=load_model(), output=None if output is None else Path(output), **options)
    return plan_batch(sources, request, into_folder=output is not None and wants_folder(str(output), sources))


def targets(tasks, folder):
    return [task.job.target.relative_to(folder).as_posix() for task in tasks]


def tree(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def music_folder(tmp_path) -> Path:
    folder = tmp_path / "in"
    touch(folder, "a.mp3", "b/a.mp3", "b/c/[x] {y} 100%.MP3", "cover.jpg", ".hidden.mp3", "a.restored.flac")
    return folder


def test_folders_are_mirrored(music_folder, tmp_path):
    out = tmp_path / "out"
    assert targets(plan(music_folder, output=out), out) == ["a.flac", "b/a.flac", "b/c/[x] {y} 100%.flac"]
    assert targets(plan(music_folder, output=out, recursive=False), out) == ["a.flac"]
    assert targets(plan(music_folder, output=out, exclude=["b/*"]), out) == ["a.flac"]
    assert targets(plan(music_folder, output=out, include=["*.jpg"]), out) == ["cover.flac"]
    assert targets(plan(music_folder, output=out, variants=2, include=["a.mp3"], exclude=["b/*"]), out) == [
        "a.v1.flac",
        "a.v2.flac",
    ]
    assert targets(plan(music_folder), music_folder)[:2] == ["a.restored.flac", "b/a.restored.flac"]
    assert not out.exists()


def test_patterns_and_lists(music_folder, tmp_path):
    out = tmp_path / "out"
    assert targets(plan(music_folder / "**" / "*.mp3", output=out), out) == ["a.flac", "b/a.flac"]
    assert targets(plan(music_folder / "b*", output=out), out) == ["b/a.flac", "b/c/[x] {y} 100%.flac"]
    assert len(find_sources([str(music_folder / "a.mp3"), str(music_folder)])) == 3
    # One match or many: the output is a folder. No match is no input, and no question of formats.
    one = find_sources([str(music_folder / "a*.mp3")])
    assert len(one) == 1
    assert wants_folder("new", one)
    assert wants_folder("new", find_sources([str(music_folder / "a.mp3")]))
    assert not wants_folder("new.flac", find_sources([str(music_folder / "a.mp3")]))
    assert wants_folder("new", find_sources([str(music_folder / "a.mp3")]), listed=True)
    assert invoke(music_folder / "*.zzz", "-o", out).exit_code == ExitCode.NO_INPUT
    assert read_list("a.mp3\n\nb c.mp3\r\nü".encode()) == ["a.mp3", "b c.mp3", "ü"]
    with pytest.raises(NoInputError):
        plan(tmp_path / "in" / "b" / "c", output=out, include=["*.ogg"])


def test_collisions_are_refused_before_any_work(music_folder, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="would both be written to"):
        plan(music_folder, output=out, flatten=True)
    touch(music_folder, "a.ogg")
    with pytest.raises(UsageError, match="would both be written to"):
        plan(music_folder, output=out)
    with pytest.raises(UsageError, match="cannot hold the results of"):
        plan(music_folder, output=tmp_path / "out.flac")
    touch(tmp_path, "x/s.mp3", "x/s.flac")
    with pytest.raises(UsageError, match="would replace an input"):
        plan(tmp_path / "x" / "s.mp3", tmp_path / "x" / "s.flac", output=tmp_path / "x", template="s")


def test_templates(music_folder, tmp_path):
    out = tmp_path / "out"
    template = "{relpath}/{parent}-{stem}-{model}-{seed}-{variant:02}.{ext}"
    assert targets(plan(music_folder, output=out, template=template), out)[1] == f"b/b-a-{load_model().name}-0-01.flac"
    flat = targets(plan(music_folder, output=out, template="{parent} {stem}", flatten=True), out)
    assert flat == ["in a.flac", "b a.flac", "c [x] {y} 100%.flac"]
    values = {"stem": "a/b", "relpath": "", "ext": "flac"}
    assert fill_template("{relpath}/{stem}.{ext}", values) == Path("a_b.flac")
    for bad, words in {
        "{artist}": "unknown field {artist}",
        "{stem!r}": "unknown field",
        "{stem.__class__}": "unknown field",
        "{stem": "cannot be read",
        "{seed:q}": "cannot be filled",
        "../{stem}": "leads out",
        "/music/{stem}": "leads out",
        "{relpath}/": "names no file",
    }.items():
        with pytest.raises(UsageError, match=words.replace("{", r"\{")):
            check_template(bad)


def test_output_inside_the_input(music_folder):
    out = music_folder / "restored"
    touch(out, "a.flac", "sub/b.flac")
    assert len(plan(music_folder, output=out)) == 3
    result = invoke(music_folder, "-o", music_folder)
    assert result.exit_code == ExitCode.USAGE
    assert "among the inputs" in result.stderr


@pytest.mark.parametrize(
    ("policy", "action", "name"),
    [(None, "skip", "a.flac"), ("skip", "skip", "a.flac"), ("overwrite", "overwrite", "a.flac"),
     ("rename", "restore", "a.2.flac")],
)  # fmt: skip
def test_existing_results(music_folder, tmp_path, policy, action, name):
    out = tmp_path / "out"
    touch(out, "a.flac")
    first = plan(music_folder, output=out, on_exists=policy)[0]
    assert (first.action, first.job.target.name) == (action, name)
    with pytest.raises(OutputExistsError):
        plan(music_folder, output=out, on_exists="error")
    with pytest.raises(OutputExistsError):
        plan(music_folder / "a.mp3", output=out)


def test_dry_run_loads_no_model(songs, tmp_path):
    code = """
import sys
sys.modules["onnxruntime"] = None
from mp3restore.cli.main import main
main()
"""
    out = tmp_path / "out"
    shown = subprocess.run(
        [sys.executable, "-c", code, str(songs), "-o", str(out), "--dry-run"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "restore: " in shown.stdout
    assert "3 to restore; 3." in shown.stdout
    assert not out.exists()
    lines = invoke(songs, "-o", out, "-n", "--json").stdout.splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["restore"] * 3


def test_batch_with_a_bad_file(songs, tmp_path):
    (songs / "bad.mp3").write_bytes(b"these are words\n" * 500)
    out = tmp_path / "out"
    result = invoke(songs, tmp_path / "missing.mp3", "-o", out)
    assert result.exit_code == ExitCode.FAILED
    assert "3 restored, 2 failed" in result.stderr
    assert result.stderr.count("bad.mp3: no audio found") == 1
    assert f"failed: {songs / 'bad.mp3'}" in result.stderr
    assert "missing.mp3: no such file" in result.stderr
    assert tree(out) == [MANIFEST_NAME, "one.flac", "sub/one.flac", "sub/two.flac"]
    stopped = invoke(songs, "-o", out, "--fail-fast", "-f")
    assert stopped.exit_code == ExitCode.FAILED
    assert "1 failed, 3 not started" in stopped.stderr


def test_same_bytes_for_every_number_of_jobs(songs, tmp_path):
    assert invoke(songs, "-o", tmp_path / "one", "-j", 1).exit_code == 0
    files = sorted(songs.rglob("*.mp3"), reverse=True)
    result = invoke(*files, "-o", tmp_path / "four", "-j", 4, "--template", "{parent}-{stem}")
    assert result.exit_code == 0, result.stderr
    for path in files:
        mirrored = (tmp_path / "one" / path.relative_to(songs)).with_suffix(".flac")
        assert mirrored.read_bytes() == (tmp_path / "four" / f"{path.parent.name}-{path.stem}.flac").read_bytes()


def test_resume_by_recipe(songs, tmp_path):
    out = tmp_path / "out"
    assert invoke(songs, "-o", out).exit_code == 0
    entries = read_manifest(out)
    assert sorted(entries) == ["one.flac", "sub/one.flac", "sub/two.flac"]
    before = {name: (out / name).read_bytes() for name in entries}
    again = invoke(songs, "-o", out)
    assert "3 skipped (done already)" in again.stderr
    assert again.exit_code == 0
    # A run that was killed after two files, in the middle of a line.
    lines = (out / MANIFEST_NAME).read_text().splitlines()
    (out / MANIFEST_NAME).write_text("\n".join(lines[:2]) + '\n{"schema": 1, "tar')
    (out / "sub" / "two.flac").unlink()
    (out / "sub" / ".mp3restore-0123456789abcdef.part").write_bytes(b"left behind")
    resumed = invoke(songs, "-o", out)
    assert "1 restored, 2 skipped" in resumed.stderr
    assert {name: (out / name).read_bytes() for name in read_manifest(out)} == before
    assert not [name for name in tree(out) if name.endswith(".part")]
    kept = (out / "sub" / "one.flac").read_bytes()
    (out / "sub" / "one.flac").write_bytes(kept + b"damage")
    assert "changed by someone else" in invoke(songs, "-o", out).stderr
    (out / "sub" / "one.flac").write_bytes(kept)
    # Another option makes them again, but not what somebody else has changed since.
    (out / "one.flac").write_bytes(b"mine")
    changed = invoke(songs, "-o", out, "--seed", 5)
    assert "2 restored, 1 skipped" in changed.stderr
    assert (out / "one.flac").read_bytes() == b"mine"
    assert (out / "sub" / "one.flac").read_bytes() != before["sub/one.flac"]
    assert "2 restored, 1 skipped" not in invoke(songs, "-o", out, "--seed", 5, "--skip-existing").stderr


def test_a_name_that_is_too_long_stops_nothing(songs, tmp_path):
    long = songs / f"{'n' * 251}.mp3"
    shutil.copy(songs / "one.mp3", long)
    result = invoke(songs, "-o", tmp_path / "out")
    assert result.exit_code == ExitCode.FAILED
    assert "the name is too long" in result.stderr
    assert [name for name in tree(tmp_path / "out") if name.endswith(".flac")] == [
        "one.flac", "sub/one.flac", "sub/two.flac",
    ]  # fmt: skip
    alone = invoke(long)
    assert alone.exit_code == ExitCode.FAILED
    assert "unexpected" not in alone.stderr


def test_above_the_bitrate(encode, music, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.move(encode("lame", music[:, :44100], 44100, "-b", "256"), folder / "good.mp3")
    beside = invoke(folder / "good.mp3")
    assert beside.exit_code == ExitCode.NOTHING_TO_RESTORE
    assert (
        "has 256 kbit/s, and --max-bitrate is 192; --max-bitrate 256 --strength 0.5 restores it all the same"
        in beside.stderr
    )
    assert tree(folder) == ["good.mp3"]
    assert invoke(folder, "-o", tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / "good.mp3").read_bytes() == (folder / "good.mp3").read_bytes()
    assert invoke(folder / "good.mp3", "--max-bitrate", 256, "--strength", 0.5).exit_code == 0
    assert tree(folder) == ["good.mp3", "good.restored.flac"]


def test_json_events(songs, tmp_path):
    (songs / "bad.mp3").write_bytes(b"")
    result = invoke(songs, "-o", tmp_path / "out", "--json", "-qq")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr == ""
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert {event["schema"] for event in events} == {1}
    names = [event["event"] for event in events]
    assert {name: names.count(name) for name in ("start", "done", "failed", "summary")} == {
        "start": 4, "done": 3, "failed": 1, "summary": 1,
    }  # fmt: skip
    done = next(event for event in events if event["event"] == "done")
    assert soundfile.info(done["target"]).frames == done["frames"]
    assert done["seed"] == 0
    assert done["device"] == "cpu"
    summary = events[-1]
    assert (summary["done"], summary["failed"], summary["failures"][0]["source"]) == (3, 1, str(songs / "bad.mp3"))
    skipped = invoke(songs, "-o", tmp_path / "out", "--json", "-q").stdout.splitlines()
    assert [json.loads(line)["event"] for line in skipped].count("skipped") == 3


def test_what_stops_a_run_before_it_begins_is_a_json_event_too(songs):
    result = invoke(songs, "-o", songs, "--json", "-qq")
    (event,) = map(json.loads, result.stdout.splitlines())
    assert (event["event"], event["exit_code"]) == ("failed", result.exit_code) == ("failed", ExitCode.USAGE)
    assert "among the inputs" in event["error"]


@pytest.mark.parametrize(
    ("jobs", "end"),
    [
        (1, lambda process: process.terminate()),
        (2, lambda process: process.terminate()),
        # The end of a terminal reaches the workers too.
        (2, lambda process: os.killpg(process.pid, signal.SIGHUP)),
    ],
)
def test_who_is_told_to_end_leaves_nothing(tmp_path, encode, music, jobs, end):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    data = encode("lame", music, 44100, "-b", "64", "-t").read_bytes() * 100
    for name in "abc":
        (folder / f"{name}.mp3").write_bytes(data)
    process = subprocess.Popen(
        [sys.executable, "-m", "mp3restore", str(folder), "-o", str(out), "-j", str(jobs)],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not out.exists() or not any(path.stat().st_size > 100_000 for path in out.iterdir()):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    end(process)
    assert process.communicate(timeout=60) == ("", "3 not started\nmp3restore: interrupted\n")
    assert process.returncode == ExitCode.INTERRUPTED
    assert tree(out) == []


def test_a_worker_that_dies_fails_one_file_only(songs, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "mp3restore", str(songs), "-o", str(tmp_path / "out"), "-j", "2", "--json"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    if os.cpu_count() == 1:
        pytest.skip("one core gives one job, which needs no process")
    assert json.loads(process.stdout.readline())["event"] == "start"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    victim = next(pid for pid in map(int, children) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(victim, signal.SIGKILL)
    stdout, _ = process.communicate(timeout=120)
    events = [json.loads(line) for line in stdout.splitlines()]
    failed = [event for event in events if event["event"] == "failed"]
    assert len(failed) == 1
    assert "has died" in failed[0]["error"]
    assert (events[-1]["done"], process.returncode) == (2, ExitCode.FAILED)


def test_what_a_name_means(songs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    song = songs / "one.mp3"
    assert invoke(song, "-o", "new/sub/x.flac").exit_code == 0
    assert (tmp_path / "new" / "sub" / "x.flac").is_file()
    assert invoke(song, "-o", "folder").exit_code == 0
    assert (tmp_path / "folder" / "one.flac").is_file()
    refused = invoke(song, "-o", "out.mp3", "--format", "flac")
    assert refused.exit_code == ExitCode.USAGE
    assert not (tmp_path / "out.mp3").exists()
    shutil.copy(song, songs / "LOUD.MP3")
    planned = invoke(songs, "--include", "loud.mp3", "-o", "o", "-n").stdout
    assert "LOUD.flac" in planned
    assert "1 to restore" in planned

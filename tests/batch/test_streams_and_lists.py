"""Standard streams that are closed, full or strict; lists and options of every origin; files that stop no others."""

from __future__ import annotations

import codecs
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import invoke

from mp3restore import ExitCode
from mp3restore.batch import sources
from mp3restore.batch.facts import Facts, read_facts
from mp3restore.batch.manifest import MANIFEST_NAME
from mp3restore.batch.sources import find_sources, read_list

COMMAND = f"{sys.executable} -m mp3restore"


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, timeout=120, check=False, env={**os.environ, **environment}
    )


def test_closed_streams(second, tmp_path):
    song = shutil.copy(second, tmp_path / "a.mp3")
    for number, redirection in enumerate(("<&-", ">&-", "2>&-", "<&- >&- 2>&-")):
        out = tmp_path / f"{number}.flac"
        done = shell(f"{COMMAND} {song} -o {out} {redirection}")
        assert done.returncode == 0, done.stderr
        assert out.read_bytes()[:4] == b"fLaC"
        assert (b"->" in done.stderr) == ("2>" not in redirection)
    for line, words in {
        f"{COMMAND} - -o {tmp_path}/x.flac <&-": b"stdin is closed (connect stdin",
        f"{COMMAND} {song} -o - >&-": b"stdout is closed",
        f"{COMMAND} {song} -o {tmp_path}/x.flac --json >&-": b"stdout is closed",
        f"{COMMAND} --files-from - <&-": b"stdin is closed",
    }.items():
        refused = shell(line)
        assert refused.returncode == ExitCode.USAGE, line
        assert words in refused.stderr
        assert refused.stderr.count(b"\n") == 1
    unwritten = shell(f"{COMMAND} {song} --dry-run >&-")
    assert (unwritten.returncode, unwritten.stderr.count(b"\n")) == (ExitCode.FAILED, 1)
    assert b"cannot write to stdout" in unwritten.stderr
    assert not (tmp_path / "x.flac").exists()


def test_strict_streams(second, tmp_path):
    song = shutil.copy(second, tmp_path / "żółć \udcff.mp3")
    strict = {"PYTHONIOENCODING": "ascii:strict", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for options in ([], ["--dry-run"], ["--json", "-qq"]):
        done = subprocess.run(
            [*COMMAND.split(), os.fsencode(song), "-f", *options],
            capture_output=True, timeout=120, check=False, env={**os.environ, **strict},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert b"unexpected" not in done.stderr
    assert b"\\udcc5" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_what_is_full_is_named(second, tmp_path):
    song = shutil.copy(second, tmp_path / "a.mp3")
    full = shell(f"{COMMAND} {song} --json > /dev/full")
    assert full.stderr.startswith(b"mp3restore: cannot write to stdout: No space left on device\n")
    log = shell(f"{COMMAND} {song} -f --log-file /dev/full")
    assert b"mp3restore: /dev/full: cannot be written: No space left on device" in log.stderr
    assert b"stdout" not in log.stderr
    for each in (full, log):
        assert each.returncode == ExitCode.FAILED
        assert each.stderr.count(b"mp3restore:") == 1


def test_folder_for_temporary_files(second, tmp_path, monkeypatch):
    missing = invoke("-", "-o", tmp_path / "a.flac", input=second.read_bytes())
    assert missing.exit_code == 0
    monkeypatch.setattr("tempfile.mkdtemp", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError(2, "No such")))
    refused = invoke("-", "-o", tmp_path / "b.flac", input=second.read_bytes())
    assert refused.exit_code == ExitCode.FAILED
    assert "no folder for temporary files" in refused.stderr
    assert "TMPDIR" in refused.stderr


@pytest.mark.parametrize(
    "data",
    [
        "ü.mp3\nb c.mp3\n".encode(),
        "ü.mp3\r\n\r\nb c.mp3".encode("utf-8-sig"),
        codecs.BOM_UTF16_LE + "ü.mp3\r\nb c.mp3\r\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "ü.mp3\nb c.mp3".encode("utf-16-be"),
        "ü.mp3\0b c.mp3\0".encode(),
    ],
)
def test_lists_of_every_encoding(data, second, tmp_path, monkeypatch):
    assert read_list(data) == ["ü.mp3", "b c.mp3"]
    monkeypatch.chdir(tmp_path)
    for name in ("ü.mp3", "b c.mp3"):
        shutil.copy(second, name)
    Path("list").write_bytes(data)
    by_file = invoke("--files-from", "list", "-n", "--json")
    by_stdin = invoke("--files-from", "-", "-n", "--json", input=data)
    assert by_file.exit_code == 0, by_file.stderr
    assert by_file.stdout == by_stdin.stdout
    assert [json.loads(line)["action"] for line in by_file.stdout.splitlines()] == ["restore", "restore"]


def test_names_in_lists_are_bytes():
    assert read_list(b"a\xff.mp3\nc.mp3") == [os.fsdecode(b"a\xff.mp3"), "c.mp3"]
    assert read_list(b"two\nlines.mp3\0b.mp3\0") == ["two\nlines.mp3", "b.mp3"]
    assert read_list("a.mp3\nb.mp3\n".encode("utf-16-le")) == ["a.mp3", "b.mp3"]  # without a mark
    assert read_list("a.mp3\nb.mp3\n".encode("utf-16-be")) == ["a.mp3", "b.mp3"]
    assert read_list(b"") == []
    with pytest.raises(ValueError, match="truncated"):
        read_list(codecs.BOM_UTF16_LE + b"a\0b")


def test_damaged_lists_are_one_line(tmp_path):
    (tmp_path / "list").write_bytes(codecs.BOM_UTF16_LE + b"a\0b")
    refused = invoke("--files-from", tmp_path / "list")
    assert refused.exit_code == ExitCode.FAILED
    assert refused.stderr.startswith(f"mp3restore: {tmp_path / 'list'}: cannot be read as a list of names")


@pytest.mark.parametrize(
    "arguments", [[""], ["a.mp3", "-o", ""], ["inspect", ""], ["a.mp3", "--template="], ["watch", "", "x"]]
)
def test_empty_names_are_refused(arguments, second, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(second, "a.mp3")
    refused = invoke(*arguments)
    assert refused.exit_code == ExitCode.USAGE
    assert "empty" in refused.stderr
    assert "shell variable" in refused.stderr
    assert [path.name for path in Path().iterdir()] == ["a.mp3"]


@pytest.fixture
def no_user_file(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_args, **_options: tmp_path / "user")
    return tmp_path / "user" / "config.toml"


def test_lists_in_the_environment_and_in_files(songs, tmp_path, monkeypatch, no_user_file):
    (songs / "loud.ogg").write_bytes(b"x")

    def chosen(*arguments):
        planned = invoke(songs, "-n", "--json", *arguments)
        assert planned.exit_code == 0, planned.stderr
        return [Path(json.loads(line)["source"]).relative_to(songs).as_posix() for line in planned.stdout.splitlines()]

    monkeypatch.setenv("MP3RESTORE_INCLUDE", "*.mp3 *.ogg")
    monkeypatch.setenv("MP3RESTORE_EXCLUDE", "two*")
    assert chosen() == ["loud.ogg", "one.mp3", "sub/one.mp3"]
    shown = invoke("config", "show").stdout.splitlines()
    assert "include = *.mp3, *.ogg  [environment, MP3RESTORE_INCLUDE]" in shown
    assert chosen("--exclude", "*.ogg") == ["one.mp3", "sub/one.mp3", "sub/two.mp3"]
    monkeypatch.delenv("MP3RESTORE_INCLUDE")
    monkeypatch.delenv("MP3RESTORE_EXCLUDE")
    given = tmp_path / "given.toml"
    for text in ('include = ["*.ogg"]\n', 'include = "*.ogg"\n', '\ufeffinclude = ["*.ogg"]\n'):
        given.write_text(text, encoding="utf-8")
        assert chosen("--config", given) == ["loud.ogg"]
        assert f"include = *.ogg  [{given}]" in invoke("config", "show", "--config", given).stdout.splitlines()
    no_user_file.parent.mkdir()
    no_user_file.write_text('exclude = ["*"]\n')
    planned = invoke(songs, "-n")
    assert planned.exit_code == ExitCode.NO_INPUT


def test_the_command_line_beats_the_environment_which_beats_files(songs, tmp_path, monkeypatch, no_user_file):
    given = tmp_path / "given.toml"
    given.write_text("seed = 3\nvariants = 3\n")
    no_user_file.parent.mkdir()
    no_user_file.write_text("seed = 4\nstrength = 0.4\nvariants = 4\n")
    monkeypatch.setenv("MP3RESTORE_SEED", "2")
    monkeypatch.setenv("MP3RESTORE_FORMAT", "wav")
    monkeypatch.setenv("MP3RESTORE_OUTPUT", str(tmp_path / "no"))  # belongs to a single run, and is no setting
    shown = invoke("config", "show", "--config", given).stdout.splitlines()
    for line in (
        "seed = 2  [environment, MP3RESTORE_SEED]",
        "format = wav  [environment, MP3RESTORE_FORMAT]",
        f"variants = 3  [{given}]",
        f"strength = 0.4  [{no_user_file}]",
        "model = (none)  [default]",
    ):
        assert line in shown
    target = tmp_path / "out" / "one.wav"
    assert invoke(songs / "one.mp3", "-o", f"{tmp_path / 'out'}/", "--variants", 1).exit_code == 0
    assert target.exists()
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'seed = "many"\n', "many"),
        (b"a = " + b"[" * 3000, "cannot be read"),
        ("seed = 1\n".encode("utf-16"), "is not UTF-8"),
        (b"[restore]\nseed = 1\n", "unknown option 'restore'"),
    ],
)
def test_what_is_wrong_in_a_file_of_options_is_one_line(text, words, songs, no_user_file):
    no_user_file.parent.mkdir()
    no_user_file.write_bytes(text)
    for arguments in ([songs / "one.mp3"], ["config", "show"]):
        refused = invoke(*arguments)
        assert refused.exit_code == ExitCode.USAGE
        assert words in refused.stderr
        assert str(no_user_file) in refused.stderr


def test_what_is_wrong_in_the_environment_is_named(songs, monkeypatch):
    monkeypatch.setenv("MP3RESTORE_SEED", "many")
    refused = invoke(songs / "one.mp3")
    assert refused.exit_code == ExitCode.USAGE
    assert "'many' is not a whole number" in refused.stderr
    assert "environment, MP3RESTORE_SEED" in refused.stderr


@pytest.mark.parametrize("name", ["broken.wma", "broken.mp3"])
def test_a_header_at_which_the_parser_fails_stops_no_other_file(name, malformed_asf, songs, tmp_path):
    shutil.move(malformed_asf, songs / name)
    assert read_facts(songs / name) == Facts()
    planned = invoke(songs, "-o", tmp_path / "out", "-n", "--json")
    assert planned.exit_code == 0, planned.stderr
    assert len(planned.stdout.splitlines()) == 4
    result = invoke(songs, "-o", tmp_path / "out")
    assert "unexpected" not in result.stderr
    assert all((tmp_path / "out" / each).exists() for each in ("one.flac", "sub/one.flac", "sub/two.flac"))


def test_whatever_a_parser_raises_it_stops_no_other_file(songs, tmp_path, monkeypatch):
    def fail(*_arguments, **_options):
        raise RecursionError("deep")

    monkeypatch.setattr("mutagen.File", fail)
    result = invoke(songs, "-o", tmp_path / "out")
    assert "3 restored" in result.stderr
    assert result.exit_code == 0


def test_several_missing_inputs(second, tmp_path):
    missing = invoke(tmp_path / "a.mp3", tmp_path / "b.mp3", "-o", tmp_path / "out")
    assert missing.exit_code == ExitCode.NO_INPUT
    for name in ("a.mp3", "b.mp3"):
        assert f"mp3restore: {tmp_path / name}: no such file or folder (check the name)" in missing.stderr
    assert invoke(tmp_path / "a.mp3").exit_code == ExitCode.NO_INPUT
    assert invoke(second, tmp_path / "b.mp3", "-o", tmp_path / "out").exit_code == ExitCode.FAILED
    planned = invoke(tmp_path / "a.mp3", second, "-n", "--json").stdout.splitlines()
    assert [json.loads(line)["action"] for line in planned] == ["fail", "restore"]


def test_a_folder_that_may_not_be_written_to_is_named_with_advice(songs, tmp_path, monkeypatch):
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != out / "sub" and access(path, mode))
    result = invoke(songs, "-o", out)
    assert result.exit_code == ExitCode.FAILED
    assert f"mp3restore: {out / 'sub'}: is not writable (choose another folder with -o)" in result.stderr
    assert (out / "one.flac").exists()


def test_a_list_of_results_that_cannot_be_read_stops_no_other_folder(songs, tmp_path, monkeypatch):
    (songs / "sub" / MANIFEST_NAME).touch()
    read = sources.read_manifest

    def refuse(folder):
        if folder.name == "sub":
            raise PermissionError(13, "Permission denied")
        return read(folder)

    monkeypatch.setattr(sources, "read_manifest", refuse)
    found = find_sources([str(songs)])
    assert [each.path.name for each in found if not each.problem] == ["one.mp3"]
    result = invoke(songs, "-o", tmp_path / "out")
    assert result.exit_code == ExitCode.FAILED
    assert f"{songs / 'sub' / MANIFEST_NAME}: the list of earlier results cannot be read" in result.stderr
    assert (tmp_path / "out" / "one.flac").exists()


def test_what_others_write_into_the_list_of_results_is_left_out(songs, tmp_path):
    out = tmp_path / "out"
    assert invoke(songs, "-o", out).exit_code == 0
    line = json.loads((out / MANIFEST_NAME).read_text().splitlines()[0])
    with (out / MANIFEST_NAME).open("ab") as file:
        for broken in (b"[" * 100_000, b"\xff\xfe", b"5", json.dumps(line | {"target": 5}).encode(),
                       json.dumps(line | {"target": "a\0b"}).encode(), json.dumps(line | {"target": "\ud800"}).encode(),
                       json.dumps(line | {"recipe": []}).encode()):  # fmt: skip
            file.write(broken + b"\n")
    again = invoke(songs, "-o", out)
    assert "3 skipped (done already)" in again.stderr
    assert find_sources([str(out)]) == []

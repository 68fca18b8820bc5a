"""Help, guides, and mistakes on the command line."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess

import pytest
from support import ROOT, invoke

from mp3restore import ExitCode
from mp3restore.cli import help as helping
from mp3restore.cli.app import app
from mp3restore.cli.help import COMMANDS, mistyped

MANUAL = ROOT / "mp3restore" / "manual"
GUIDES = sorted(path for path in MANUAL.glob("*.md") if path.stem != "options")


def test_a_bare_command_shows_three_examples():
    shown = invoke()
    assert shown.exit_code == 0
    assert len(re.findall(r"^  mp3restore ", shown.stdout, re.MULTILINE)) == 3
    assert len(shown.stdout.splitlines()) < 10


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_option_is_in_one_group(flag):
    shown = invoke(flag).stdout
    options = [name for names in helping._GROUPS.values() for name in names]
    assert len(options) == len(set(options))
    import typer  # noqa: PLC0415

    group = typer.main.get_command(app)
    parameters = {p.name for p in group.commands["restore"].params if p.param_type_name == "option"}
    assert parameters <= set(options)
    for heading in (*helping._GROUPS, "Other commands"):
        assert f"\n{heading}:\n" in shown
    assert set(COMMANDS) == set(group.commands) - {"restore"}
    assert "mp3restore restore" not in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["x.mp3", "--seed", "z"], "--seed: 'z' is not a whole number"),
        (["x.mp3", "--strength", "much"], "--strength: 'much' is not a number"),
        (["x.mp3", "--bit-depth", "17"], "--bit-depth: '17' is not one of"),
        (["x.mp3", "-j", "0"], "--jobs: '0' is below 1"),
        (["x.mp3", "--max-bitrate", "0"], "--max-bitrate: '0' is below 1"),
        (["serve", "--port", "65536"], "--port: '65536' is above 65535"),
        (["x.mp3", "--strenght", "1"], "there is no option --strenght; did you mean --strength?"),
        (["x.mp3", "--seed"], "--seed needs a value"),
        (["inspect"], "FILE is missing"),
        (["models", "lost"], "there is no command 'lost'"),
    ],
)
def test_mistakes_are_one_plain_line(arguments, words):
    result = invoke(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert words in line
    for jargon in ("Input should be", "Value error", "Invalid value", "mp3restore restore"):
        assert jargon not in line


def test_a_mistyped_command_starts_nothing(second, tmp_path):
    shutil.copy(second, tmp_path / "song.mp3")
    result = invoke("inspct", tmp_path / "song.mp3")
    assert result.exit_code == ExitCode.USAGE
    assert "did you mean 'mp3restore inspect'?" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["song.mp3"]


def test_names_of_files_and_folders_are_not_taken_for_commands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inspct").mkdir()
    known = [*COMMANDS, "restore"]
    assert mistyped("inspct", known) is None
    assert mistyped("modelz", known) == "models"
    for name in ("model.mp3", "music", "./serv", "s3://helf", "watch*", "song"):
        assert mistyped(name, known) is None, name


def test_guides():
    listed = invoke("help").stdout
    for guide in (*GUIDES, MANUAL / "options.md"):
        assert f"mp3restore help {guide.stem}" in listed
        assert invoke("help", guide.stem).stdout.strip() == guide.read_text(encoding="utf-8").strip()
    wrong = invoke("help", "bitstrean")
    assert wrong.exit_code == ExitCode.USAGE
    assert "did you mean 'bitstream'?" in wrong.stderr


@pytest.mark.parametrize("guide", GUIDES, ids=[path.stem for path in GUIDES])
def test_commands_in_guides_have_options_that_exist(guide):
    import typer  # noqa: PLC0415

    group = typer.main.get_command(app)
    text = guide.read_text(encoding="utf-8")
    commands = [line.strip() for line in re.findall(r"^    (.*mp3restore .*)$", text, re.MULTILINE)]
    for command in commands:
        words = shlex.split(command.rpartition("| ")[2].split("#")[0].split(">")[0])
        name = words[1] if words[1] in group.commands else "restore"
        known = {option for p in group.commands[name].params for option in (*p.opts, *p.secondary_opts)}
        used = {word for word in words[1:] if word.startswith("-") and word != "-"}
        assert used <= known, command


def test_python_in_guides_runs(second, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(second, tmp_path / "song.mp3")
    subprocess.run(["ffmpeg", "-v", "error", "-i", "song.mp3", "decoded.wav"], check=True, stdin=subprocess.DEVNULL)
    blocks = [block for guide in GUIDES for block in re.findall(r"```python\n(.*?)```", guide.read_text(), re.DOTALL)]
    assert len(blocks) >= 3
    for block in blocks:
        exec(compile(ast.parse(block), "guide", "exec"), {})  # noqa: S102 - our own documentation
    assert {"song.wav", "song.v1.flac", "song.v3.flac"} <= {path.name for path in tmp_path.iterdir()}

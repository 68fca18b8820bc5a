"""What is decided about each file stands in one place: results of others, names, and files with nothing to restore."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import soundfile
from support import invoke

from mp3restore import ExitCode
from mp3restore.batch.manifest import MANIFEST_NAME, read_manifest
from mp3restore.batch.plan import plan_batch, wants_folder
from mp3restore.batch.sources import find_sources
from mp3restore.batch.task import ResultOptions
from mp3restore.generator.model import load_model


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def events(result) -> list[dict]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def ogg_of(path: Path, target: Path) -> Path:
    samples, rate = soundfile.read(path)
    soundfile.write(target, samples, rate, format="OGG", subtype="VORBIS")
    return target


def test_a_result_is_never_replaced_by_that_of_another_source(second, tmp_path):
    songs, out = tmp_path / "in", tmp_path / "out"
    songs.mkdir()
    shutil.copy(second, songs / "x.mp3")
    assert invoke(songs, "-o", out).exit_code == 0
    before = (out / "x.flac").read_bytes()
    (songs / "x.mp3").unlink()
    ogg_of(second, songs / "x.ogg")
    assert invoke(songs / "x.ogg", "-o", out).exit_code == ExitCode.OUTPUT_EXISTS
    assert invoke(songs / "x.ogg", tmp_path / "none.mp3", "-o", out).exit_code == ExitCode.FAILED
    assert (out / "x.flac").read_bytes() == before
    assert f"'{out / 'x.flac'}' is the restoration of '{songs / 'x.mp3'}'" in invoke(songs, "-o", out).stderr
    # The advice helps.
    assert invoke(songs, "-o", out, "--on-exists", "rename").exit_code == 0
    assert tree(out) == [MANIFEST_NAME, "x.2.flac", "x.flac"]
    assert invoke(songs, "-o", tmp_path / "apart", "--template", "{parent} {stem}").exit_code == 0
    assert (out / "x.flac").read_bytes() == before


def test_a_source_that_has_moved_is_still_the_same(second, tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(second, tmp_path / "in" / "x.mp3")
    assert invoke(tmp_path / "in", "-o", tmp_path / "out").exit_code == 0
    (tmp_path / "in").rename(tmp_path / "moved")
    assert "1 skipped (done already)" in invoke(tmp_path / "moved", "-o", tmp_path / "out").stderr


def test_new_names_are_none_of_the_plan(second, tmp_path):
    songs, out = tmp_path / "in", tmp_path / "out"
    songs.mkdir()
    out.mkdir()
    for name in ("a.mp3", "a.2.mp3"):
        shutil.copy(second, songs / name)
    (out / "a.flac").write_bytes(b"mine")
    sources = find_sources([str(songs)])
    results = ResultOptions(model=load_model(), output=out, on_exists="rename")
    targets = [task.job.target.name for task in plan_batch(sources, results, into_folder=True)]
    assert len(set(targets)) == 2
    assert invoke(songs, "-o", out, "--on-exists", "rename").exit_code == 0
    assert tree(out) == ["a.2.flac", "a.3.flac", "a.flac", MANIFEST_NAME]
    assert (out / "a.flac").read_bytes() == b"mine"


def test_the_modification_time_is_no_part_of_the_recipe(songs, tmp_path):
    out = tmp_path / "out"
    assert invoke(songs, "-o", out).exit_code == 0
    again = invoke(songs, "-o", out, "--preserve-mtime")
    assert "3 skipped (done already)" in again.stderr
    assert "3 restored" in invoke(songs, "-o", out, "--no-tags").stderr  # which the result holds


@pytest.fixture
def good(encode, music, tmp_path) -> Path:
    """A folder with an MP3 of 32 kbit/s, and one each of 192, 224 and 256 kbit/s."""
    folder = tmp_path / "in"
    folder.mkdir()
    for kbps in (32, 192, 224, 256):
        shutil.move(encode("lame", music[:, :44100], 44100, "-b", str(kbps)), folder / f"{kbps}.mp3")
    return folder


def test_what_has_nothing_to_restore_is_left(good, tmp_path):
    out = tmp_path / "out"
    planned = events(invoke(good, "-o", out, "-n", "--json"))
    assert {Path(each["source"]).stem: each["action"] for each in planned} == {
        "32": "restore", "224": "left", "192": "left", "256": "left",
    }  # fmt: skip
    assert "1 to restore" in (shown := invoke(good, "-o", out, "-n").stdout)
    assert "3 left as they are" in shown
    result = invoke(good, "-o", out, "--json")
    assert result.exit_code == ExitCode.OK
    told = events(result)
    left = [each for each in told if each["event"] == "left"]
    assert {each["target"] for each in left} == {str(out / f"{kbps}.mp3") for kbps in (224, 192, 256)}
    assert all("kbit/s" in each["reason"] for each in left)
    assert (told[-1]["done"], told[-1]["left"], told[-1]["copied"]) == (1, 3, 3)
    assert "1 restored, 3 left as they are (3 copied)" in result.stderr
    assert tree(out) == ["192.mp3", "224.mp3", "256.mp3", "32.flac", MANIFEST_NAME]
    for kbps in (224, 192, 256):
        assert (out / f"{kbps}.mp3").read_bytes() == (good / f"{kbps}.mp3").read_bytes()
    assert "4 skipped (done already)" in invoke(good, "-o", out).stderr
    shutil.copy(good / "192.mp3", good / "224.mp3")  # a better copy was found
    assert "1 left as it is (1 copied), 3 skipped" in invoke(good, "-o", out).stderr
    assert (out / "224.mp3").read_bytes() == (good / "192.mp3").read_bytes()


def test_without_an_output_folder_what_is_left_is_skipped(good, tmp_path):
    beside = invoke(good / "192.mp3")
    assert beside.exit_code == ExitCode.NOTHING_TO_RESTORE
    assert "192.mp3: left as it is, has 192 kbit/s" in beside.stderr
    named = invoke(good / "256.mp3", "-o", tmp_path / "x.flac")
    assert named.exit_code == ExitCode.NOTHING_TO_RESTORE
    assert "--max-bitrate is 192" in named.stderr
    streamed = invoke("-", "-o", "-", input=(good / "192.mp3").read_bytes())
    assert streamed.exit_code == ExitCode.NOTHING_TO_RESTORE
    assert streamed.stdout_bytes == b""
    assert invoke(good).exit_code == 0
    assert tree(tmp_path) == [
        "in/192.mp3", "in/224.mp3", "in/256.mp3", "in/32.mp3", "in/32.restored.flac", f"in/{MANIFEST_NAME}",
    ]  # fmt: skip
    # The advice helps.
    assert invoke(good / "192.mp3", "--strength", 0.5).exit_code == 0
    assert invoke(good / "256.mp3", "--strength", 0.5, "--max-bitrate", 320).exit_code == 0


def test_a_lossless_file_without_a_trace_of_a_codec_is_left_by_the_same_rule(second, tmp_path):
    songs, out = tmp_path / "in", tmp_path / "out"
    songs.mkdir()
    soundfile.write(songs / "short.wav", [0.1, -0.1] * 4000, 44100)
    shutil.copy(second, songs / "x.mp3")
    alone = invoke(songs / "short.wav")
    assert alone.exit_code == ExitCode.NOTHING_TO_RESTORE
    assert "left as it is, no trace of lossy compression was found" in alone.stderr
    result = invoke(songs, "-o", out, "--variants", 2)
    assert "2 restored, 2 left as they are (1 copied)" in result.stderr
    assert tree(out) == [MANIFEST_NAME, "short.wav", "x.v1.flac", "x.v2.flac"]
    assert (out / "short.wav").read_bytes() == (songs / "short.wav").read_bytes()
    assert sorted(read_manifest(out)) == ["short.wav", "x.v1.flac", "x.v2.flac"]
    out = tmp_path / "one"
    assert "1 restored, 1 left as it is (1 copied)" in invoke(songs, "-o", out).stderr
    assert "2 skipped (done already)" in invoke(songs, "-o", out).stderr


def test_a_source_in_the_output_folder_is_left_there(good):
    result = invoke(good / "192.mp3", "-o", good)
    assert result.exit_code == ExitCode.NOTHING_TO_RESTORE
    assert tree(good) == ["192.mp3", "224.mp3", "256.mp3", "32.mp3"]


def test_a_copy_replaces_nothing(good, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "192.mp3").write_bytes(b"mine")
    assert "1 skipped (exists already)" in invoke(good / "192.mp3", good / "32.mp3", "-o", out).stderr
    assert invoke(good / "192.mp3", "-o", out).exit_code == ExitCode.OUTPUT_EXISTS
    assert (out / "192.mp3").read_bytes() == b"mine"
    assert invoke(good / "192.mp3", "-o", out, "-f").exit_code == ExitCode.OK  # a copy is a result
    assert (out / "192.mp3").read_bytes() == (good / "192.mp3").read_bytes()


def test_linked_folders_and_files_are_found_once(second, tmp_path):
    library, elsewhere = tmp_path / "lib", tmp_path / "elsewhere"
    (library / "album").mkdir(parents=True)
    elsewhere.mkdir()
    shutil.copy(second, library / "album" / "one.mp3")
    shutil.copy(second, elsewhere / "two.mp3")
    (library / "aaa").symlink_to(library / "album")  # the same, and first by its name
    (library / "linked").symlink_to(elsewhere)
    (library / "album" / "loop").symlink_to(library)
    (library / "album" / "loop2").symlink_to(library)
    (library / "album" / "link.mp3").symlink_to(library / "album" / "one.mp3")
    for name in (library, library / "**" / "*.mp3"):
        sources = find_sources([str(name)])
        assert sorted(each.path.relative_to(library).as_posix() for each in sources if each.same_as is None) == [
            "album/one.mp3", "linked/two.mp3",
        ], name  # fmt: skip
        assert [(each.path.name, each.same_as) for each in sources if each.same_as] == [
            ("link.mp3", library / "album" / "one.mp3")
        ]
    result = invoke(library, "-o", tmp_path / "out")
    assert f"link.mp3: skipped, is the same file as '{library / 'album' / 'one.mp3'}'" in result.stderr
    assert tree(tmp_path / "out") == ["album/one.flac", "linked/two.flac", MANIFEST_NAME]
    assert len(find_sources([str(library / "album" / "one.mp3"), str(library / "album" / "link.mp3")])) == 2


def test_patterns_with_folders(tmp_path):
    for name in ("a.mp3", "x/a.mp3", "x/y/b.mp3", "x/y/c.ogg", ".h/d.mp3"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")

    def found(pattern: str) -> list[str]:
        return sorted(each.path.relative_to(tmp_path).as_posix() for each in find_sources([str(tmp_path / pattern)]))

    assert found("**/*.mp3") == ["a.mp3", "x/a.mp3", "x/y/b.mp3"]
    assert found("x/**/*.mp3") == ["x/a.mp3", "x/y/b.mp3"]
    assert found("**/y/*") == ["x/y/b.mp3", "x/y/c.ogg"]
    assert found("**") == ["a.mp3", "x/a.mp3", "x/y/b.mp3", "x/y/c.ogg"]
    assert found("*/[ab].mp3") == ["x/a.mp3"]
    (tmp_path / "[odd].mp3").write_bytes(b"x")
    assert found("[odd].mp3") == ["[odd].mp3"]
    assert wants_folder("new", find_sources([str(tmp_path / "**" / "a.mp3")]))

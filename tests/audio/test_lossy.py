"""Results in Opus, Vorbis and MP3: as long as the music, with its tags, and the same bytes for the same seed."""

import base64
import errno
import io
import subprocess

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen.flac import Picture
from mutagen.id3 import APIC, ID3, TIT2
from support import invoke

from mp3restore import ExitCode, restore_file
from mp3restore.audio.decode import open_audio
from mp3restore.audio.lossy import LossyWriter
from mp3restore.errors import UsageError
from mp3restore.job import OutputFormat
from mp3restore.report.origin import recorded_origin

pytestmark = pytest.mark.slow

SUFFIXES = ("opus", "ogg", "mp3")


@pytest.fixture
def tagged(second, tmp_path):
    """The first second of the sample with a title and a cover."""
    path = tmp_path / "tagged.mp3"
    path.write_bytes(second.read_bytes())
    png = tmp_path / "cover.png"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=red:s=8x8", "-frames:v", "1", str(png)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    tags = ID3()
    tags.add(TIT2(encoding=3, text="Ä title"))
    tags.add(APIC(encoding=3, mime="image/png", type=3, desc="", data=png.read_bytes()))
    tags.save(path)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_result_is_the_music_to_the_sample_and_the_same_every_time(tagged, tmp_path, identity, suffix):
    whole = restore_file(tagged, tmp_path / "x.wav", model=identity, bit_depth="32f", sample_rate=48000)
    expected = soundfile.read(whole.target)[0]
    results = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for path in results:
        made = restore_file(tagged, path, model=identity, sample_rate=48000, seed=5)
        assert made.target == path
    assert results[0].read_bytes() == results[1].read_bytes()
    with open_audio(results[0]) as source:  # as this program reads it
        given = np.concatenate(list(source.blocks()), axis=1).T
    assert given.shape == expected.shape
    inner = slice(4800, -4800)
    error = np.square(given[inner] - expected[inner]).sum() / np.square(expected[inner]).sum()
    assert 10 * np.log10(error) < -12  # in place, and in the right channels
    assert results[0].stat().st_size < 0.3 * 16 / 8 * 2 * len(expected)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_tags_and_pictures_come_along(tagged, tmp_path, identity, suffix, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"x.{suffix}"
    restore_file(tagged, path, model=identity, seed=7)
    tags = mutagen.File(path).tags
    if suffix == "mp3":
        assert tags["TIT2"].text == ["Ä title"]
        assert tags.getall("APIC")[0].mime == "image/png"
    else:
        assert tags["title"] == ["Ä title"]
        assert Picture(base64.b64decode(tags["metadata_block_picture"][0])).mime == "image/png"
    origin = recorded_origin(path, "tagged.mp3")
    assert f"--format {suffix}" in origin.command
    assert "--bit-depth" not in origin.command
    # The command makes the same file again.
    before = path.read_bytes()
    words = origin.command.replace("identity", str(identity.folder)).split()
    assert invoke(*words[1:]).exit_code == 0
    assert path.read_bytes() == before


def test_different_songs_can_be_chained(tagged, sample, tmp_path, identity):
    numbers = []
    for name, source in (("a", tagged), ("b", sample)):
        target = tmp_path / f"{name}.ogg"
        restore_file(source, target, model=identity)
        numbers.append(target.read_bytes()[14:18])
    assert numbers[0] != numbers[1]
    both = tmp_path / "both.ogg"
    both.write_bytes((tmp_path / "a.ogg").read_bytes() + (tmp_path / "b.ogg").read_bytes())
    with open_audio(both) as source:
        assert sum(block.shape[1] for block in source.blocks()) == 44100 * 25


def test_what_a_format_cannot_do_is_said(tagged, tmp_path, music, identity, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for arguments, words in (
        (("-o", "x.opus", "--bit-depth", "24"), "opus has no bits per sample"),
        (("-o", "x.opus", "--sample-rate", "44100"), "opus is always at 48000 Hz"),
        (("-o", "x.ogg", "--format", "mp3"), "the suffix of 'x.ogg' is not that of a mp3 file"),
    ):
        result = invoke(tagged, *arguments)
        assert result.exit_code == ExitCode.USAGE
        assert words in result.stderr
    six = tmp_path / "six.wav"
    soundfile.write(six, np.tile(music[:, :44100].T, (1, 3)), 44100)
    with pytest.raises(UsageError, match="mp3 cannot hold 6 channels"):
        restore_file(six, tmp_path / "six.mp3", model=identity, strength=1)
    assert not (tmp_path / "six.mp3").exists()
    with pytest.raises(UsageError, match="input and output are the same file"):
        restore_file(tagged, tagged, overwrite=True, model=identity)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_peaks_leave_room_for_the_encoder(tmp_path, music, identity, suffix):
    loud = tmp_path / "loud.wav"
    soundfile.write(loud, music.T * (1.5 / np.abs(music).max()), 44100, subtype="FLOAT")
    made = restore_file(loud, tmp_path / f"x.{suffix}", model=identity, strength=1)
    assert made.gain_db == pytest.approx(20 * np.log10(0.9 / made.peak), abs=0.01)
    assert np.abs(soundfile.read(made.target)[0]).max() <= 1.0


def test_a_folder_becomes_small_files(songs, tmp_path, identity):
    result = invoke(songs, "-o", tmp_path / "out", "--format", "opus", "--model", identity.folder)
    assert result.exit_code == 0, result.stderr
    assert {path.name for path in (tmp_path / "out").rglob("*.opus")} == {"one.opus", "two.opus"}
    assert (
        "skipped (done already)"
        in invoke(songs, "-o", tmp_path / "out", "--format", "opus", "--model", identity.folder).stderr
    )


def test_sixteen_bits_are_the_default():
    assert OutputFormat("flac").bit_depth == OutputFormat("wav").bit_depth == "16"
    assert OutputFormat("mp3").bit_depth is None


class FullDisk(io.BytesIO):
    """A disk that takes so many bytes."""

    def __init__(self, room):
        super().__init__()
        self._room = room

    def write(self, data):
        if self.tell() + len(data) > self._room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


@pytest.mark.parametrize("container", SUFFIXES)
@pytest.mark.parametrize("room", [0, 1000, 30_000])
def test_a_full_disk_is_told_as_such(container, room, music):
    with pytest.raises(OSError, match="No space left") as caught:  # noqa: PT012 - buffers decide which call fails
        writer = LossyWriter(FullDisk(room), container, sample_rate=48000, channels=2)
        writer.write(np.tile(music, 3))
        writer.close()
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize("container", SUFFIXES)
def test_what_is_given_up_writes_nothing_more(container, music):
    file = io.BytesIO()
    writer = LossyWriter(file, container, sample_rate=48000, channels=2)
    writer.write(music)
    length = len(file.getvalue())
    writer.discard()
    assert len(file.getvalue()) == length

"""A repaired file decodes to what the damaged one is restored from, in players too; a sound one stays as it is."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen.id3 import ID3
from support import invoke

from mp3restore import InputError
from mp3restore.audio.decode import open_audio
from mp3restore.audio.repair import find_file_flaws, repair_file
from mp3restore.mp3.crc import lame_crc
from mp3restore.mp3.framing import read_table


def decoded(path: Path) -> np.ndarray:
    with open_audio(path) as source:
        return np.concatenate(list(source.blocks()), axis=1)


def played(path: Path) -> np.ndarray:
    """What libsndfile alone makes of a file."""
    return soundfile.read(path, dtype="float32", always_2d=True)[0].T


@pytest.mark.parametrize("options", [("-b", "64"), ("-b", "64", "-t"), ("-V", "3"), ("-b", "32", "-m", "m"), ("-p",)])
def test_a_sound_file_is_copied(encode, music, tmp_path, options):
    path = encode("lame", music, 44100, *options, "--tt", "a title", "--add-id3v2")
    done = repair_file(path, tmp_path / "out.mp3")
    assert not done.flaws.any
    assert (tmp_path / "out.mp3").read_bytes() == path.read_bytes()


def test_the_tag_frame_is_the_one_of_lame(encode, music, tmp_path):
    """A wrong count costs the padding, which may speak of another end; the checksum of the music is LAME's."""
    path = encode("lame", music, 44100, "-b", "64", "--resample", "44.1")
    data = path.read_bytes()
    at = data.find(b"Info") + 8
    path.write_bytes(data[:at] + (3).to_bytes(4, "big") + data[at + 4 :])
    assert repair_file(path, tmp_path / "out.mp3").flaws.wrong_tags == 1
    made = (tmp_path / "out.mp3").read_bytes()
    contents, delays, tag_crc = range(at + 8, at + 108), range(at + 133, at + 136), range(at + 146, at + 148)
    assert len(made) == len(data)
    different = {i for i in range(len(data)) if made[i] != data[i]}
    assert different <= {*contents, *delays, *tag_crc}
    assert int.from_bytes(made[tag_crc.start : tag_crc.stop], "big") == lame_crc(made[: tag_crc.start])
    assert music.shape[1] <= played(tmp_path / "out.mp3").shape[1] < music.shape[1] + 2000


@pytest.mark.parametrize("size", [800, 4000])
@pytest.mark.parametrize("options", [("-b", "64"), ("-V", "5"), ("-b", "48", "-t"), ("-b", "32", "-m", "m")])
def test_a_damaged_file_plays_whole_afterwards(encode, music, tmp_path, rng, options, size):
    path = encode("lame", np.tile(music, 2), 44100, *options, "--resample", "44.1", "--tt", "a title", "--add-id3v2")
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(data[:middle] + rng.bytes(size) + data[middle + size :])
    expected = decoded(path)
    out = tmp_path / "out.mp3"
    flaws = repair_file(path, out).flaws
    assert flaws.silent_frames > 0
    assert not find_file_flaws(out).any
    np.testing.assert_array_equal(played(out), expected)
    assert ID3(out)["TIT2"] == ID3(path)["TIT2"]


@pytest.mark.parametrize("options", [("-b", "100"), ("-b", "32", "-m", "m")])  # with room for a tag, and without
def test_free_format_without_a_tag_gets_none(encode, music, tmp_path, rng, options):
    path = encode("lame", np.tile(music, 2), 44100, "--freeformat", *options, "--resample", "44.1", "-t")
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(data[:middle] + rng.bytes(500) + data[middle + 500 :])
    before = decoded(path)
    assert repair_file(path, tmp_path / "out.mp3").flaws.any
    assert b"Info" not in (tmp_path / "out.mp3").read_bytes()
    assert not find_file_flaws(tmp_path / "out.mp3").any
    after = decoded(tmp_path / "out.mp3")
    assert after.shape == before.shape
    np.testing.assert_allclose(after[:, :50_000], before[:, :50_000], atol=1e-6)


def test_the_tag_of_another_encoder_than_lame_stays_without_its_extension(encode, music, tmp_path):
    path = encode("lame", music, 44100, "-V", "5")
    data = bytearray(path.read_bytes())
    at = data.find(b"Xing")
    data[at + 8 : at + 12] = (3).to_bytes(4, "big")
    data[at + 120 : at + 156] = bytes(36)
    path.write_bytes(data)
    assert repair_file(path, tmp_path / "out.mp3").flaws.wrong_tags == 1
    made = (tmp_path / "out.mp3").read_bytes()
    assert made[at + 120 : at + 156] == bytes(36)
    table = read_table(io.BytesIO(made))
    assert int.from_bytes(made[at + 8 : at + 12], "big") == np.count_nonzero(~table.is_tag)


def test_what_players_stop_at_is_dropped(encode, music, tmp_path):
    path = encode("lame", music, 44100, "-b", "64", "--resample", "44.1")
    data = path.read_bytes()
    path.write_bytes(data + b"LYRICSBEGIN" + b"la " * 30 + b"LYRICSEND" + data)
    out = tmp_path / "out.mp3"
    assert repair_file(path, out).flaws.wrong_tags == 2
    # The inner delay and padding cannot be told by one tag.
    assert 2 * music.shape[1] <= played(out).shape[1] <= 2 * music.shape[1] + 4 * 1152


def test_layer_ii(music, tmp_path, rng):
    wav, mp2 = tmp_path / "a.wav", tmp_path / "a.mp2"
    soundfile.write(wav, music.T, 44100)
    command = ["ffmpeg", "-v", "error", "-i", str(wav), "-c:a", "mp2", "-b:a", "128k", str(mp2)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    data = mp2.read_bytes()
    with mp2.open("rb") as file:
        count = read_table(file).position.size
    mp2.write_bytes(data[:9000] + rng.bytes(1000) + data[10000:])
    repair_file(mp2, tmp_path / "b.mp2")
    assert decoded(tmp_path / "b.mp2").shape == (2, 1152 * count)
    assert not find_file_flaws(tmp_path / "b.mp2").any


def test_what_is_no_mpeg_audio_is_refused(tmp_path, music):
    soundfile.write(tmp_path / "a.wav", music.T, 44100)
    with pytest.raises(InputError, match="is not MPEG audio"):
        repair_file(tmp_path / "a.wav", tmp_path / "b.wav")
    assert not (tmp_path / "b.wav").exists()


def test_the_command_on_a_file(encode, music, tmp_path):
    path = encode("lame", music, 44100, "-b", "64")
    path.write_bytes(path.read_bytes()[:9000] + bytes(1000) + path.read_bytes()[10000:])
    result = invoke("repair", path)
    assert result.exit_code == 0
    assert "bytes dropped" in result.stderr
    assert not find_file_flaws(path.with_name("lame.repaired.mp3")).any
    assert invoke("repair", path).exit_code == 4
    assert invoke("repair", path, "-f").exit_code == 0
    assert invoke("repair", path, path, "-f").exit_code == 2
    assert invoke("repair", tmp_path / "gone.mp3").exit_code == 3


def test_the_command_on_a_folder(songs, tmp_path):
    damaged = songs / "sub" / "two.mp3"
    data = damaged.read_bytes()
    damaged.write_bytes(data[:1500] + bytes(300) + data[1800:])
    (songs / "text.mp3").write_text("no audio")
    result = invoke("repair", songs, tmp_path / "out")
    assert result.exit_code == 1
    assert "1 repaired, 2 without flaws, 1 failed" in result.stderr
    assert "text.mp3: no audio found" in result.stderr
    assert [path.name for path in (tmp_path / "out").rglob("*.mp3")] == ["two.mp3"]


def test_the_hint_of_restore_helps(encode, music, tmp_path, rng):
    path = encode("lame", np.tile(music, 2), 44100, "-b", "64", "--resample", "44.1")
    data = path.read_bytes()
    path.write_bytes(data[:9000] + rng.bytes(1000) + data[10000:])
    result = invoke(path, "-o", tmp_path / "a.wav")
    assert result.exit_code == 0
    assert "s of silence stand for them" in result.stderr
    assert "'mp3restore repair FILE'" in result.stderr
    assert invoke("repair", path, tmp_path / "repaired.mp3").exit_code == 0
    assert "silence" not in invoke(tmp_path / "repaired.mp3", "-o", tmp_path / "b.wav").stderr

"""Tags and pictures on their way from an MP3 to FLAC and WAV."""

from __future__ import annotations

import os
import shutil

import pytest
import soundfile
from mutagen.apev2 import APEBinaryValue, APEv2
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, COMM, ID3, RVA2, TALB, TCON, TDRC, TIT2, TPE1, TPOS, TRCK, TSSE, TXXX, USLT
from mutagen.wave import WAVE
from support import invoke

from mp3restore.audio.tags import Tags, read_tags, write_tags

COVER = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@pytest.fixture
def tagged(second, tmp_path):
    path = shutil.copy(second, tmp_path / "song.mp3")
    tags = ID3()
    tags.add(TIT2(encoding=3, text=["Żółć 音楽"]))
    tags.add(TPE1(encoding=3, text=["First", "Second"]))
    tags.add(TALB(encoding=3, text=["Album"]))
    tags.add(TDRC(encoding=3, text=["1999-12-31"]))
    tags.add(TRCK(encoding=3, text=["3/12"]))
    tags.add(TPOS(encoding=3, text=["1/2"]))
    tags.add(TCON(encoding=3, text=["17"]))
    tags.add(COMM(encoding=3, lang="eng", desc="", text=["nice"]))
    tags.add(COMM(encoding=3, lang="eng", desc="iTunSMPB", text=[" 00000000 00000210"]))
    tags.add(USLT(encoding=3, lang="eng", desc="", text="la\nla"))
    tags.add(TXXX(encoding=3, desc="REPLAYGAIN_TRACK_GAIN", text=["-8.00 dB"]))
    tags.add(TXXX(encoding=3, desc="MusicBrainz Album Id", text=["abc"]))
    tags.add(RVA2(desc="track", channel=1, gain=-8, peak=1))
    tags.add(TSSE(encoding=3, text=["LAME 3.100"]))
    tags.add(APIC(encoding=3, mime="image/png", type=3, desc="front", data=COVER))
    tags.save(path)
    return path


def test_to_flac(tagged, tmp_path):
    assert invoke(tagged, "--seed", 7).exit_code == 0
    flac = FLAC(tmp_path / "song.restored.flac")
    assert flac["artist"] == ["First", "Second"]
    expected = {
        "title": "Żółć 音楽", "album": "Album", "date": "1999-12-31", "tracknumber": "3", "tracktotal": "12",
        "discnumber": "1", "disctotal": "2", "genre": "Rock", "comment": "nice", "lyrics": "la\nla",
        "musicbrainz_albumid": "abc", "mp3restore_seed": "7", "mp3restore_variant": "1",
        "mp3restore_source_kbps": "32",
    }  # fmt: skip
    assert {key: flac[key] for key in expected} == {key: [value] for key, value in expected.items()}
    assert not [key for key in flac if any(word in key for word in ("replaygain", "smpb", "encod", "tsse"))]
    (picture,) = flac.pictures
    assert (picture.data, picture.mime, picture.type, picture.desc) == (COVER, "image/png", 3, "front")
    assert soundfile.read(tmp_path / "song.restored.flac")[0].shape == (soundfile.info(tagged).frames, 2)


def test_to_wav(tagged, tmp_path):
    assert invoke(tagged, "-o", tmp_path / "a.wav").exit_code == 0
    tags = WAVE(tmp_path / "a.wav").tags
    assert str(tags["TIT2"]) == "Żółć 音楽"
    assert tags["TPE1"].text == ["First", "Second"]
    assert (str(tags["TDRC"]), str(tags["TRCK"]), str(tags["TPOS"])) == ("1999-12-31", "3/12", "1/2")
    assert tags["APIC:front"].data == COVER
    assert str(tags["TXXX:MP3RESTORE_MODEL"]).startswith("ember ")
    assert not [key for key in tags if "REPLAYGAIN" in key or "SMPB" in key or key.startswith(("TSSE", "RVA2"))]
    assert soundfile.info(tmp_path / "a.wav").frames == soundfile.info(tagged).frames
    back, ours = read_tags(tmp_path / "a.wav")
    assert ours
    assert back.comments["TRACKTOTAL"] == ["12"]


def test_without_tags(tagged, tmp_path):
    assert invoke(tagged, "--no-tags").exit_code == 0
    flac = FLAC(tmp_path / "song.restored.flac")
    assert not flac.tags
    assert not flac.pictures


def test_modification_time(tagged, tmp_path):
    os.utime(tagged, (1e9, 1e9))
    assert invoke(tagged, "--preserve-mtime").exit_code == 0
    assert (tmp_path / "song.restored.flac").stat().st_mtime == 1e9
    assert invoke(tagged, "-f").exit_code == 0
    assert (tmp_path / "song.restored.flac").stat().st_mtime > 1.5e9


def test_ape_tags_with_a_cover(second, tmp_path):
    path = shutil.copy(second, tmp_path / "ape.mp3")
    ID3(path).delete()
    tags = APEv2()
    for key, value in {"Title": "x", "Track": "4/5", "Disc": "1/2", "Year": "1999", "Album Artist": "Z"}.items():
        tags[key] = value
    tags["Cover Art (Front)"] = APEBinaryValue(b"front.png\0" + COVER)
    tags["Something"] = APEBinaryValue(b"\0\xff")
    tags.save(path)
    assert invoke(path, "-o", tmp_path / "a.flac").exit_code == 0
    flac = FLAC(tmp_path / "a.flac")
    expected = {"title": "x", "tracknumber": "4", "tracktotal": "5", "discnumber": "1", "disctotal": "2"}
    expected |= {"date": "1999", "albumartist": "Z"}
    assert {key: flac[key] for key in expected} == {key: [value] for key, value in expected.items()}
    assert [(each.data, each.mime, each.type) for each in flac.pictures] == [(COVER, "image/png", 3)]
    assert "something" not in flac


def test_own_results_are_recognised(tagged, tmp_path):
    assert invoke(tagged, "-o", tmp_path / "a.flac").exit_code == 0
    result = invoke(tmp_path / "a.flac", "-o", tmp_path / "b.flac", "--strength", 0.5)
    assert result.exit_code == 0
    assert "a.flac: the input is a restoration already" in result.stderr


@pytest.mark.parametrize("head", [b"ID3\x03\0\0\x7f\x7f\x7f\x7f", b"ID3\x04\0\x80\0\0\0\x14" + b"\xff" * 20])
def test_damaged_tags_are_no_reason_to_fail(second, tmp_path, head):
    path = tmp_path / "song.mp3"
    path.write_bytes(head + second.read_bytes())
    result = invoke(path)
    assert result.exit_code == 0, result.stderr
    assert ("song.mp3: tags could not be read: ID3v2 tag" in result.stderr) == head.startswith(b"ID3\x03")
    assert read_tags(path)[0].comments == {}


def test_too_large_for_the_format(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, [0.0] * 10, 44100)
    picture = Picture()
    picture.data = bytes(1 << 24)
    tags = Tags(comments={"TITLE": ["x"]}, pictures=[picture])
    with path.open("r+b") as file:
        assert write_tags(file, "flac", tags) == "not kept of the tags: picture of more than 16 MB"
    assert FLAC(path)["title"] == ["x"]
    with (tmp_path / "large.wav").open("w+b") as file:
        file.write(b"RF64" + bytes(100))
        assert "no program reads them" in write_tags(file, "wav", tags)

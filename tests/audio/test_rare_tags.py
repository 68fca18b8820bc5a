"""Tags that few files have: chapters without titles, credits outside ID3, texts of AIFF, damaged frames."""

from __future__ import annotations

import base64
import shutil
import struct
import subprocess

import mutagen
import mutagen.id3
import pytest
import soundfile
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC, Picture
from mutagen.id3 import ID3
from mutagen.mp4 import MP4, AtomDataType, MP4FreeForm
from mutagen.wave import WAVE

from mp3restore.audio.decode import open_audio
from mp3restore.audio.tags import read_tags, write_tags

COVER = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
FRAMES = mutagen.id3


@pytest.fixture
def song(second, tmp_path):
    path = shutil.copy(second, tmp_path / "song.mp3")
    ID3(path).delete()
    return path


@pytest.fixture
def keep(tmp_path):
    """Carry the tags of a file to an empty FLAC and WAV; returns both, and what was said about the FLAC."""

    def run(path):
        tags, _ = read_tags(path)
        targets = [tmp_path / f"kept.{container}" for container in ("flac", "wav")]
        for target in targets:
            soundfile.write(target, [0.0] * 100, 44100, subtype="PCM_16")
            with target.open("r+b") as file:
                said = write_tags(file, target.suffix[1:], tags)
            if target.suffix == ".flac":
                of_flac = said
        return FLAC(targets[0]), WAVE(targets[1]).tags, of_flac

    return run


def add(path, *frames):
    id3 = ID3(path) if path.read_bytes()[:3] == b"ID3" else ID3()
    for frame in frames:
        id3.add(frame)
    id3.save(path)


def encode(second, path, *arguments):
    command = ["ffmpeg", "-v", "error", "-i", str(second), "-map_metadata", "-1", *arguments, str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def test_chapters_with_a_link_and_without_a_title(song, keep):
    times = {"end_time": 9000, "start_offset": 0xFFFFFFFF, "end_offset": 0xFFFFFFFF}
    link = FRAMES.WXXX(encoding=3, desc="", url="https://example.org/1")
    add(
        song,
        FRAMES.CHAP(element_id="a", start_time=0, sub_frames=[link], **times),
        FRAMES.CHAP(element_id="b", start_time=61_500, sub_frames=[FRAMES.TIT2(encoding=3, text=["End"])], **times),
    )
    flac, wav, said = keep(song)
    assert flac.tags.as_dict() == {
        "chapter001": ["00:00:00.000"], "chapter001url": ["https://example.org/1"], "chapter002": ["00:01:01.500"],
        "chapter002name": ["End"],
    }  # fmt: skip
    assert sorted(each.start_time for each in wav.getall("CHAP")) == [0, 61_500]
    assert said == ""


def test_chapters_of_an_audio_book(second, tmp_path, keep):
    (tmp_path / "chapters").write_text(
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=500\nEND=1000\ntitle=Two\n"
    )
    path = tmp_path / "a.m4b"
    sources = ["-i", str(second), "-i", str(tmp_path / "chapters"), "-map_chapters", "1"]
    subprocess.run(
        ["ffmpeg", "-v", "error", *sources, "-map", "0:a", "-f", "ipod", "-c:a", "aac", str(path)],
        check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    mp4 = MP4(path)
    mp4["----:com.apple.iTunes:blob"] = MP4FreeForm(b"\1\2", AtomDataType.UUID)
    mp4.save()
    flac, _, said = keep(path)
    found = flac.tags.as_dict()
    assert (found["chapter001name"], found["chapter002name"]) == (["One"], ["Two"])
    assert found["chapter002"] == ["00:00:00.500"]
    assert said == "not kept of the tags: MP4 blob"


def test_a_frame_whose_values_are_damaged_is_named_and_costs_no_other(song, keep):
    add(song, FRAMES.UFID(owner="http://musicbrainz.org", data=b"\xff\xfe"), FRAMES.TIT2(encoding=3, text=["Title"]))
    flac, wav, said = keep(song)
    assert flac.tags.as_dict() == {"title": ["Title"]}
    assert list(wav) == ["TIT2"]
    assert said == "tags could not be read: UFID frame"


def test_a_rating_without_a_counter(song, keep):
    add(song, FRAMES.POPM(email="", rating=255))
    flac, wav, _ = keep(song)
    assert flac.tags.as_dict() == {"rating": ["1"]}
    assert wav["POPM:"].rating == 255


def test_credits_from_an_ape_tag_become_frames(song, keep):
    ape = APEv2()
    ape["Producer"], ape["DJMixer"] = "P", "D"
    ape["Performer"] = ["V (violin)", "Choir"]
    ape.save(song)
    flac, wav, said = keep(song)
    assert flac.tags.as_dict() == {"producer": ["P"], "djmixer": ["D"], "performer": ["V (violin)", "Choir"]}
    assert sorted(wav["TIPL"].people) == [["DJ-mix", "D"], ["producer", "P"]]
    assert wav["TMCL"].people == [["violin", "V"], ["", "Choir"]]
    assert said == ""


def test_two_pictures_of_one_description_are_two_pictures_in_wav(song, keep):
    pictures = [FRAMES.APIC(encoding=3, mime="image/png", type=3, desc="", data=COVER)]
    pictures += [FRAMES.APIC(encoding=3, mime="image/png", type=4, desc=" ", data=COVER + b"2")]
    add(song, *pictures)
    ape = APEv2()
    ape["Cover Art (Front)"] = b"a.png\0" + COVER
    ape.save(song)
    flac, wav, _ = keep(song)
    assert [each.type for each in flac.pictures] == [3, 4]
    assert sorted((each.type, each.data) for each in wav.getall("APIC")) == [(3, COVER), (4, COVER + b"2")]


def test_covers_of_vorbis_comments_and_files_without_any(second, tmp_path, keep):
    path = encode(second, tmp_path / "a.ogg", "-c:a", "libvorbis")
    file = mutagen.File(path)
    values = []
    for kind, data in ((3, COVER), (4, COVER + b"2")):
        picture = Picture()
        picture.data, picture.type, picture.mime = data, kind, "image/png"
        values.append(base64.b64encode(picture.write()).decode())
    file["metadata_block_picture"] = values
    file.save()
    flac, wav, _ = keep(path)
    assert [(each.type, each.data) for each in flac.pictures] == [(3, COVER), (4, COVER + b"2")]
    assert sorted((each.type, each.data) for each in wav.getall("APIC")) == [(3, COVER), (4, COVER + b"2")]
    bare = tmp_path / "bare.flac"
    soundfile.write(bare, [0.0] * 100, 44100)
    flac = FLAC(bare)
    flac.metadata_blocks = [block for block in flac.metadata_blocks if block.code != 4]
    flac.tags = None
    flac.save(padding=lambda _: 0)
    assert FLAC(bare).tags is None
    assert read_tags(bare)[0].comments == {}
    assert read_tags(bare)[0].problems == []


def chunk(name, content, order="<"):
    return name + struct.pack(f"{order}I", len(content)) + content + bytes(len(content) % 2)


def test_texts_of_aiff_and_info_of_rf64(tmp_path, keep):
    path = tmp_path / "a.aiff"
    soundfile.write(path, [0.0] * 100, 44100)
    data = path.read_bytes() + chunk(b"NAME", b"Title", ">") + chunk(b"AUTH", b"Artist\0", ">")
    path.write_bytes(data[:4] + struct.pack(">I", len(data) - 8) + data[8:])
    assert keep(path)[0].tags.as_dict() == {"title": ["Title"], "artist": ["Artist"]}
    path = tmp_path / "a.wav"
    soundfile.write(path, [0.25] * 100, 44100, format="RF64", subtype="PCM_16")
    data = path.read_bytes()
    assert (data[:4], data[12:16]) == (b"RF64", b"ds64")
    entries = b"INFO" + chunk(b"INAM", b"Title\0") + chunk(b"IART", b" \0")
    path.write_bytes(data + chunk(b"LIST", entries) + chunk(b"id3 ", b"no tag at all"))
    tags, _ = read_tags(path)
    assert (tags.comments, tags.problems) == ({"TITLE": ["Title"]}, [])


def test_bytes_that_only_look_compressed_are_no_bomb(song):
    frame = b"APIC" + bytes([0, 0, 0, 40]) + b"\0\x08" + b"\0\0\0\x28" + b"x\x9c" + b"\xff" * 34
    tag = b"ID3\4\0\0" + bytes([0, 0, 0, len(frame)]) + frame
    song.write_bytes(tag + song.read_bytes())
    with open_audio(song) as source:
        assert source.frames == 44100

"""Every frame of ID3v2.4, every kind of tag, and what is said of those that cannot be kept."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess

import mutagen.id3
import pytest
import soundfile
from mutagen.apev2 import APEBinaryValue, APEv2
from mutagen.asf import ASF, ASFByteArrayAttribute, ASFUnicodeAttribute
from mutagen.flac import FLAC
from mutagen.id3 import ID3, Frames
from mutagen.mp4 import MP4, MP4Cover, MP4FreeForm
from mutagen.wave import WAVE
from support import invoke

from mp3restore.audio.tags import read_tags, write_tags
from mp3restore.audio.tags.names import FRAMES, NUMBERS, STALE_FRAMES, URLS
from mp3restore.audio.tags.riff import read_chunks, read_info

COVER = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@pytest.fixture
def keep(tmp_path):
    """Carry the tags of a file to an empty FLAC and WAV; gives both, and what was said."""

    def run(path):
        tags, _ = read_tags(path)
        results, said = {}, {}
        for container in ("flac", "wav"):
            target = tmp_path / f"kept.{container}"
            soundfile.write(target, [0.0] * 100, 44100, subtype="PCM_16")
            with target.open("r+b") as file:
                said[container] = write_tags(file, container, tags)
            assert soundfile.info(target).frames == 100
            results[container] = target
        return FLAC(results["flac"]), WAVE(results["wav"]).tags, said

    return run


@pytest.fixture
def song(second, tmp_path):
    path = shutil.copy(second, tmp_path / "song.mp3")
    ID3(path).delete()
    return path


VALUES = {
    "encoding": 3, "text": ["Żółć"], "url": "https://example.org/", "desc": "about", "lang": "deu", "email": "a@b.c",
    "rating": 196, "count": 7, "owner": "http://example.org", "data": b"\1\2", "mime": "image/png", "type": 3,
    "filename": "x.bin", "people": [["producer", "P"], ["violin", "V"]], "element_id": "c1", "start_time": 1500,
    "end_time": 3000, "start_offset": 0xFFFFFFFF, "end_offset": 0xFFFFFFFF, "flags": 3, "child_element_ids": ["c1"],
    "value": 1, "format": 2, "events": [(1, 2)], "price": "EUR1", "valid_until": "20300101", "contact": "c",
    "seller": "s", "date": "20200101", "offset": 1, "size": 1, "key": b"k", "method": 1, "group": 1, "frameid": "TIT2",
    "sig": b"s", "position": 1, "preview_start": 1, "preview_length": 1, "gain": 1.0, "peak": 0.5, "channel": 1,
    "adjustments": [(100, 1.0)], "left": 1, "right": 1, "premix": 1, "b": 8, "S": 1, "L": 1, "N": 1,
    "Fi": [1], "bands": 1, "identification": "x",
}  # fmt: skip
TEXTS = {"TRCK": ["3/12"], "TPOS": ["1/2"], "MVIN": ["2/4"], "TCON": ["17"], "TCMP": ["1"], "TBPM": ["120"],
         "TDRC": ["2001-02-03"], "TDOR": ["1999"], "TDRL": ["2001"], "TDTG": ["2002"], "TDEN": ["2003"],
         "TORY": ["1999"], "TYER": ["1999"], "TLEN": ["1000"], "TDLY": ["5"], "TSIZ": ["6"]}  # fmt: skip


def sample(name):
    """A frame of this name with a value for each of its fields."""
    kind = Frames[name]
    fields = {spec.name: VALUES.get(spec.name) for spec in (*kind._framespec, *kind._optionalspec)}
    if name in TEXTS:
        fields["text"] = TEXTS[name]
    if name == "SYLT":
        fields["text"] = [("first", 0), ("second", 61_500)]
    if name in ("USLT", "USER"):
        fields["text"] = "Żółć"
    if name == "APIC":
        fields["data"] = COVER
    if name == "RVAD":
        fields["adjustments"] = [1, 1]
    if name == "COMR":
        fields |= {"format": 3, "mime": "image/png", "logo": b"x"}
    if "sub_frames" in fields:
        fields["sub_frames"] = [mutagen.id3.TIT2(encoding=3, text=["Chapter"])]
    return kind(**{key: value for key, value in fields.items() if value is not None})


OF_THE_STANDARD = [
    "AENC", "APIC", "ASPI", "COMM", "COMR", "ENCR", "EQU2", "ETCO", "GEOB", "GRID", "LINK", "MCDI", "MLLT",
    "OWNE", "PRIV", "PCNT", "POPM", "POSS", "RBUF", "RVA2", "RVRB", "SEEK", "SIGN", "SYLT", "SYTC", "TALB",
    "TBPM", "TCOM", "TCON", "TCOP", "TDEN", "TDLY", "TDOR", "TDRC", "TDRL", "TDTG", "TENC", "TEXT", "TFLT",
    "TIPL", "TIT1", "TIT2", "TIT3", "TKEY", "TLAN", "TLEN", "TMCL", "TMED", "TMOO", "TOAL", "TOFN", "TOLY",
    "TOPE", "TOWN", "TPE1", "TPE2", "TPE3", "TPE4", "TPOS", "TPRO", "TPUB", "TRCK", "TRSN", "TRSO", "TSOA",
    "TSOP", "TSOT", "TSRC", "TSSE", "TSST", "TXXX", "UFID", "USER", "USLT", "WCOM", "WCOP", "WOAF", "WOAR",
    "WOAS", "WORS", "WPAY", "WPUB", "WXXX", "CHAP", "CTOC",
]  # fmt: skip
OF_OLDER_VERSIONS = ("EQUA", "RVAD", "TDAT", "TIME", "TRDA", "TSIZ")  # which the parser drops or translates
ALL = sorted(name for name in Frames if len(name) == 4 and name not in OF_OLDER_VERSIONS)


def test_all_frames_of_id3v24_are_tried():
    for name in OF_THE_STANDARD:
        assert name in ALL
    assert set(FRAMES) | set(NUMBERS) | set(URLS) <= set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_every_frame_is_kept_or_named(name, song, keep):
    frame = sample(name)
    id3 = ID3()
    id3.add(frame)
    id3.save(song)
    written = ID3(song)
    (frame,) = written.values()
    flac, wav, said = keep(song)
    comments = flac.tags.as_dict() if flac.tags else {}
    if frame.FrameID in STALE_FRAMES:
        assert (comments, flac.pictures, list(wav)) == ({}, [], [])
        assert said == {"flac": "", "wav": ""}
        return
    if frame.FrameID == "APIC":
        assert [each.data for each in flac.pictures] == [COVER]
        assert wav["APIC:about"].data == COVER
        return
    assert [each for each in wav.values() if each.FrameID == frame.FrameID] == [frame]
    assert said["wav"] == ""
    if frame.FrameID == "CTOC":  # the chapters have their order in FLAC, too
        return
    assert bool(comments) != (f"not kept of the tags: {frame.FrameID}" == said["flac"]), (comments, said)


def add(path, *frames):
    id3 = ID3()
    for frame in frames:
        id3.add(frame)
    id3.save(path)


def test_picards_names(song, keep):
    described = {
        "MusicBrainz Album Id": "musicbrainz_albumid", "MusicBrainz Album Artist Id": "musicbrainz_albumartistid",
        "MusicBrainz Artist Id": "musicbrainz_artistid", "MusicBrainz Release Track Id": "musicbrainz_releasetrackid",
        "MusicBrainz Release Group Id": "musicbrainz_releasegroupid", "MusicBrainz Album Type": "releasetype",
        "MusicBrainz Album Status": "releasestatus", "MusicBrainz Album Release Country": "releasecountry",
        "Acoustid Id": "acoustid_id", "Acoustid Fingerprint": "acoustid_fingerprint", "CATALOGNUMBER": "catalognumber",
    }  # fmt: skip
    frames = [mutagen.id3.TXXX(encoding=3, desc=each, text=["v"]) for each in described]
    frames.append(mutagen.id3.UFID(owner="http://musicbrainz.org", data=b"track-id"))
    frames.append(mutagen.id3.TPUB(encoding=3, text=["Label"]))
    frames.append(mutagen.id3.TKEY(encoding=3, text=["Am"]))
    add(song, *frames)
    flac, wav, _ = keep(song)
    for name in described.values():
        assert flac[name] == ["v"]
    assert (flac["musicbrainz_trackid"], flac["label"], flac["key"]) == (["track-id"], ["Label"], ["Am"])
    for name in described:
        assert wav[f"TXXX:{name}"].text == ["v"]
    assert wav["UFID:http://musicbrainz.org"].data == b"track-id"
    # And from comments to ID3, where the input has no frames.
    flac.save()
    tags, _ = read_tags(io.BytesIO((song.parent / "kept.flac").read_bytes()))
    tags.frames = []
    target = song.parent / "again.wav"
    soundfile.write(target, [0.0] * 100, 44100)
    with target.open("r+b") as file:
        assert write_tags(file, "wav", tags) == ""
    again = WAVE(target).tags
    for name in described:
        assert again[f"TXXX:{name}"].text == ["v"]
    assert again["UFID:http://musicbrainz.org"].data == b"track-id"
    assert str(again["TPUB"]) == "Label"


def test_what_was_lost_silently(song, keep):
    i = mutagen.id3
    add(
        song,
        i.CHAP(element_id="b", start_time=61_500, end_time=70_000, sub_frames=[i.TIT2(encoding=3, text=["Two"])]),
        i.CHAP(element_id="a", start_time=0, end_time=61_500, sub_frames=[i.TIT2(encoding=3, text=["One"])]),
        i.CTOC(element_id="t", flags=3, child_element_ids=["a", "b"], sub_frames=[]),
        i.TIPL(encoding=3, people=[["producer", "P"], ["engineer", "E"], ["DJ-mix", "D"], ["cook", "C"]]),
        i.TMCL(encoding=3, people=[["violin", "V"], ["piano", "Q"]]),
        i.POPM(email="me@example.org", rating=255, count=3), i.WOAR(url="https://a.example"),
        i.WXXX(encoding=3, desc="shop", url="https://b.example"),
        i.SYLT(encoding=3, lang="eng", format=2, type=1, desc="", text=[("la", 0), ("li", 61_230)]),
        i.TOPE(encoding=3, text=["Original"]), i.TDRL(encoding=3, text=["2001"]),
        i.GRP1(encoding=3, text=["Group"]), i.MVNM(encoding=3, text=["Allegro"]), i.MVIN(encoding=3, text=["2/4"]),
        i.TDES(encoding=3, text=["About"]), i.TGID(encoding=3, text=["id"]), i.WFED(url="https://feed.example"),
        i.PCST(value=1), i.TCAT(encoding=3, text=["News"]), i.TKWD(encoding=3, text=["key"]),
        i.COMM(encoding=3, lang="eng", desc="", text=["plain"]),
        i.COMM(encoding=3, lang="deu", desc="", text=["klar"]),
        i.COMM(encoding=3, lang="eng", desc="source", text=["tape"]),
        i.USLT(encoding=3, lang="fra", desc="", text="tra"),
        i.TXXX(encoding=3, desc="Größe", text=["large"]), i.TXXX(encoding=3, desc="a=b", text=["equals"]),
        i.TXXX(encoding=3, desc="", text=["nameless"]), i.PRIV(owner="x", data=b"1"), i.PRIV(owner="y", data=b"2"),
        i.GEOB(encoding=3, mime="x/y", filename="f", desc="d", data=b"3"),
    )  # fmt: skip
    flac, wav, said = keep(song)
    expected = {
        "chapter001": ["00:00:00.000"], "chapter001name": ["One"], "chapter002": ["00:01:01.500"],
        "chapter002name": ["Two"], "producer": ["P"], "engineer": ["E"], "djmixer": ["D"],
        "performer": ["C (cook)", "V (violin)", "Q (piano)"], "rating:me@example.org": ["1"], "playcount": ["3"],
        "website": ["https://a.example"], "url:shop": ["https://b.example"],
        "syncedlyrics": ["[00:00.00]la\n[01:01.23]li"], "originalartist": ["Original"], "releasedate": ["2001"],
        "grouping": ["Group"], "movementname": ["Allegro"], "movement": ["2"], "movementtotal": ["4"],
        "podcastdesc": ["About"], "podcastid": ["id"], "podcasturl": ["https://feed.example"], "podcast": ["1"],
        "podcastcategory": ["News"], "podcastkeywords": ["key"], "comment": ["plain", "klar"], "comment:deu": ["klar"],
        "comment:source": ["tape"], "lyrics": ["tra"], "lyrics:fra": ["tra"], "grosse": ["large"], "a_b": ["equals"],
        "txxx": ["nameless"],
    }  # fmt: skip
    found = flac.tags.as_dict()
    assert found | {"performer": sorted(found["performer"])} == expected | {"performer": sorted(expected["performer"])}
    assert said == {"flac": "not kept of the tags: GEOB, PRIV (2)", "wav": ""}
    assert sorted(wav) == sorted(ID3(song))


def test_stale_values_stay_away(song, keep):
    i = mutagen.id3
    add(
        song, i.TSSE(encoding=3, text=["LAME"]), i.TLEN(encoding=3, text=["1"]),
        i.RVA2(desc="a", channel=1, gain=1, peak=1), i.TXXX(encoding=3, desc="replaygain_track_gain", text=["-8 dB"]),
        i.COMM(encoding=3, desc="iTunNORM", text=["0"]),
        i.TXXX(encoding=3, desc="ENCODER", text=["x"]), i.TIT2(encoding=3, text=["Title"]),
    )  # fmt: skip
    flac, wav, said = keep(song)
    assert flac.tags.as_dict() == {"title": ["Title"]}
    assert list(wav) == ["TIT2"]
    assert said == {"flac": "", "wav": ""}


def id3v1(title: str) -> bytes:
    return struct.pack(
        "<3s30s30s30s4s30sB", b"TAG", title.encode(), b"V1 artist", b"V1 album", b"1991", b"V1 comment", 17
    )


def test_tags_are_merged_in_the_stated_order(song, keep):
    """ID3v2 from the first on, APEv2, ID3v1."""
    i = mutagen.id3
    first, second, last = io.BytesIO(), io.BytesIO(), io.BytesIO()
    for stream, frames in (
        (first, [i.TIT2(encoding=3, text=["first"])]),
        (second, [i.TIT2(encoding=3, text=["second"]), i.TALB(encoding=3, text=["second album"])]),
        (last, [i.TCOM(encoding=3, text=["appended"])]),
    ):
        tags = ID3()
        for frame in frames:
            tags.add(frame)
        tags.save(stream, padding=lambda _: 0)
    appended = bytearray(last.getvalue())
    appended[5] |= 0x10
    appended += b"3DI" + appended[3:10]
    audio = song.read_bytes()
    ape = APEv2()
    ape.update({"Title": "ape", "Artist": "A long artist that ID3v1 cannot hold", "Publisher": "Label"})
    ape["Cover Art (Front)"] = APEBinaryValue(b"f.png\0" + COVER)
    song.write_bytes(audio)
    ape.save(song)
    with_ape = song.read_bytes()[len(audio) :]
    song.write_bytes(first.getvalue() + second.getvalue() + audio + appended + with_ape + id3v1("v1 title"))
    flac, wav, said = keep(song)
    assert flac.tags.as_dict() == {
        "title": ["first"], "album": ["second album"], "composer": ["appended"],
        "artist": ["A long artist that ID3v1 cannot hold"], "label": ["Label"], "date": ["1991"],
        "comment": ["V1 comment"], "genre": ["Rock"],
    }  # fmt: skip
    assert [each.data for each in flac.pictures] == [COVER]
    assert (str(wav["TIT2"]), str(wav["TPE1"]), str(wav["TPUB"])) == ("first", flac["artist"][0], "Label")
    assert wav["APIC:"].data == COVER
    assert said == {"flac": "", "wav": ""}


def test_id3v1_alone(song, keep):
    song.write_bytes(song.read_bytes() + id3v1("Only title"))
    flac, wav, _ = keep(song)
    assert (flac["title"], flac["genre"], str(wav["TIT2"])) == (["Only title"], ["Rock"], "Only title")


@pytest.mark.parametrize("audio", [b"", bytes(4000), b"\xff\xf1" + bytes(5000), b"\xff\xfb\x00" + bytes(900)])
def test_tags_do_not_depend_on_the_audio(audio, song, keep):
    add(song, mutagen.id3.TIT2(encoding=3, text=["Title"]))
    size = song.read_bytes()[6:10]
    length = 10 + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
    tag = song.read_bytes()[:length]
    song.write_bytes(tag + audio)
    assert keep(song)[0]["title"] == ["Title"]
    flac = song.with_suffix(".flac")
    soundfile.write(flac, [0.0] * 100, 44100)
    tagged = FLAC(flac)
    tagged["artist"] = "Own"
    tagged.save()
    flac.write_bytes(tag + flac.read_bytes())
    kept = keep(flac)[0]
    assert (kept["artist"], kept["title"]) == (["Own"], ["Title"])


def test_damaged_tags_are_named(song, keep):
    add(song, mutagen.id3.TIT2(encoding=3, text=["Title"]))
    ape = APEv2()
    ape["Artist"] = "Artist"
    ape.save(song)
    data = bytearray(song.read_bytes())
    data[3] = 9  # a version of ID3v2 that nobody knows is none
    song.write_bytes(data)
    flac, _, said = keep(song)
    assert flac["artist"] == ["Artist"]
    position = data.find(b"APETAGEX") + 32
    data[position : position + 4] = b"\xff\xff\xff\x7f"  # a text of 2 GB
    song.write_bytes(data)
    _, _, said = keep(song)
    assert "APEv2 tag" in said["flac"]
    assert said["flac"].startswith("tags could not be read: ")
    result = invoke(song)
    assert result.exit_code == 0
    assert "song.mp3: tags could not be read: APEv2 tag" in result.stderr


def test_pictures_of_0_bytes_and_links_to_pictures(song, keep):
    i = mutagen.id3
    add(
        song, i.APIC(encoding=3, mime="image/png", type=3, desc="empty", data=b""),
        i.APIC(encoding=3, mime="-->", type=4, desc="link", data=b"http://x"),
        i.APIC(encoding=3, mime="PNG", type=5, desc="old", data=COVER),
    )  # fmt: skip
    flac, wav, said = keep(song)
    assert [(each.type, each.mime) for each in flac.pictures] == [(5, "image/png")]
    assert [each.desc for each in wav.getall("APIC")] == ["old"]
    assert said["flac"] == said["wav"] == "not kept of the tags: link to a picture, picture of 0 bytes"


def encode(second, path, *arguments):
    command = ["ffmpeg", "-v", "error", "-i", str(second), "-map_metadata", "-1", *arguments, str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def test_m4a(second, tmp_path, keep):
    path = encode(second, tmp_path / "a.m4a", "-c:a", "aac")
    mp4 = MP4(path)
    mp4.update({
        "\xa9nam": "Title", "\xa9wrt": "Composer", "\xa9lyr": "La", "cpil": True, "trkn": [(3, 12)], "disk": [(1, 0)],
        "tmpo": [120], "\xa9mvn": "Allegro", "soar": "Sort", "purl": "https://p.example", "pcst": True,
        "----:com.apple.iTunes:MusicBrainz Album Id": MP4FreeForm(b"album-id"), "apID": "who@example.org",
        "----:com.apple.iTunes:iTunSMPB": MP4FreeForm(b"00"), "covr": [MP4Cover(COVER, MP4Cover.FORMAT_PNG)],
    })  # fmt: skip
    mp4.save()
    flac, wav, said = keep(path)
    expected = {
        "title": "Title", "composer": "Composer", "lyrics": "La", "compilation": "1", "tracknumber": "3",
        "tracktotal": "12", "discnumber": "1", "bpm": "120", "movementname": "Allegro", "artistsort": "Sort",
        "podcasturl": "https://p.example", "podcast": "1", "musicbrainz_albumid": "album-id",
    }  # fmt: skip
    assert flac.tags.as_dict() == {key: [value] for key, value in expected.items()}
    assert [each.data for each in flac.pictures] == [COVER]
    assert said["flac"] == "not kept of the tags: MP4 apID"
    assert (str(wav["TCOM"]), str(wav["TCMP"]), str(wav["TRCK"]), wav["WFED"].url) == (
        "Composer", "1", "3/12", "https://p.example",
    )  # fmt: skip
    assert wav["TXXX:MusicBrainz Album Id"].text == ["album-id"]


@pytest.mark.parametrize(("suffix", "codec"), [("ogg", "libvorbis"), ("opus", "libopus"), ("flac", "flac")])
def test_vorbis_comments(suffix, codec, second, tmp_path, keep):
    path = encode(second, tmp_path / f"a.{suffix}", "-c:a", codec)
    file = mutagen.File(path)
    file["TITLE"], file["MUSICBRAINZ_ALBUMID"], file["TRACKNUMBER"], file["OWN NAME"] = "T", "id", "3/12", ["a", "b"]
    file["REPLAYGAIN_TRACK_GAIN"] = "-1 dB"
    file.save()
    flac, wav, said = keep(path)
    assert flac.tags.as_dict() == {
        "title": ["T"], "musicbrainz_albumid": ["id"], "tracknumber": ["3"], "tracktotal": ["12"],
        "own name": ["a", "b"],
    }  # fmt: skip
    assert wav["TXXX:OWN NAME"].text == ["a", "b"]
    assert said == {"flac": "", "wav": ""}


def test_asf(second, tmp_path, keep):
    path = encode(second, tmp_path / "a.wma", "-c:a", "wmav2")
    asf = ASF(path)
    asf["Title"], asf["Author"], asf["WM/AlbumTitle"], asf["WM/TrackNumber"] = "T", ["A", "B"], "Al", "3/12"
    asf["WM/Composer"], asf["WM/IsCompilation"] = "C", True
    asf["MusicBrainz/Album Id"] = ASFUnicodeAttribute("id")
    picture = struct.pack("<BI", 3, len(COVER)) + "image/png\0front\0".encode("utf-16-le") + COVER
    asf["WM/Picture"], asf["WM/MCDI"] = ASFByteArrayAttribute(picture), ASFByteArrayAttribute(b"toc")
    asf.save()
    flac, _, said = keep(path)
    found = flac.tags.as_dict()
    assert {key: found[key] for key in ("title", "album", "tracknumber", "tracktotal", "composer", "compilation")} == {
        "title": ["T"], "album": ["Al"], "tracknumber": ["3"], "tracktotal": ["12"], "composer": ["C"],
        "compilation": ["1"],
    }  # fmt: skip
    assert (found["artist"], found["musicbrainz_albumid"]) == (["A", "B"], ["id"])
    assert [(each.data, each.desc) for each in flac.pictures] == [(COVER, "front")]
    assert said["flac"] == "not kept of the tags: ASF WM/MCDI"


def info(**entries: bytes) -> bytes:
    body = b"INFO"
    for name, text in entries.items():
        body += name.encode() + struct.pack("<I", len(text)) + text + bytes(len(text) % 2)
    return b"LIST" + struct.pack("<I", len(body)) + body


def test_riff_info_of_wav_inputs(tmp_path, keep):
    path = tmp_path / "a.wav"
    soundfile.write(path, [0.0] * 100, 44100)
    data = path.read_bytes() + info(
        INAM="Tïtle".encode() + b"\0", IART="Künstler".encode("cp1252"), ITRK=b"3\0", ISFT=b"Lavf", IXYZ=b"odd"
    )
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    flac, wav, said = keep(path)
    assert flac.tags.as_dict() == {"title": ["Tïtle"], "artist": ["Künstler"], "tracknumber": ["3"]}
    assert (str(wav["TIT2"]), str(wav["TPE1"])) == ("Tïtle", "Künstler")
    assert said["flac"] == "not kept of the tags: INFO IXYZ"
    with (tmp_path / "kept.wav").open("rb") as file:
        (listed,) = [content for name, content in read_chunks(file) if name == b"LIST"]
    assert dict(read_info(listed)) == {"INAM": "Tïtle", "IART": "Künstler", "ITRK": "3"}
    shown = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "format_tags", str(tmp_path / "kept.wav")],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "Künstler" in shown


def test_id3_in_wav_and_aiff(tmp_path, keep):
    for suffix in ("wav", "aiff"):
        path = tmp_path / f"a.{suffix}"
        soundfile.write(path, [0.0] * 100, 44100)
        file = mutagen.File(path)
        file.add_tags()
        file.tags.add(mutagen.id3.TIT2(encoding=3, text=["Title"]))
        file.tags.add(mutagen.id3.SYTC(format=2, data=b"\1"))
        file.save()
        flac, wav, said = keep(path)
        assert flac.tags.as_dict() == {"title": ["Title"]}
        assert sorted(wav) == ["SYTC", "TIT2"]
        assert said == {"flac": "not kept of the tags: SYTC", "wav": ""}


def test_more_comments_than_a_block_holds(song, keep):
    add(song, mutagen.id3.USLT(encoding=3, lang="eng", text="x" * (17 << 20)), mutagen.id3.TIT2(encoding=3, text=["T"]))
    flac, _, said = keep(song)
    assert flac.tags.as_dict() == {"title": ["T"]}
    assert said["flac"] == "not kept of the tags: LYRICS"

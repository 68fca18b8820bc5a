"""Files that tell a decoder to open something else: other files, addresses, pictures of any size."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import sys
import threading
import zlib
from struct import pack

import mutagen.id3
import mutagen.mp4
import numpy as np
import pytest
import soundfile
from support import invoke

from mp3restore.audio.decode import open_audio
from mp3restore.audio.external import FFmpegReader, system_decoders
from mp3restore.audio.refusals import list_kind
from mp3restore.errors import DecodeError, ExitCode

pytestmark = pytest.mark.slow


def ffmpeg(*arguments):
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL, timeout=120
    )


def decoded(path):
    with open_audio(path) as source:
        return np.concatenate(list(source.blocks()), axis=1), source.sample_rate, source.decoder


@pytest.fixture(scope="module")
def secrets(music, tmp_path_factory):
    folder = tmp_path_factory.mktemp("secrets")
    wav = folder / "secret.wav"
    soundfile.write(wav, music.T, 44100)
    ffmpeg("-i", wav, folder / "secret.m4a")
    ffmpeg("-i", wav, "-f", "mpegts", "-c:a", "aac", folder / "secret.ts")
    return folder


@pytest.fixture
def secret(tmp_path, secrets):
    """Music that no other file may give away, as AAC."""
    for name in ("secret.m4a", "secret.ts"):
        shutil.copy(secrets / name, tmp_path)
    return tmp_path / "secret.m4a"


@pytest.fixture
def address():
    """An address on this machine, and the paths that were asked for there."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/x", asked
        server.shutdown()
        thread.join()


LISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:2,\n{place}\n#EXT-X-ENDLIST\n",
    "m3u": "{place}\n",
    "pls": "[playlist]\nFile1={place}\nNumberOfEntries=1\n",
    "asx": '<asx version="3.0"><entry><ref href="{place}"/></entry></asx>',
    "xspf": '<?xml version="1.0"?>\n<playlist version="1"><trackList><track><location>{place}</location></track>'
    "</trackList></playlist>",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
    '<Representation id="0" bandwidth="1"><BaseURL>{place}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "concat": "ffconcat version 1.0\nfile '{place}'\n",
    "concat without a head": "file '{place}'\n",
    "cue": 'PERFORMER "A"\nTITLE "B"\nFILE "{place}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\na=tool:{place}\nm=audio 5004 RTP/AVP 14\n",
    "shortcut": "[InternetShortcut]\nURL={place}\n",
    "subtitles": "1\n00:00:00,000 --> 00:00:05,000\n{place}\n",
    "webvtt": "WEBVTT\n\n00:00.000 --> 00:05.000\n{place}\n",
    "data": "data:audio/mpeg;base64,{place}\n",
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("begin", ["", "\ufeff", "\n \n"])
def test_lists_of_files_are_refused_by_what_they_are(tmp_path, secret, address, kind, begin):
    """Whatever their name says, and without a look at what they name."""
    url, asked = address
    for place in (f"file://{secret.with_suffix('.ts')}", url):
        path = tmp_path / "music.mp3"
        path.write_text(begin + LISTS[kind].format(place=place))
        with pytest.raises(DecodeError, match="holds no audio itself"):
            open_audio(path)
    result = invoke(path, "-o", tmp_path / "out.flac")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr.count("\n") == 1
    assert "music.mp3: is a" in result.stderr
    assert not (tmp_path / "out.flac").exists()
    assert asked == []


@pytest.mark.parametrize("kind", LISTS)
def test_lists_that_are_not_recognised_open_nothing(tmp_path, monkeypatch, secret, address, kind):
    """ffmpeg itself refuses what the words at the beginning of a file do not give away."""
    monkeypatch.setattr("mp3restore.audio.external.refuse_lists", lambda _: None)
    url, asked = address
    for place in (f"file://{secret.with_suffix('.ts')}", url):
        path = tmp_path / "music.mp3"
        path.write_text(LISTS[kind].format(place=place))
        with pytest.raises(DecodeError, match="no audio found"):
            open_audio(path)
    assert asked == []


def test_the_same_list_gives_the_secret_away_to_a_decoder_without_limits(tmp_path, secret):
    """Otherwise the tests above would show nothing."""
    path = tmp_path / "music.mp3"
    path.write_text(LISTS["hls"].format(place=secret.with_suffix(".ts")))
    ffmpeg("-i", path, tmp_path / "out.wav")
    assert soundfile.info(tmp_path / "out.wav").frames > 44100


def test_utf_16_hides_no_list():
    assert list_kind("#EXTM3U\n/etc/passwd".encode("utf-16")) == "a playlist (M3U)"
    assert list_kind(b"\xff\xfb\x90\x00" * 100) is None
    assert list_kind(b"") is None


@pytest.mark.parametrize(
    "name", ["concat:a.m4a|secret.m4a", "data:audio,x", "-i", "http:", "pipe:0", "a\nb", "%03d.m4a"]
)
def test_names_are_names(tmp_path, monkeypatch, secret, name):
    """Not addresses, options or patterns, even where they are relative."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(secret, tmp_path / name)
    assert decoded(name)[0].shape[1] > 80_000


def test_a_link_is_followed_by_who_made_it_only(tmp_path, secret):
    """A link on the command line is the user's own."""
    (tmp_path / "link.m4a").symlink_to(secret)
    assert decoded(tmp_path / "link.m4a")[0].shape[1] > 80_000


def test_tags_say_nothing_about_the_sound(tmp_path, secret):
    """audioread reads ffmpeg's messages, where a title can say what it likes."""
    for title in ("Audio: 11 hz, mono,", "No such file or directory", "Invalid data found\nDuration: 99:00:00.0"):
        named = tmp_path / "named.m4a"
        ffmpeg("-i", secret, "-c", "copy", "-metadata", f"title={title}", "-metadata", f"comment={title}", named)
        reader = FFmpegReader(str(named))
        assert (reader.samplerate, reader.channels) == (44100, 2)
        assert reader.duration == pytest.approx(2, abs=0.1)
        reader.close()


def test_attachments_and_subtitles_of_matroska_stay_inside(tmp_path, monkeypatch, secret):
    (tmp_path / "evil.ttf").write_bytes(b"attached")
    (tmp_path / "s.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nwords\n")
    path = tmp_path / "m.mka"
    ffmpeg(
        "-i", secret, "-i", tmp_path / "s.srt", "-map", "0", "-map", "1", "-c:a", "copy", "-c:s", "srt",
        "-attach", tmp_path / "evil.ttf", "-metadata:s:t", "mimetype=font/ttf",
        "-metadata:s:t", "filename=../attached.ttf", path,
    )  # fmt: skip
    empty = tmp_path / "deep" / "empty"
    empty.mkdir(parents=True)
    monkeypatch.chdir(empty)
    samples, rate, decoder = decoded(path)
    assert (samples.shape[0], rate, decoder) == (2, 44100, "audioread, FFmpeg")
    assert list(empty.iterdir()) == []
    assert [each.name for each in empty.parent.iterdir()] == ["empty"]


def png_bomb(size):
    """A grey picture of size x size pixels, a thousandth as large packed."""

    def chunk(kind, content):
        return pack(">I", len(content)) + kind + content + pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(9)
    row = bytes(1 + size)
    packed = b"".join(packer.compress(row) for _ in range(size)) + packer.flush()
    head = pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_pictures_that_unpack_to_gigabytes_are_not_unpacked(secret):
    tags = mutagen.mp4.MP4(secret)
    tags["covr"] = [mutagen.mp4.MP4Cover(png_bomb(20_000), mutagen.mp4.MP4Cover.FORMAT_PNG)]
    tags.save()
    code = (
        "import resource, sys; from mp3restore.audio.decode import open_audio\n"
        "with open_audio(sys.argv[1]) as source: print(sum(block.shape[1] for block in source.blocks()))\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code, secret], capture_output=True, text=True, check=True, timeout=120)
    frames, kilobytes = map(int, done.stdout.split())
    assert frames > 80_000
    assert kilobytes < 250_000  # the picture alone is 400 MB


@pytest.mark.parametrize(
    "content",
    [
        b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + b"x" * 100,
        b"RIFF\xff\xff\xff\xffWAVEJUNK\xff\xff\xff\xff",
        pack(">I", 1) + b"ftyp" + b"\xff" * 8,
        pack(">I4s", 20, b"ftyp") + b"M4A \0\0\0\0M4A " + pack(">I4sQ", 1, b"moov", 1 << 40),
        b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xfe",
        b"OggS" + b"\xff" * 300,
        b"fLaC\x84\xff\xff\xff" + b"x" * 50,
    ],
)
def test_heads_that_state_any_length_are_refused_at_once(tmp_path, content):
    path = tmp_path / "long.mp3"
    path.write_bytes(content)
    with pytest.raises(DecodeError):
        open_audio(path)


def test_what_is_decoded_waits_in_the_pipe(tmp_path):
    """A quarter of an hour of silence in a few kilobytes is not put into memory before somebody asks for it."""
    path = tmp_path / "silence.mka"
    ffmpeg("-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo", "-t", 900, "-c:a", "alac", path)
    with open_audio(path) as source:
        next(source.blocks())
        with pytest.raises(subprocess.TimeoutExpired):
            source._decoder.proc.wait(1.5)


def test_a_decoder_that_gives_up_is_an_error(secret):
    """The samples before the end of a decoder that was killed are no whole file."""
    with open_audio(secret) as source:
        blocks = source.blocks()
        source._decoder.proc.kill()
        with pytest.raises(DecodeError, match="is damaged after"):
            for _ in blocks:
                pass


def test_decoders_are_named_for_people():
    assert "FFmpeg" in system_decoders()
    assert not any(name.endswith("File") for name in system_decoders())


def id3_bomb(version, size=100_000_000, *, flags, extra=b""):
    """A tag of 100 kB whose picture unpacks to 100 MB."""
    content = extra + zlib.compress(b"\x00image/png\x00\x03\x00" + b"x" * size, 9)
    length = len(content) if version == 3 else sum((len(content) >> 7 * k & 0x7F) << 8 * k for k in range(4))
    frame = b"APIC" + pack(">I", length) + flags + content
    return b"ID3" + bytes([version, 0, 0]) + pack(
        ">I", sum((len(frame) >> 7 * k & 0x7F) << 8 * k for k in range(4))
    ) + frame  # fmt: skip


BOMBS = {
    "2.3": id3_bomb(3, flags=b"\x00\x80", extra=pack(">I", 100_000_000)),
    "2.4": id3_bomb(4, flags=b"\x00\x09", extra=b"\x2f\x57\x3c\x00"),
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("place", ["before an MP3", "in a WAV"])
def test_tags_that_unpack_to_far_more_than_they_take_are_refused(tmp_path, second, bomb, place):
    path = tmp_path / "bomb.mp3"
    tag = BOMBS[bomb]
    # Otherwise the refusal would show nothing: the tag is one that parsers do unpack.
    path.write_bytes(tag + second.read_bytes())
    assert len(mutagen.id3.ID3(path).getall("APIC")[0].data) > 90_000_000
    if place == "in a WAV":
        soundfile.write(path, np.zeros(44100), 44100, format="WAV")
        wave = path.read_bytes() + b"id3 " + pack("<I", len(tag)) + tag + bytes(len(tag) % 2)
        path.write_bytes(b"RIFF" + pack("<I", len(wave) - 8) + wave[8:])
    result = invoke(path, "-o", tmp_path / "out.flac")
    assert result.exit_code == ExitCode.FAILED
    assert "unpacks to more than 64 MB" in result.stderr
    # The advice helps.
    if place == "before an MP3":
        ffmpeg("-i", path, "-map", "0:a", "-map_metadata", "-1", "-c", "copy", tmp_path / "new.mp3")
        assert decoded(tmp_path / "new.mp3")[0].any()


def test_a_compressed_tag_of_sensible_size_is_read(tmp_path, second):
    path = tmp_path / "small.mp3"
    path.write_bytes(id3_bomb(4, 100_000, flags=b"\x00\x09", extra=b"\x00\x06\x0d\x20") + second.read_bytes())
    assert invoke(path, "-o", tmp_path / "out.flac").exit_code == ExitCode.OK

"""MPEG files as people have them: joined, damaged, with lying tags. All music is there, in its time, or it is told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen.id3 import COMM, ID3

from mp3restore.audio.decode import open_audio
from mp3restore.audio.metadata import read_metadata
from mp3restore.inspection.strength import warranted_strength
from mp3restore.mp3.framing import read_table

FRAME = 1152


def decoded(path: Path) -> np.ndarray:
    with open_audio(path) as source:
        samples = np.concatenate(list(source.blocks()), axis=1)
        assert samples.shape == (source.channels, source.frames)
    return samples


def damage_of(path: Path):
    with open_audio(path) as source:
        for _ in source.blocks():
            pass
        return source.damage


def frames_of(path: Path):
    with path.open("rb") as file:
        return read_table(file)


@pytest.fixture(scope="module")
def make(tmp_path_factory, music):
    """Encode the music, once for each list of options: make("lame", "-b", "64") gives the bytes."""
    folder = tmp_path_factory.mktemp("made")
    soundfile.write(folder / "music.wav", music.T, 44100, subtype="FLOAT")
    soundfile.write(folder / "long.wav", np.tile(music, 3).T, 44100, subtype="FLOAT")
    known: dict[tuple[str, ...], bytes] = {}

    def run(*options: str, name: str = "music") -> bytes:
        if (key := (name, *options)) not in known:
            program, *rest = options
            out = folder / ("out.mp2" if "mp2" in rest else "out.ogg" if "libvorbis" in rest else "out.mp3")
            wav = str(folder / f"{name}.wav")
            command = ["lame", "--quiet", *rest, wav] if program == "lame" else ["ffmpeg", "-y", "-i", wav, *rest]
            subprocess.run([*command, str(out)], check=True, stdin=subprocess.DEVNULL, capture_output=True)
            known[key] = out.read_bytes()
        return known[key]

    return run


@pytest.fixture
def written(tmp_path):
    """Write bytes to a file of a name."""

    def write(data: bytes, name: str = "song.mp3") -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


STEREO = ("lame", "-b", "64", "--resample", "44.1")
MONO = ("lame", "-b", "64", "-m", "m", "--resample", "44.1")
VBR = ("lame", "-V", "5", "--resample", "44.1")
LOW = ("lame", "-b", "64", "--resample", "22.05")


def test_a_sound_file_is_decoded_as_libsndfile_does_it(make, written):
    for options in (STEREO, MONO, LOW, ("lame", "-V", "2"), ("ffmpeg", "-c:a", "libmp3lame", "-b:a", "128k")):
        path = written(make(*options))
        expected, _ = soundfile.read(path, dtype="float32", always_2d=True)
        # To read a file at once costs libsndfile a seek, and with it one unit in the last place.
        np.testing.assert_allclose(decoded(path), expected.T, rtol=0, atol=2e-7)


def test_the_length_is_known_before_decoding(make, written):
    for options in (STEREO, ("lame", "-V", "4", "-t")):
        with open_audio(written(make(*options))) as source:
            assert source.frames == sum(block.shape[1] for block in source.blocks())


@pytest.mark.parametrize(
    "kinds",
    [(STEREO, MONO), (MONO, STEREO, STEREO), (STEREO, MONO, STEREO), (STEREO, LOW, STEREO), (LOW, STEREO, STEREO)],
)
def test_joined_files_of_other_kinds_are_all_there(make, written, kinds, music):
    path = written(b"".join(make(*each) for each in kinds))
    samples = decoded(path)
    assert samples.shape == (2, len(kinds) * music.shape[1])
    for place in range(len(kinds)):
        part = samples[:, place * music.shape[1] :][:, : music.shape[1]]
        assert np.corrcoef(part[0][2000:-2000], music[0][2000:-2000])[0, 1] > 0.8
    assert damage_of(path) == ()


def test_a_jingle_in_front_does_not_decide(make, written):
    with open_audio(written(make(*MONO) + make(*STEREO, name="long"))) as source:
        assert (source.channels, source.sample_rate) == (2, 44100)


def test_joined_files_are_trimmed_as_each_tag_says(make, written):
    one = make(*STEREO)
    samples = decoded(written(one + one))
    alone = decoded(written(one))
    assert samples.shape[1] == 2 * alone.shape[1]
    np.testing.assert_array_equal(samples[:, : alone.shape[1]], alone)
    np.testing.assert_allclose(samples[:, alone.shape[1] :], alone, atol=1e-6)


@pytest.mark.parametrize("change", [(3, 0x80), (2, 0x08), (2, 0xF0), (0, 0xFF)], ids=str)
def test_a_damaged_header_costs_its_frame_and_keeps_the_time(make, written, change):
    data = bytearray(make(*STEREO))
    clean = decoded(written(bytes(data)))
    place = int(frames_of(written(bytes(data))).position[40])
    data[place + change[0]] ^= change[1]
    path = written(bytes(data))
    samples = decoded(path)
    assert samples.shape == clean.shape
    begin = 39 * FRAME - 1105
    np.testing.assert_array_equal(samples[:, : begin - FRAME], clean[:, : begin - FRAME])
    np.testing.assert_array_equal(samples[:, begin + 3 * FRAME :], clean[:, begin + 3 * FRAME :])
    assert np.abs(samples).max() <= 1.05 * np.abs(clean).max()


@pytest.mark.parametrize("size", [1000, 4000])
@pytest.mark.parametrize("kind", ["zero", "random"])
@pytest.mark.parametrize(
    "options", [STEREO, ("lame", "-V", "5", "--resample", "44.1"), MONO], ids=["cbr", "vbr", "mono"]
)
def test_overwritten_bytes_are_silence_of_their_length(make, written, rng, size, kind, options):
    data = make(*options)
    clean = decoded(written(data))
    middle = len(data) // 2
    content = bytes(size) if kind == "zero" else rng.bytes(size)
    path = written(data[:middle] + content + data[middle + size :])
    samples = decoded(path)
    assert samples.shape == clean.shape
    (told,) = damage_of(path)
    assert abs(told.position - middle) < 1500
    assert told.silence_s > 0
    # All but the gap is what it was, and there is no noise in it.
    same = np.flatnonzero(np.any(samples != clean, axis=0))
    assert same.size / 44100 < told.silence_s + 0.35
    assert abs(same[0] / 44100 - told.seconds) < 0.1
    assert np.abs(samples).max() <= 1.05 * np.abs(clean).max()


def test_bytes_put_between_move_nothing(make, written, rng):
    data = make(*STEREO)
    clean = decoded(written(data))
    place = int(frames_of(written(data)).position[40])
    for content in (rng.bytes(999), bytes([4]) + b"StreamTitle='a song';".ljust(64, b"\0"), b"x" * 20000):
        path = written(data[: place + 77] + content + data[place + 77 :])
        assert decoded(path).shape == clean.shape
        # The frame that was torn apart, and those that reach back over the gap.
        assert damage_of(path)[0].silence_s < 0.2


def test_deleted_bytes_cost_the_frames_they_were_in(make, written):
    data = make(*STEREO)
    clean = decoded(written(data))
    for place in range(15000, 15400, 37):
        assert decoded(written(data[:place] + data[place + 100 :])).shape == clean.shape


@pytest.mark.parametrize("frames", [0, 10, 40, -3, -5, 1000, None])
@pytest.mark.parametrize("options", [STEREO, ("lame", "-V", "4", "--resample", "44.1")], ids=["cbr", "vbr"])
def test_a_count_in_the_tag_that_is_wrong_costs_nothing(make, written, frames, options):
    data = bytearray(make(*options))
    clean = decoded(written(bytes(data)))
    at = max(data.find(b"Info"), data.find(b"Xing"))
    true = int.from_bytes(data[at + 8 : at + 12], "big")
    if frames is None:
        data[at + 7] &= 0xFE
        # The field itself must go, too: the others follow without a gap.
        del data[at + 8 : at + 12]
        data[at + 150 : at + 150] = bytes(4)
    else:
        data[at + 8 : at + 12] = (true + frames if frames < 0 else frames).to_bytes(4, "big")
    samples = decoded(written(bytes(data)))
    assert clean.shape[1] <= samples.shape[1] <= clean.shape[1] + 2 * FRAME
    np.testing.assert_array_equal(samples[:, : clean.shape[1]], clean)


def test_an_itunes_comment_that_is_not_the_files_is_ignored(make, written):
    data = make("lame", "-b", "64", "-t")
    path = written(data)
    clean = decoded(path)
    tags = ID3()
    tags.add(COMM(encoding=0, lang="eng", desc="iTunSMPB", text=[f" 00000000 00000240 00000240 {4410:016X} 00000000"]))
    tags.save(path)
    np.testing.assert_array_equal(decoded(path), clean)


def test_the_frame_of_fraunhofers_tag_is_not_played(make, written):
    data = make("lame", "-b", "64", "-t", "--resample", "44.1")
    size = int(frames_of(written(data)).size[0])
    tag = (data[:4] + bytes(32) + b"VBRI" + bytes(400))[:size]
    np.testing.assert_array_equal(decoded(written(tag + data)), decoded(written(data)))


def test_vbr_in_riff(make, written):
    data = make("lame", "-V", "5")
    head = b"RIFF" + (len(data) + 50).to_bytes(4, "little") + b"WAVEfmt " + (30).to_bytes(4, "little")
    head += (0x55).to_bytes(2, "little") + (2).to_bytes(2, "little") + (44100).to_bytes(4, "little") + bytes(22)
    riff = head + b"data" + len(data).to_bytes(4, "little") + data
    np.testing.assert_array_equal(decoded(written(riff, "song.wav")), decoded(written(data)))


def test_layer_ii_whose_bitrate_changes(make, written):
    one, two = (make("ffmpeg", "-c:a", "mp2", "-b:a", rate) for rate in ("64k", "192k"))
    samples = decoded(written(one + two, "a.mp2"))
    assert samples.shape[1] == sum(decoded(written(each, "b.mp2")).shape[1] for each in (one, two))
    assert samples.shape[1] % FRAME == 0


def test_layers_i_and_ii_with_padding_slots(make, written):
    layer_1 = b"".join(
        bytes([0xFF, 0xFF, 0x40 | (2 * (k % 3 == 0)), 0]) + bytes(4 * (34 + (k % 3 == 0)) - 4) for k in range(200)
    )
    assert decoded(written(layer_1, "a.mp1")).shape == (2, 200 * 384)
    layer_2 = make("ffmpeg", "-c:a", "mp2", "-b:a", "128k")
    count = frames_of(written(layer_2)).position.size
    assert decoded(written(layer_2)).shape == (2, count * FRAME)


def test_an_ape_tag_that_lies_behind_headerless_vbr(make, written):
    data = make("lame", "-V", "5", "-t")
    lying = b"APETAGEX" + (2000).to_bytes(4, "little") + (10**7).to_bytes(4, "little") + bytes(16)
    np.testing.assert_array_equal(decoded(written(data + lying)), decoded(written(data)))


def test_the_tag_counts_though_the_frame_behind_it_is_damaged(make, written):
    data = bytearray(make(*STEREO))
    clean = decoded(written(bytes(data)))
    place = int(frames_of(written(bytes(data))).position[1])
    data[place] = 0
    samples = decoded(written(bytes(data)))
    # The first frame is lost before the music begins.
    assert clean.shape[1] - FRAME <= samples.shape[1] <= clean.shape[1]
    np.testing.assert_allclose(samples[:, -40000:], clean[:, -40000:], atol=1e-6)


def test_free_format_is_decoded_whole(make, written, music):
    assert decoded(written(make("lame", "--freeformat", "-b", "100", "--resample", "44.1"))).shape == music.shape


def test_a_kind_of_frame_that_no_decoder_takes_ends_nothing(make, written):
    # Side information that breaks the rules: blocks of type 0 where the window switches.
    data = bytearray(make(*STEREO))
    clean = decoded(written(bytes(data)))
    for place in frames_of(written(bytes(data))).position[40:44].tolist():
        data[place + 4 : place + 36] = b"\xff" * 32
    samples = decoded(written(bytes(data)))
    assert samples.shape == clean.shape
    np.testing.assert_array_equal(samples[:, -30000:], clean[:, -30000:])


@pytest.mark.parametrize("codec", ["libvorbis", "libopus"])
def test_chained_ogg_is_decoded_whole(make, written, codec):
    suffix = {"libvorbis": "ogg", "libopus": "opus"}[codec]
    parts = []
    for channels in ("2", "1"):
        out = written(b"", f"{channels}.{suffix}")
        wav = written(make("lame", "-b", "128"), "in.mp3")
        command = ["ffmpeg", "-v", "error", "-y", "-i", str(wav), "-c:a", codec, "-ac", channels, str(out)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        parts.append(out)
    chained = written(b"".join(part.read_bytes() for part in parts), f"chained.{suffix}")
    lengths = [decoded(part).shape[1] for part in parts]
    assert decoded(chained).shape == (2, sum(lengths))


def test_the_bitrate_of_other_codecs_counts(written, music):
    wav = written(b"", "long.wav")
    soundfile.write(wav, np.tile(music, 5).T, 44100)
    for name, options, expected in (
        ("a.mp2", ("-c:a", "mp2", "-b:a", "384k"), 384),
        ("a.m4a", ("-c:a", "aac", "-b:a", "256k"), 256),
        ("a.opus", ("-c:a", "libopus", "-vbr", "off", "-b:a", "256k"), 256),
    ):
        out = wav.with_name(name)
        command = ["ffmpeg", "-v", "error", "-y", "-i", str(wav), *options, str(out)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        with open_audio(out) as source:
            assert source.kbps == pytest.approx(expected, rel=0.15)
            assert warranted_strength(source, source.kbps) == 0


def test_the_bitrate_is_counted_and_not_guessed(make, written):
    data = bytearray(make("lame", "-V", "6", "--resample", "44.1", "-t", name="long"))
    table = frames_of(written(bytes(data)))
    true = float(np.mean(table.headers.kbps))
    assert read_metadata(written(bytes(data))).mpeg_kbps == pytest.approx(true, rel=0.01)
    tagged = bytearray(make("lame", "-V", "6", "--resample", "44.1", name="long"))
    at = tagged.find(b"Xing") + 8
    tagged[at : at + 4] = (3).to_bytes(4, "big")
    assert read_metadata(written(bytes(tagged))).mpeg_kbps == pytest.approx(true, rel=0.02)
    assert read_metadata(written(bytes(tagged))).seconds == pytest.approx(6.0, abs=0.1)


@pytest.mark.parametrize("tag", [(), ("-t",)], ids=["tagged", "untagged"])
def test_damage_near_the_start_keeps_the_time(make, written, rng, tag):
    data = make(*STEREO, *tag)
    clean = decoded(written(data))
    place = int(frames_of(written(data)).position[1])
    path = written(data[: place + 10] + rng.bytes(900) + data[place + 910 :])
    samples = decoded(path)
    assert samples.shape == clean.shape
    np.testing.assert_array_equal(samples[:, 20000:], clean[:, 20000:])
    assert len(damage_of(path)) == 1


def test_zeros_at_the_end_are_told_if_they_were_music(make, written):
    data = make("lame", "-b", "64", "-t")
    assert damage_of(written(data + bytes(40))) == ()
    (told,) = damage_of(written(data[:-3000] + bytes(3000)))
    assert told.length > 2000

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from mp3_streams import with_intensity

from mp3restore.errors import BitstreamError, DecodeError, MissingExtraError, NoInputError
from mp3restore.inspection.inspect import inspect_file
from mp3restore.views.steps import plot_steps


def test_report_on_an_mp3(encoded):
    report = inspect_file(encoded("cbr128"))
    stream = report.bitstream
    assert report.was_mp3
    assert report.grid is None
    assert (report.sample_rate, report.channels) == (44100, 2)
    assert (stream.rate_mode, stream.lowpass_hz, stream.lowpass_origin) == ("cbr", 17000, "stated")
    assert stream.kbps == pytest.approx(128, abs=0.1)
    assert (stream.offset, stream.unknown_granules, stream.mixed_share) == (-1105, 0, 0)
    assert stream.lattice_fit > 0.99
    assert sum(stream.block_shares.values()) == pytest.approx(1)
    assert stream.block_shares["short"] > 0
    assert stream.coded_share + stream.hole_share + stream.above_edge_share == pytest.approx(1)
    assert 1000 < stream.edge_hz[0] <= stream.edge_hz[1] <= stream.edge_hz[2] <= 17500


def test_intensity_stereo_is_held(encoded, tmp_path):
    path = tmp_path / "intensity.mp3"
    path.write_bytes(with_intensity(encoded("abr112")))
    stream = inspect_file(path).bitstream
    assert stream.held_share > 0.95
    assert stream.lattice_fit > 0.99


def test_fewer_bits_leave_fewer_lines(encoded):
    rich, poor = (inspect_file(encoded(name)).bitstream for name in ("cbr320", "ffmpeg96"))
    assert rich.coded_share > 1.5 * poor.coded_share


def test_the_edge_of_an_unknown_encoder_is_measured(encoded):
    stream = inspect_file(encoded("untagged")).bitstream
    assert (stream.lowpass_origin, stream.offset) == ("measured", 0)
    assert 15500 < stream.lowpass_hz < 17500


def test_an_encoder_without_low_pass_is_not_taken_for_lame(music, tmp_path):
    wav, mp3 = tmp_path / "bright.wav", tmp_path / "shine.mp3"
    bright = music + np.random.default_rng(3).normal(0, 0.1, music.shape)
    soundfile.write(wav, bright.T, 44100, subtype="FLOAT")
    command = ["ffmpeg", "-v", "error", "-i", str(wav), "-c:a", "libshine", "-b:a", "128k", str(mp3)]
    if subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True).returncode:
        pytest.skip("this ffmpeg has no libshine")
    stream = inspect_file(mp3).bitstream
    # At this bitrate LAME would cut at 17 kHz.
    assert stream.lowpass_origin == "measured"
    assert stream.lowpass_hz > 18000


def test_layer_ii_is_inspected_without_a_map(music, tmp_path):
    wav, mp2 = tmp_path / "a.wav", tmp_path / "a.mp2"
    soundfile.write(wav, music.T, 44100)
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(wav), "-c:a", "mp2", "-b:a", "384k", str(mp2)], check=True, stdin=-3
    )
    report = inspect_file(mp2)
    assert (report.bitstream, report.grid) == (None, None)
    assert report.kbps == pytest.approx(384, abs=1)
    assert (report.strength, report.decoder) == (0.0, "libsndfile, MPEG layer II")
    assert 9000 < report.bandwidth_hz < 22050


def test_what_can_be_restored_can_be_inspected(encoded, tmp_path):
    """Files are opened in one way, which says what they are."""
    mp3 = encoded("cbr128").read_bytes()
    unusual = {
        "free format": encoded("free100").read_bytes(),
        "junk in front": b"\0" * 3000 + mp3,
        "ID3 twice": 2 * (b"ID3\x04\0\0\0\0\x07\x68" + bytes(1000)) + mp3,
        "in a RIFF file": b"RIFF" + bytes(4) + b"WAVEfmt " + bytes([16, 0, 0, 0, 0x55, 0]) + bytes(14) + b"data"
        + len(mp3).to_bytes(4, "little") + mp3,
    }  # fmt: skip
    for name, data in unusual.items():
        path = tmp_path / f"{name}.mp3"
        path.write_bytes(data)
        report = inspect_file(path)
        assert report.decoder == "libsndfile, MPEG layer III", name
        assert report.bitstream is not None, name


def test_the_share_that_is_held(encoded, tmp_path):
    whole = inspect_file(encoded("cbr128")).bitstream
    assert whole.held_share > 0.97
    data = encoded("cbr128").read_bytes()
    damaged = tmp_path / "damaged.mp3"
    damaged.write_bytes(data[:20000] + bytes(4000) + data[24000:])
    report = inspect_file(damaged)
    assert 0.7 < report.bitstream.held_share < whole.held_share
    assert report.bitstream.not_held["damaged, or in need of lost data"] > 0.03
    assert len(report.damage) == 1
    for each in (whole, report.bitstream):
        assert each.held_share + sum(each.not_held.values()) == pytest.approx(1)


def test_report_on_a_wav_that_was_an_mp3(encoded, decode, tmp_path):
    path = tmp_path / "once.wav"
    soundfile.write(path, decode(encoded("cbr64")).T, 24000, subtype="PCM_16")
    report = inspect_file(path)
    assert report.was_mp3
    assert report.bitstream is None
    assert report.grid.offset == -1105 % 576


def test_report_on_a_wav_that_was_never_an_mp3(tmp_path):
    path = tmp_path / "never.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal((40000, 2)), 44100)
    assert not inspect_file(path).was_mp3


@pytest.mark.parametrize("name", ["vbr2", "cbr24-8k", "mono64"])
def test_report_is_json(encoded, name):
    tree = json.loads(json.dumps(inspect_file(encoded(name)).to_json(), allow_nan=False))
    assert tree["was_mp3"] is True
    assert tree["path"].endswith(f"{name}.mp3")
    assert len(tree["bitstream"]["edge_hz"]) == 3


def test_errors_name_the_file(tmp_path):
    with pytest.raises(NoInputError, match=r"gone\.mp3"):
        inspect_file(tmp_path / "gone.mp3")
    path = tmp_path / "text.mp3"
    path.write_text("no audio at all")
    with pytest.raises(DecodeError, match=r"text\.mp3: no audio found"):
        inspect_file(path)


def test_plot(encoded, tmp_path):
    pytest.importorskip("matplotlib")
    out = tmp_path / "steps.png"
    plot_steps(encoded("cbr128"), out)
    assert out.read_bytes().startswith(b"\x89PNG")


def test_there_is_nothing_to_plot_of_what_is_no_mp3(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(44100), 44100)
    with pytest.raises(BitstreamError, match=r"a\.wav: is not an MP3"):
        plot_steps(tmp_path / "a.wav", tmp_path / "a.png")


def test_plot_without_matplotlib_says_what_to_install(encoded, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"mp3restore\[plot\]"):
        plot_steps(encoded("cbr128"), tmp_path / "steps.png")

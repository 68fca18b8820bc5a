"""A restored file, analysed again on the grid of its MP3, must round to the values that the MP3 has."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile

import mp3restore
from mp3restore.audio.decode import open_audio
from mp3restore.inspection.bitstream import open_bitstream
from mp3restore.mp3.filterbank import HALO, OVERLAP, analyse
from mp3restore.mp3.grid import expected_offset
from mp3restore.mp3.lattice import quantise, rotate_ms
from mp3restore.mp3.stream import GRANULE_SAMPLES, first_free_line, read_stream
from mp3restore.pipeline.consistency import GranuleTap, hold_to_bitstream


def signed_values(stream, samples):
    """Quantised values of all granules that lie within the samples, (n, channels, 576), and the first of them."""
    offset = expected_offset(stream)
    first = -(-(HALO - offset) // GRANULE_SAMPLES)
    count = (samples.shape[1] - offset - OVERLAP - HALO) // GRANULE_SAMPLES - first
    begin = offset + first * GRANULE_SAMPLES - HALO
    length = count * GRANULE_SAMPLES + OVERLAP + 2 * HALO
    rows = slice(first, first + count)
    lines = analyse(samples[:, begin : begin + length], stream.block_type[rows], stream.mixed[rows])
    rotate_ms(lines, stream.ms[rows])
    return quantise(lines, stream.line_steps(first, first + count)) * np.sign(lines), first


def decoded(path):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.ascontiguousarray(samples.T), rate


@pytest.mark.parametrize(
    "options", [("-b", "48", "--resample", "44.1"), ("-b", "128"), ("-V", "5"), ("-b", "64", "-m", "m")]
)
def test_a_held_restoration_rounds_to_its_mp3(encode, music, rng, tmp_path, options):
    mp3 = encode("lame", music, 44100, *options)
    stream = read_stream(mp3)
    original, _ = decoded(mp3)
    expected, first = signed_values(stream, original)
    bound = (expected != 0) | (np.arange(576) < first_free_line(stream))
    # What the projector leaves free: granules at either end of the samples.
    inner = slice(max(0, 2 - first), len(expected) - 2)
    target = tmp_path / "held.wav"
    assert mp3restore.restore_file(mp3, target, bit_depth="32f", strength=0.5).consistent
    restored, _ = decoded(target)
    assert np.abs(restored - original).max() > 1e-3

    def changed(samples):
        actual, _ = signed_values(stream, samples)
        return np.mean((actual != expected)[inner][bound[inner]])

    assert changed(restored) < 1e-4
    # So the test can fail: noise 30 dB below full scale is enough.
    assert changed(restored + rng.normal(0, 0.03, restored.shape).astype(np.float32)) > 1e-2
    assert not mp3restore.restore_file(mp3, tmp_path / "free.wav", consistency=False).consistent


def test_a_low_rate_file_is_held_within_its_band(encode, music, tmp_path):
    mp3 = encode("lame", music, 44100, "-b", "64")
    original, rate = decoded(mp3)
    assert rate == 24000
    errors = {}
    for consistency in (True, False):
        target = tmp_path / f"{consistency}.wav"
        assert mp3restore.restore_file(mp3, target, bit_depth="32f", consistency=consistency).sample_rate == 48000
        restored, _ = decoded(target)
        assert restored.shape[1] == 2 * original.shape[1]
        # In the lowest octaves every line is coded, finely: there nothing may move.
        spectra = [np.fft.rfft(s[0, : r // 2 * 2])[: r // 2] for s, r in ((restored, 2 * rate), (original, rate))]
        errors[consistency] = np.linalg.norm(spectra[0][20:400] / 2 - spectra[1][20:400])
    assert errors[True] < errors[False]


def test_the_result_does_not_depend_on_blocks(encode, music, rng):
    mp3 = encode("lame", music, 44100, "-b", "64")
    with open_audio(mp3) as source:
        bitstream = open_bitstream(source)
    original, rate = decoded(mp3)
    restored = np.repeat(original, 2, axis=1) + rng.normal(0, 0.01, (2, 2 * original.shape[1])).astype(np.float32)

    def held(pieces):
        watch = GranuleTap(bitstream, working_rate=2 * rate, bands=4, keep=True)
        list(watch.tap([original]))
        blocks = np.array_split(restored, pieces, axis=1)
        return np.concatenate(list(hold_to_bitstream(watch, blocks, rate=2 * rate)), axis=1)

    whole = held(1)
    assert whole.shape == restored.shape
    np.testing.assert_array_equal(held(7), whole)


def test_a_wav_has_no_bitstream(tmp_path, music):
    path = tmp_path / "music.wav"
    soundfile.write(path, music.T, 44100, subtype="FLOAT")
    with open_audio(path) as source:
        assert open_bitstream(source) is None
    assert not mp3restore.restore_file(path, tmp_path / "out.wav").consistent


@pytest.mark.slow
def test_the_bitstream_of_an_hour_needs_little_memory(encode, music, tmp_path):
    # Untagged frames can be joined to any length; constant bitrate at 44.1 kHz is what fills the tables most.
    minute = encode("lame", np.tile(music, 30), 44100, "-t", "-b", "128").read_bytes()
    long = tmp_path / "hour.mp3"
    long.write_bytes(minute * 60)
    script = """
import sys
from mp3restore.audio.decode import open_audio
from mp3restore.diagnostics.bench import peak_mib as peak
from mp3restore.audio.decode import open_audio
from mp3restore.inspection.bitstream import open_bitstream
open_bitstream(open_audio(sys.argv[1]))
before = peak()
assert open_bitstream(open_audio(sys.argv[2])) is not None
print(peak() - before)
"""
    short = tmp_path / "minute.mp3"
    short.write_bytes(minute)
    command = [sys.executable, "-c", script, str(short), str(long)]
    growth = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    # All bytes of the file, 58 MB, and its frame table; what every granule says would be another 600 MB.
    assert growth < 150

"""The whole way with the shipped model, on MP3s that real encoders made."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import soundfile

import mp3restore
from mp3restore import InputError, UsageError, load_model, restore, restore_file
from mp3restore.audio.decode import open_audio
from mp3restore.dsp.resample import output_rate, resample_stream, resampled_length
from mp3restore.generator.restorer import Restorer

RATES = [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000]


@pytest.fixture(scope="module")
def model():
    return load_model()


def decoded(path):
    with open_audio(path) as source:
        return np.concatenate(list(source.blocks()), axis=1), source.sample_rate


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lag(reference, samples):
    """Delay of `samples` against `reference` (channels, n) in samples, by cross-correlation."""
    size = 2 * reference.shape[1]
    spectra = np.fft.rfft(samples.sum(axis=0), size) * np.conj(np.fft.rfft(reference.sum(axis=0), size))
    peak = int(np.argmax(np.fft.irfft(spectra, size)))
    return peak if peak < size // 2 else peak - size


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("encoder", "channels"), [("lame", 2), ("ffmpeg", 2), ("lame", 1)])
def test_length_and_lag_at_every_rate(encode, music, tmp_path, rate, encoder, channels):
    arguments = ["-b", "32", "--resample", str(rate / 1000)] if encoder == "lame" else ["-b:a", "32k", "-ar", str(rate)]
    path = encode(encoder, music[:channels], 44100, *arguments)
    source, source_rate = decoded(path)
    assert source_rate == rate
    target = tmp_path / "restored.wav"
    result = restore_file(path, target, bit_depth="32f")
    restored, restored_rate = decoded(target)
    assert restored_rate == result.sample_rate == output_rate(rate)
    assert restored.shape == (channels, resampled_length(source.shape[1], rate, restored_rate))
    assert result.frames == restored.shape[1]
    reference = np.concatenate(list(resample_stream([source], rate, restored_rate)), axis=1)
    assert lag(reference, restored) == 0


@pytest.mark.parametrize("target_rate", [22050, 44100, 48000, 96000])
@pytest.mark.parametrize("rate", [16000, 44100, 96000])
def test_any_output_rate(music, rate, target_rate):
    samples = np.concatenate(list(resample_stream([music], 44100, rate)), axis=1)
    result = restore(samples, rate, output_sample_rate=target_rate)
    assert result.sample_rate == target_rate
    assert result.samples.shape == (2, resampled_length(samples.shape[1], rate, target_rate))
    reference = np.concatenate(list(resample_stream([samples], rate, target_rate)), axis=1)
    assert lag(reference, result.samples) == 0


def test_something_is_restored(sample):
    source, rate = decoded(sample)
    result = restore(source, rate)
    assert result.samples.shape == source.shape
    frequencies = np.fft.rfftfreq(source.shape[1], 1 / rate)
    treble = (frequencies > 9000) & (frequencies < 15000)

    def energy_db(x):
        return 10 * np.log10(np.mean(np.abs(np.fft.rfft(x.mean(axis=0))[treble]) ** 2))

    assert energy_db(result.samples) > energy_db(source) + 20


def test_seeds_and_variants(sample):
    source, rate = decoded(sample)
    piece = source[:, : 3 * rate]
    first = restore(piece, rate).samples
    np.testing.assert_array_equal(restore(piece, rate, seed=0, variant=1).samples, first)
    others = [restore(piece, rate, seed=1), restore(piece, rate, variant=2), restore(piece, rate, deterministic=True)]
    for k, other in enumerate(others):
        assert all(np.abs(other.samples - x).max() > 1e-4 for x in [first, *(o.samples for o in others[:k])])
    certain = others[-1].samples
    np.testing.assert_array_equal(restore(piece, rate, deterministic=True, seed=7, variant=3).samples, certain)


def test_a_part_depends_on_nothing_but_its_surroundings(sample, model):
    source, rate = decoded(sample)
    piece = source[:, : 6 * rate]
    whole = np.concatenate(list(Restorer(model, chunk_frames=4096).stream([piece], sample_rate=rate)), axis=1)
    for chunk_frames, threads, cuts in [(48, 1, [1, 5000, 5001]), (100, 2, [rate]), (384, 3, [])]:
        restorer = Restorer(model, threads=threads, chunk_frames=chunk_frames)
        blocks = np.split(piece, cuts, axis=1)
        parts = np.concatenate(list(restorer.stream(blocks, sample_rate=rate)), axis=1)
        np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_threads_do_not_change_a_byte(sample, tmp_path):
    for threads in (1, 2, 3):
        restore_file(sample, tmp_path / f"{threads}.flac", threads=threads)
    assert digest(tmp_path / "1.flac") == digest(tmp_path / "2.flac") == digest(tmp_path / "3.flac")


@pytest.mark.parametrize("bit_depth", ["16", "24", "32f"])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_silence_stays_silent(tmp_path, bit_depth, channels):
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros((50_000, channels)), 44100)
    restore_file(path, tmp_path / "restored.wav", bit_depth=bit_depth)
    restored, _ = decoded(tmp_path / "restored.wav")
    assert restored.shape == (channels, 50_000)
    assert not restored.any()


@pytest.mark.parametrize("bit_depth", ["16", "24"])
def test_identical_channels_stay_identical(encode, music, tmp_path, bit_depth):
    path = encode("lame", np.stack([music[0]] * 2), 44100, "-b", "48", "-m", "j")
    source, _ = decoded(path)
    np.testing.assert_array_equal(source[0], source[1])
    restore_file(path, tmp_path / "restored.flac", bit_depth=bit_depth)
    restored, _ = decoded(tmp_path / "restored.flac")
    np.testing.assert_array_equal(restored[0], restored[1])


@pytest.mark.parametrize("length", [1, 2, 511, 512, 513, 2048, 2049])
def test_short_files(tmp_path, length):
    path = tmp_path / "short.wav"
    soundfile.write(path, np.full((length, 2), 0.5), 44100)
    assert restore_file(path, tmp_path / "restored.flac").frames == length
    assert soundfile.info(tmp_path / "restored.flac").frames == length


def test_loud_music_gets_one_gain(tmp_path, music):
    loud = np.clip(music * 8, -1, 1)
    path = tmp_path / "loud.wav"
    soundfile.write(path, loud.T, 44100, subtype="FLOAT")
    plain = restore_file(path, tmp_path / "float.wav", bit_depth="32f", strength=1)
    lowered = restore_file(path, tmp_path / "restored.flac", bit_depth="24", strength=1)
    assert plain.gain_db == 0
    assert plain.peak == lowered.peak > 1
    assert lowered.gain_db == pytest.approx(-20 * np.log10(lowered.peak), abs=1e-3)
    restored, _ = decoded(tmp_path / "restored.flac")
    expected = decoded(tmp_path / "float.wav")[0] * np.float32(10 ** (lowered.gain_db / 20))
    np.testing.assert_allclose(restored, expected, atol=2.0**-22)


def test_array_shapes(music):
    mono = restore(music[0], 44100)
    assert mono.samples.shape == music[0].shape
    np.testing.assert_array_equal(restore(music[:1], 44100).samples[0], mono.samples)
    assert mono.samples.dtype == np.float32
    assert restore(music.astype(np.float64), 44100).samples.dtype == np.float32


@pytest.mark.parametrize(
    "samples",
    [np.zeros((2, 100), np.int16), np.zeros((2, 0)), np.zeros((1, 1, 9)), np.zeros((9, 100)), np.full((1, 9), np.nan)],
    ids=["integers", "empty", "three axes", "nine channels", "nan"],
)
def test_arrays_that_cannot_be_restored(samples):
    with pytest.raises(InputError):
        restore(samples, 44100)


@pytest.mark.parametrize(
    "options", [{"seed": -1}, {"seed": 2**63}, {"variant": 0}, {"threads": 0}, {"output_sample_rate": 1}]
)
def test_options_out_of_range(music, options):
    with pytest.raises(UsageError):
        restore(music, 44100, **options)


def test_progress_is_told(sample, tmp_path):
    told = []
    restore_file(sample, tmp_path / "a.flac", progress=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == pytest.approx(24, abs=0.1)
    assert told[-1][1] == pytest.approx(24, abs=0.1)


@pytest.mark.parametrize("silent", [0, 1])
def test_a_silent_channel_stays_silent(music, silent):
    one_sided = music.copy()
    one_sided[silent] = 0
    restored = mp3restore.restore(one_sided, 44100).samples
    assert not restored[silent].any()
    assert restored[1 - silent].any()


@pytest.mark.parametrize(
    "options",
    [{"sample_rate": 0}, {"sample_rate": -1}, {"sample_rate": 44100.0}, {"seed": 1.5}, {"variant": 2**48}],
)
def test_arguments_that_make_no_sense(music, options):
    arguments = {"sample_rate": 44100, **options}
    with pytest.raises(mp3restore.UsageError, match="whole number"):
        mp3restore.restore(music, **arguments)


def test_a_file_with_a_long_silent_intro_is_held_to_its_bitstream(encode, music, tmp_path):
    mp3 = encode("lame", np.pad(music, ((0, 0), (25 * 44100, 0))), 44100, "-b", "64")
    assert mp3restore.restore_file(mp3, tmp_path / "out.wav").consistent

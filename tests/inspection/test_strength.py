"""As far as the losses warrant: all the way for a bad MP3, part of it for a good one, not at all for what is whole."""

import subprocess

import numpy as np
import pytest
import soundfile

from mp3restore import restore, restore_file
from mp3restore.audio.decode import open_audio
from mp3restore.inspection.losses import has_low_pass
from mp3restore.inspection.strength import expected_strength

pytestmark = pytest.mark.slow

RATE = 44100


@pytest.fixture
def whole(tmp_path, music):
    """Music without loss, 10 s of it, in 16 bits."""
    path = tmp_path / "whole.flac"
    soundfile.write(path, np.tile(music, (1, 5)).T, RATE, subtype="PCM_16")
    return path


def transcoded(path, codec, kbps, target, *options):
    """Compress a file, and decode it to a WAV again."""
    suffix, name = {"mp3": ("mp3", "libmp3lame"), "aac": ("m4a", "aac")}[codec]
    small, wav = target.with_suffix(f".{suffix}"), target.with_suffix(".wav")
    for command in (
        ["-i", path, "-c:a", name, "-b:a", f"{kbps}k", small],
        ["-i", small, *options, wav],
    ):
        subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, command)], check=True, stdin=subprocess.DEVNULL)
    return wav


def test_the_better_an_mp3_the_less_is_changed(encode, music, tmp_path):
    changes = {}
    for kbps in (32, 64, 96, 128, 192):
        mp3 = encode("lame", music, RATE, "-b", str(kbps), "--resample", "44.1")
        result = restore_file(mp3, tmp_path / f"{kbps}.wav", bit_depth="32f")
        assert result.strength == (kbps < 192)
        with open_audio(mp3) as source:
            decoded = np.concatenate(list(source.blocks()), axis=1)
        restored = soundfile.read(result.target, dtype="float32")[0].T
        changes[kbps] = float(np.square(restored - decoded).mean())
    assert changes[32] > changes[64] > changes[96] > changes[128] > changes[192] == 0


def test_only_what_the_user_asks_for_goes_beyond_the_evidence(sample, tmp_path):
    own = restore_file(sample, tmp_path / "own.wav", bit_depth="32f")
    full = restore_file(sample, tmp_path / "full.wav", bit_depth="32f", strength=1.0)
    assert own.strength == full.strength == 1
    with open_audio(sample) as source:
        decoded = np.concatenate(list(source.blocks()), axis=1)
    changes = [np.square(soundfile.read(each.target)[0].T - decoded).mean() for each in (own, full)]
    assert 0.2 < changes[0] / changes[1] < 0.99


def test_without_a_map_the_bitrate_decides():
    strengths = [expected_strength(k, sample_rate=RATE, channels=2) for k in (32, 64, 96, 125, 126.3, 127, 192)]
    assert strengths == [1, 0.8, 0.6, 0.06, 0, 0, 0]  # a strength that nobody can hear is none
    assert expected_strength(64, sample_rate=RATE, channels=1) == strengths[2]
    assert expected_strength(84.5, sample_rate=RATE, channels=1) == 0
    assert expected_strength(64, sample_rate=22050, channels=2) == 1


def test_a_good_mp3_stays_as_it_is_unless_asked_for(encode, music, tmp_path):
    mp3 = encode("lame", music, RATE, "-b", "192")
    result = restore_file(mp3, tmp_path / "own.wav", bit_depth="32f")
    assert any("192 kbit/s" in warning and "left unchanged" in warning for warning in result.warnings)
    with open_audio(mp3) as source:
        expected = np.concatenate(list(source.blocks()), axis=1)
    np.testing.assert_array_equal(soundfile.read(result.target, dtype="float32")[0].T, expected)

    asked = restore_file(mp3, tmp_path / "asked.wav", bit_depth="32f", strength=0.5)
    assert not any("left unchanged" in warning for warning in asked.warnings)
    assert not np.array_equal(soundfile.read(asked.target, dtype="float32")[0].T, expected)


def test_what_is_whole_stays_as_it_is_unless_asked_for(whole, tmp_path):
    result = restore_file(whole, tmp_path / "out.flac", bit_depth="16")
    assert result.strength == 0
    assert any("left unchanged" in warning for warning in result.warnings)
    given, expected = soundfile.read(tmp_path / "out.flac")[0], soundfile.read(whole)[0]
    assert np.abs(given - expected).max() <= 2 * 2**-15  # dither

    exact = restore_file(whole, tmp_path / "exact.flac")
    np.testing.assert_array_equal(soundfile.read(exact.target)[0], expected)

    asked = restore_file(whole, tmp_path / "asked.flac", strength=1)
    assert asked.strength == 1
    assert not any("left unchanged" in warning for warning in asked.warnings)
    assert not np.array_equal(soundfile.read(asked.target)[0], expected)


def test_what_is_whole_stays_so_at_other_rates_in_floats_and_in_more_channels(music, tmp_path):
    rng = np.random.default_rng(3)
    wide = rng.uniform(-0.5, 0.5, (96000 * 2, 2)).astype(np.float32)
    hot = (np.tile(music, (1, 5)).T * 4).astype(np.float32)  # beyond full scale, but not clipped
    for name, samples, rate in (
        ("wide", wide, 96000),
        ("hot", hot, RATE),
        ("six", np.repeat(hot / 8, 3, axis=1), RATE),
    ):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, samples, rate, subtype="FLOAT")
        result = restore_file(path, tmp_path / f"{name}-out.wav", bit_depth="32f")
        assert (result.strength, result.sample_rate) == (0, rate)
        assert not any("clipped" in warning for warning in result.warnings)
        np.testing.assert_array_equal(soundfile.read(result.target, dtype="float32")[0], samples)


def test_in_memory_the_caller_decides(music):
    none, half, full = (restore(music, RATE, strength=strength).samples for strength in (0, 0.5, 1))
    np.testing.assert_array_equal(none, music)
    np.testing.assert_allclose(half, (music + full) / 2, atol=1e-6)


@pytest.mark.parametrize(("codec", "kbps"), [("mp3", 64), ("mp3", 96), ("aac", 48)])
def test_what_a_codec_has_cut_is_restored_from_a_wav_too(whole, tmp_path, codec, kbps):
    # At another rate the zeros of the MP3 are gone: the low-pass alone tells.
    for target, options in (("same", ()), ("other", ("-ar", "48000"))):
        wav = transcoded(whole, codec, kbps, tmp_path / target, *options)
        assert 0.5 < restore_file(wav, tmp_path / f"{target}.flac").strength <= 1


def test_a_low_pass_is_a_fall_of_the_spectrum_within_a_few_hundred_hertz(rng):
    noise = rng.standard_normal((2, 5 * RATE))
    hz = np.fft.rfftfreq(noise.shape[1], 1 / RATE)
    spectrum = np.fft.rfft(noise)
    cut, sloped = (np.fft.irfft(spectrum * gain) for gain in (hz < 11000, 10 ** (-hz / 11000 * 60 / 20)))
    assert has_low_pass(cut.astype(np.float32), RATE)
    assert not has_low_pass(sloped.astype(np.float32), RATE)
    assert not has_low_pass(noise.astype(np.float32), RATE)


def test_silence_and_single_samples_stay_as_they_are(tmp_path):
    for name, samples in (("silence", np.zeros(RATE)), ("one", np.full(1, 0.5))):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, samples, RATE)
        result = restore_file(path, tmp_path / f"{name}.flac")
        assert result.strength == 0
        np.testing.assert_array_equal(soundfile.read(result.target)[0], samples)

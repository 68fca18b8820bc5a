"""As far as the losses warrant: all the way for a bad MP3, part of it for a good one, not at all for what is whole."""

import subprocess

import numpy as np
import pytest
import soundfile

from mp3restore import restore, restore_file
from mp3restore.audio.decode import open_audio
from mp3restore.inspection.losses import has_low_pass

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
    strengths = {}
    for kbps in (32, 64, 96, 128, 192):
        mp3 = encode("lame", music, RATE, "-b", str(kbps), "--resample", "44.1")
        result = restore_file(mp3, tmp_path / f"{kbps}.wav", bit_depth="32f")
        strengths[kbps] = result.strength
    assert strengths[32] == 1 > strengths[64] > strengths[96] > strengths[128] == strengths[192] == 0

    mono = restore_file(encode("lame", music[:1], RATE, "-b", "64", "-m", "m"), tmp_path / "mono.wav")
    assert mono.strength == strengths[96]
    low = restore_file(encode("lame", music, RATE, "-b", "64", "--resample", "22.05"), tmp_path / "low.wav")
    assert low.strength == strengths[32]


def test_it_is_what_the_same_strength_by_hand_gives(sample, tmp_path):
    own = restore_file(sample, tmp_path / "own.wav", bit_depth="32f")
    by_hand = restore_file(sample, tmp_path / "hand.wav", bit_depth="32f", strength=own.strength)
    assert own.strength == 1
    np.testing.assert_array_equal(soundfile.read(own.target)[0], soundfile.read(by_hand.target)[0])


def test_a_good_mp3_stays_as_it_is_unless_asked_for(encode, music, tmp_path):
    mp3 = encode("lame", music, RATE, "-b", "128")
    result = restore_file(mp3, tmp_path / "own.wav", bit_depth="32f")
    assert any("128 kbit/s" in warning and "left unchanged" in warning for warning in result.warnings)
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

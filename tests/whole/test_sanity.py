"""What the shipped model must never do, on material of which it heard little: silence, speech, applause, solo tones."""

import subprocess
from functools import cache

import numpy as np
import pytest
import soundfile
from scipy.ndimage import maximum_filter1d
from scipy.signal import butter, lfilter, sosfiltfilt

from mp3restore import restore_file
from mp3restore.audio.decode import open_audio
from mp3restore.dsp.resample import resample_stream

RATE = 44100
SECONDS = 4
HOP_HZ = RATE / 512
ENCODES = {
    "lame-16": lambda wav: ["lame", "--quiet", "-b", "16", str(wav)],
    "lame-32": lambda wav: ["lame", "--quiet", "-b", "32", str(wav)],
    "ffmpeg-32": lambda wav: ["ffmpeg", "-v", "error", "-i", str(wav), "-b:a", "32k"],
    "ffmpeg-64": lambda wav: ["ffmpeg", "-v", "error", "-i", str(wav), "-b:a", "64k"],
}
TIME = np.arange(RATE * SECONDS) / RATE


def speech():
    """Syllables of a voice at 110 to 140 Hz, each followed by a sibilant and a pause without any sound."""
    rng = np.random.default_rng(2)
    pitch = 125 + 15 * np.sin(2 * np.pi * 0.7 * TIME)
    pulses = np.diff(np.floor(np.cumsum(pitch / RATE)), prepend=0)
    voice = np.zeros_like(TIME)
    for formant, width in ((600, 80), (1200, 100), (2600, 160), (3500, 200)):
        radius = np.exp(-np.pi * width / RATE)
        voice += lfilter([1 - radius], [1, -2 * radius * np.cos(2 * np.pi * formant / RATE), radius**2], pulses)
    hiss = sosfiltfilt(butter(4, (4000, 11000), "bandpass", fs=RATE, output="sos"), rng.standard_normal(len(TIME)))
    phase = TIME % 0.6
    syllable = np.clip(np.sin(np.pi * phase / 0.25), 0, 1) * (phase < 0.25)
    sibilant = np.clip(np.sin(np.pi * (phase - 0.25) / 0.12), 0, 1) * (phase > 0.25) * (phase < 0.37)
    mono = 0.3 * voice / np.abs(voice).max() * syllable + 0.05 * hiss * sibilant
    return np.stack([mono, mono])


def applause():
    """Claps of many hands: bursts of noise of a few milliseconds, 80 a second, from all sides."""
    rng = np.random.default_rng(3)
    result = rng.standard_normal((2, len(TIME))) * 0.002
    for start in rng.integers(0, len(TIME) - 2000, 80 * SECONDS):
        clap = rng.standard_normal(2000) * np.exp(-np.arange(2000) / rng.uniform(80, 400))
        result[:, start : start + 2000] += np.outer(rng.uniform(0.2, 1, 2), clap * rng.uniform(0.02, 0.15))
    return result


def tones():
    """Four notes of one instrument, overtones to 15 kHz, sustained and dry."""
    rng = np.random.default_rng(4)
    notes = []
    for pitch in (196.0, 293.7, 246.9, 392.0):
        time = TIME[: len(TIME) // 4]
        tone = sum(np.sin(2 * np.pi * pitch * k * time + rng.uniform(0, 6)) / k for k in range(1, int(15000 / pitch)))
        notes.append(0.1 * tone * np.minimum(1, np.minimum(time, time[::-1]) / 0.02))
    mono = np.concatenate(notes)
    return np.stack([mono, 0.7 * mono])


def noise():
    """Steady pink-like noise: whatever beats in the result was not in the input."""
    rng = np.random.default_rng(5)
    return lfilter([0.2], [1, -0.8], rng.standard_normal((2, len(TIME)))) * 0.3


def gaps():
    """The same with two seconds of digital silence in it."""
    samples = noise()
    samples[:, RATE : 3 * RATE] = 0
    return samples


def silence():
    """Nothing at all."""
    return np.zeros((2, RATE))


SOUNDS = {"speech": speech, "applause": applause, "tones": tones, "noise": noise}
MATERIALS = {**SOUNDS, "gaps": gaps, "silence": silence}


@pytest.fixture(scope="module")
def restored(tmp_path_factory):
    """Encode and restore a material once for all tests: (original, decoded MP3, restoration), all at 44.1 kHz."""

    @cache
    def run(material, name):
        folder = tmp_path_factory.mktemp("sanity")
        wav, mp3, result = folder / "a.wav", folder / "a.mp3", folder / "restored.wav"
        original = MATERIALS[material]()
        soundfile.write(wav, original.T, RATE)
        subprocess.run([*ENCODES[name](wav), str(mp3)], check=True, stdin=subprocess.DEVNULL)
        restore_file(mp3, result, bit_depth="32f", sample_rate=RATE)
        with open_audio(mp3) as source:
            decoded = np.concatenate(list(resample_stream(source.blocks(), source.sample_rate, RATE)), axis=1)
        return original, decoded, soundfile.read(result, always_2d=True)[0].T

    return run


def short_time_level(samples, milliseconds=10):
    """Root mean square in blocks, over all channels."""
    size = RATE * milliseconds // 1000
    blocks = samples[:, : samples.shape[1] // size * size].reshape(samples.shape[0], -1, size)
    return np.sqrt((blocks**2).mean(axis=(0, 2)))


def modulation_lines(samples):
    """Power of the envelope above 5.5 kHz at the hop rate and its multiples, over what is around each of them."""
    treble = sosfiltfilt(butter(6, 5500, "highpass", fs=RATE, output="sos"), samples)
    envelope = (treble**2).sum(axis=0)
    envelope = envelope[RATE // 4 : -RATE // 4]
    power = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(envelope)))) ** 2
    hz = np.arange(len(power)) * RATE / len(envelope)
    ratios = []
    for k in range(1, 5):
        distance = np.abs(hz - k * HOP_HZ)
        ratios.append(power[distance < 0.6].max() / power[(distance > 1.5) & (distance < 12)].mean())
    return ratios


@pytest.mark.parametrize("name", ENCODES)
def test_silence_between_sounds_stays_silent(name, restored):
    _, decoded, result = restored("gaps", name)
    # A frame on either side may take part in what is beside it.
    silent = maximum_filter1d(np.abs(decoded).max(axis=0), RATE // 10) < 1e-5
    assert silent.mean() > 0.3
    assert np.abs(result[:, silent]).max() < 3e-5


def test_nothing_but_silence_stays_so(restored):
    assert not restored("silence", "ffmpeg-32")[2].any()


@pytest.mark.parametrize("name", ENCODES)
@pytest.mark.parametrize("material", SOUNDS)
def test_nothing_bursts_and_the_level_stays(material, name, restored):
    original, decoded, result = restored(material, name)
    added = short_time_level(result - decoded)
    # What is near in time: a codec's frame is 26 ms, at 16 kbit/s 52 ms, and it smears as much to either side.
    near = maximum_filter1d(short_time_level(decoded), 11)
    # A sibilant may be louder than what 16 kbit/s left of it.
    most = 1.2 if (material, name) == ("speech", "lame-16") else 1.0
    assert (added < most * near + 1e-4).all()
    # The loudest moment is no louder than it was.
    assert short_time_level(result).max() < 1.3 * max(short_time_level(original).max(), near.max())
    bass = butter(4, 2000, "lowpass", fs=RATE, output="sos")
    levels = [np.sqrt(np.mean(sosfiltfilt(bass, s) ** 2)) for s in (decoded, result)]
    assert 20 * np.log10(levels[1] / levels[0]) == pytest.approx(0, abs=1.0)


@pytest.mark.parametrize("name", ENCODES)
@pytest.mark.parametrize("material", SOUNDS)
def test_no_buzz_at_the_hop_rate(material, name, restored):
    _, decoded, result = restored(material, name)
    assert max(modulation_lines(result - decoded)) < 9


def test_a_buzz_would_be_seen():
    buzz = noise() * (1 + 0.1 * np.cos(2 * np.pi * HOP_HZ * TIME))
    assert max(modulation_lines(noise())) < 9
    assert max(modulation_lines(buzz)) > 50

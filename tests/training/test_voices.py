"""Voices laid over music, and how much of a corpus they are in."""

import csv
from collections import Counter

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
from mp3restore.errors import NoInputError
from mp3restore.training.data.prepare import prepare
from mp3restore.training.data.voices import Voices

RATE = 44100


def energy_at(samples, hz):
    """Power of each channel in a band of 100 Hz around a frequency."""
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    width = samples.shape[1] / RATE
    return spectrum[:, round((hz - 50) * width) : round((hz + 50) * width)].sum(-1)


@pytest.fixture
def spoken(tmp_path):
    """A tone of 3 kHz at 48 kHz in place of a voice."""
    soundfile.write(tmp_path / "voice.flac", 0.1 * np.sin(np.arange(48000 * 12) * 2 * np.pi * 3000 / 48000), 48000)
    return Voices(((tmp_path / "voice.flac", 15000.0),))


@pytest.mark.parametrize("channels", [1, 2])
def test_the_voice_is_there_at_its_pitch_and_the_music_too(spoken, channels):
    tone = np.sin(np.arange(4 * RATE) * 2 * np.pi * 500 / RATE) * 0.1
    music = np.repeat(tone[None], channels, axis=0).astype(np.float32)
    mixture = spoken.over(music, RATE, np.random.default_rng(1))
    assert mixture.highest_hz == 15000.0
    assert mixture.samples.shape == music.shape
    level_db = 10 * np.log10(energy_at(mixture.samples, 3000).sum() / energy_at(mixture.samples, 500).sum())
    assert -7 < level_db < 10
    assert mixture.samples.dtype == np.float32


def test_a_mixture_never_clips(spoken):
    music = np.full((2, 2 * RATE), 0.98, np.float32)
    assert np.abs(spoken.over(music, RATE, np.random.default_rng(0)).samples).max() <= 0.99 + 1e-6


def test_silence_is_no_voice(tmp_path):
    soundfile.write(tmp_path / "silence.flac", np.zeros(RATE * 8), RATE)
    silent = Voices(((tmp_path / "silence.flac", 15000.0),))
    assert silent.over(np.full((2, RATE), 0.1, np.float32), RATE, np.random.default_rng(0)) is None


def corpus_of(folder, genres, rng):
    """Make a corpus of one recording of noise, 12 s, for each genre."""
    rows = [("path", "codec", "bandwidth_hz", "genre", "split")]
    for name, genre in genres.items():
        soundfile.write(folder / f"{name}.wav", rng.normal(0, 0.1, (RATE * 12, 2)), RATE)
        rows.append((f"{name}.wav", "vorbis", "16000" if genre == "rock" else "15000", genre, "train"))
    with (folder / "manifest.tsv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t").writerows(rows)
    return folder


def test_voices_are_used_whole_and_laid_over_the_music(tmp_path, rng):
    corpus = corpus_of(tmp_path, {"song": "rock", "reel": "voice (speech)"}, rng)
    data = tmp_path / "data"
    made = prepare(corpus, data, seconds=4.0, excerpts=1, encodes=1, voices=True, jobs=1)
    names = [path.stem for path in (data / "pairs").glob("*.json")]
    counts = Counter("voices" if "-voices-" in name else "plain" for name in names)
    # Once the song, three or four stretches of the voice, and one mixture.
    assert counts["voices"] == 1
    assert counts["plain"] >= 4
    assert made == len(names)


def test_without_voices_in_the_corpus_there_is_an_error(tmp_path, rng):
    corpus = corpus_of(tmp_path, {"song": "rock"}, rng)
    with pytest.raises(NoInputError, match="no recordings with voices"):
        prepare(corpus, tmp_path / "data", seconds=4.0, excerpts=1, encodes=1, voices=True, jobs=1)

"""What has the right level at the wrong time must look less alike than what is a little too loud."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from mp3restore.training.networks.objective import magnitudes  # noqa: E402
from mp3restore.training.networks.similarity import SIZE, dissimilarity  # noqa: E402

EVERYWHERE = torch.ones(1, 1, SIZE // 2 + 1)


def unlike(a, b, known=EVERYWHERE):
    pictures = (magnitudes(torch.from_numpy(np.float32(s))[None], SIZE, overlap=4) for s in (a, b))
    return float(dissimilarity(*pictures, known))


def test_music_is_like_itself_and_more_like_itself_louder_than_later(music):
    left = music[0]
    assert unlike(left, left) < 1e-3
    louder, later = unlike(left, 1.2 * left), unlike(left, np.roll(left, 11025))
    assert louder < 0.1 * later


def test_what_was_low_passed_is_less_alike_and_only_where_it_counts(music):
    spectrum = np.fft.rfft(music[0])
    spectrum[len(spectrum) // 4 :] = 0  # from 5.5 kHz on
    dull = np.fft.irfft(spectrum, music.shape[1])
    below = EVERYWHERE.clone()
    below[..., SIZE // 8 - 20 :] = 0
    assert unlike(music[0], dull) > 0.1
    assert unlike(music[0], dull, below) < 0.01


def test_what_is_too_quiet_beside_the_peak_of_its_frame_counts_for_nothing(rng):
    tone = np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100)
    noise = rng.standard_normal(44100)
    assert unlike(tone, tone + 1e-5 * noise) < 0.01
    assert unlike(tone, tone + 1e-2 * noise) > 0.1

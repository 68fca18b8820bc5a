import numpy as np
import pytest

pytest.importorskip("torch")
from mp3restore.training.data.conditions import EVALUATION_CONDITIONS
from mp3restore.training.data.pairs import make_pair

CONDITIONS = {c.name: c for c in EVALUATION_CONDITIONS}


@pytest.fixture
def music(rng):
    """Five seconds of decaying chords with a broad spectrum: enough for an encoder to work on."""
    time = np.arange(5 * 44100) / 44100
    envelope = np.exp(-np.mod(time, 0.5) * 4)
    notes = sum(np.sin(2 * np.pi * f * time) / f for f in (110, 220, 277, 330, 554, 880, 1760, 2637))
    noise = rng.standard_normal((2, len(time))) * 0.02
    return ((notes * 25 + noise) * envelope).astype(np.float32) * 0.5


# Lead-in of untagged streams: 1105 samples at the rate of the stream, here given at the restored rate.
@pytest.mark.parametrize(
    ("name", "lag"),
    [("lame-cbr16", 6630), ("lame-cbr32", 3315), ("lame-cbr48", 2210), ("lame-cbr128", 0), ("ffmpeg-cbr64", 0)],
)
def test_lag_is_found_and_removed(music, name, lag):
    pair = make_pair(music, 44100, CONDITIONS[name])
    assert abs(pair.lag - lag) < 0.1
    error = pair.degraded - pair.original
    assert 10 * np.log10((pair.original**2).mean() / (error**2).mean()) > 8


def test_encoder_gain_of_lame_is_found(music):
    assert make_pair(music, 44100, CONDITIONS["lame-cbr128"]).gain == pytest.approx(0.95, abs=0.003)
    assert make_pair(music, 44100, CONDITIONS["lame-cbr192"]).gain == pytest.approx(0.97, abs=0.01)


def test_clean_pair_is_the_original_itself(music):
    pair = make_pair(music, 44100, CONDITIONS["clean"])
    np.testing.assert_array_equal(pair.original, pair.degraded)

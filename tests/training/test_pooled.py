"""The pooled energy score is least for draws that differ as originals do."""

import pytest

torch = pytest.importorskip("torch")
from mp3restore.training.networks.known import Known  # noqa: E402
from mp3restore.training.networks.pooled import pooled_score  # noqa: E402

KNOWN = Known(torch.full((24,), 44100.0), torch.full((24,), 20000.0), torch.zeros(24, 40, dtype=torch.bool))


def drawn(spread_db, offset_db=0.0):
    """Noise whose level holds for the whole segment."""
    level = 10 ** ((torch.randn(24, 1) * spread_db + offset_db) / 20)
    return torch.randn(24, 20480) * level


def score(spread_db, offset_db=0.0):
    torch.manual_seed(1)
    values = [pooled_score(drawn(6), *(drawn(spread_db, offset_db) for _ in "ab"), KNOWN) for _ in range(8)]
    return float(torch.stack([found.mean() for found, _ in values]).mean()), values[0][1]


def test_the_right_spread_and_level_score_best():
    right, _ = score(6)
    assert right < score(1)[0]
    assert right < score(14)[0]
    assert right < score(6, 6)[0]
    assert right < score(6, -6)[0]


def test_levels_are_told():
    _, levels = score(6, 20)
    assert levels["level"].mean() > 3
    assert levels["apart"].mean() > 0.5


def test_what_was_kept_costs_nothing():
    signal = drawn(3)
    found, levels = pooled_score(signal, signal, signal, KNOWN)
    assert float(found.abs().max()) == 0
    assert float(levels["off_level"].max()) == 0

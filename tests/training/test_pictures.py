import csv
import io
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
matplotlib_image = pytest.importorskip("matplotlib.image")
from mp3restore.errors import NoInputError  # noqa: E402
from mp3restore.generator.model import load_model  # noqa: E402
from mp3restore.training.data.conditions import CONDITIONS  # noqa: E402
from mp3restore.training.data.pairs import make_pair  # noqa: E402
from mp3restore.training.data.prepare import FULL_SCALE  # noqa: E402
from mp3restore.training.fit.curves import plot_curves  # noqa: E402
from mp3restore.training.fit.loop import fit  # noqa: E402
from mp3restore.training.fit.trainer import FitConfig  # noqa: E402
from mp3restore.training.fit.validation import draw_clips, restore_with  # noqa: E402
from mp3restore.training.networks.generator import GeneratorConfig  # noqa: E402
from mp3restore.training.paper.networks import PaperConfig  # noqa: E402

KBPS = {"lame-cbr16-mono": 16, "ffmpeg-cbr32": 32, "ffmpeg-cbr64": 64, "clean": 0}


@pytest.fixture
def data(tmp_path, music):
    """A data set of one recording, all of it for training and for validation."""
    folder = tmp_path / "set" / "pairs"
    folder.mkdir(parents=True)
    conditions = {c.name: c for c in CONDITIONS}
    for split in ("train", "val"):
        for name, kbps in KBPS.items():
            pair = make_pair(music, 44100, conditions[name])
            samples = np.stack([pair.original, pair.degraded]) * FULL_SCALE
            np.save(folder / f"{split}-{name}.npy", samples.astype(np.int16))
            np.save(folder / f"{split}-{name}.map.npy", pair.uncertainty)
            facts = {
                "split": split, "source": "notes.wav", "sample_rate": 44100, "bandwidth_hz": 20000.0,
                "lead": pair.start, "condition": {"name": name, "kbps": kbps},
            }  # fmt: skip
            (folder / f"{split}-{name}.json").write_text(json.dumps(facts), encoding="utf-8")
    return tmp_path / "set"


def picture(file):
    file.seek(0)
    return matplotlib_image.imread(file, format="png")


def heard(data, count):
    """What `draw_clips` gives to the restorer: passages and rates."""
    calls = []

    def restore(passage, rate):
        calls.append((passage, rate))
        return passage.samples * 0.5

    file = io.BytesIO()
    draw_clips(restore, data, file, count=count)
    return calls, picture(file)


def test_clips_go_from_low_to_high_bitrates_with_their_maps(data):
    calls, image = heard(data, 2)
    assert [passage.samples.shape[0] for passage, _ in calls] == [1, 2]  # 16 kbit/s is mono, 64 is not
    for passage, rate in calls:
        assert rate == 44100
        rows = 1 + passage.samples.shape[1] // 512
        assert rows - 4 <= len(passage.uncertainty) <= rows
    _, higher = heard(data, 3)
    assert higher.shape[0] > image.shape[0]


@pytest.mark.parametrize(
    "config",
    [
        FitConfig(generator=GeneratorConfig(width=16), steps=2, batch=1, frames=40, warm_up=1, validation_minutes=0),
        PaperConfig(width=1 / 32, steps=2, batch=1, frames=40, validation_minutes=0),
    ],
    ids=["ours", "paper"],
)
def test_a_checkpoint_restores_a_clip(data, tmp_path, config):
    fit(data, tmp_path / "run", config)
    restore = restore_with(tmp_path / "run" / "checkpoint.pt")
    ((passage, rate),) = heard(data, 1)[0]
    restored = restore(passage, rate)
    assert restored.shape == passage.samples.shape
    assert np.abs(restored - passage.samples).max() > 1e-5

    with (tmp_path / "run" / "clips.png").open("rb") as file:
        assert picture(file).shape[0] > 300
    with (tmp_path / "run" / "validation.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    # After every step, because the least time passes between them.
    assert [(int(row["step"]), row["encode"]) for row in rows if row["step"] == "2"] == [
        (2, "lame-cbr16-mono"), (2, "ffmpeg-cbr32"), (2, "ffmpeg-cbr64")
    ]  # fmt: skip
    assert all(float(row["mp3_log_mel"]) > 0 and row["restored_lsd"] != row["mp3_lsd"] for row in rows)


def test_a_model_folder_restores_a_clip(data):
    ((passage, rate),) = heard(data, 1)[0]
    restored = restore_with(load_model("ember").onnx_path.parent)(passage, rate)
    assert restored.shape == passage.samples.shape


def test_the_curve_shows_what_the_log_says(tmp_path):
    pictures = []
    for falling in (True, False):
        log = tmp_path / "log.csv"
        rows = [f"{k},{30 * k},1,0.001,{100 - k if falling else 50}" for k in range(1, 60)]
        log.write_text("\n".join(["step,seconds,processes,rate,loss", *rows]), encoding="utf-8")
        file = io.BytesIO()
        plot_curves(log, file)
        pictures.append(picture(file))
    assert pictures[0].shape == pictures[1].shape
    assert not np.array_equal(*pictures)


def test_a_run_without_a_log_is_refused(tmp_path):
    with pytest.raises(NoInputError, match="nothing has been logged"):
        plot_curves(tmp_path / "log.csv", io.BytesIO())

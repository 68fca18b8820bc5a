import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from mp3restore.errors import NoInputError, UsageError  # noqa: E402
from mp3restore.generator.model import load_model  # noqa: E402
from mp3restore.generator.restorer import Restorer  # noqa: E402
from mp3restore.generator.uncertainty import unknown_row  # noqa: E402
from mp3restore.training.configs import read_config  # noqa: E402
from mp3restore.training.data.pairs import MAP_BANDS  # noqa: E402
from mp3restore.training.data.prepare import FULL_SCALE  # noqa: E402
from mp3restore.training.export.export import export  # noqa: E402
from mp3restore.training.export.lineage import training_so_far  # noqa: E402
from mp3restore.training.fit.loop import fit  # noqa: E402
from mp3restore.training.fit.trainer import FitConfig, Trainer  # noqa: E402
from mp3restore.training.networks.critic import CriticConfig  # noqa: E402
from mp3restore.training.networks.generator import GeneratorConfig  # noqa: E402
from mp3restore.training.paper.networks import PaperConfig  # noqa: E402

CONFIG = FitConfig(generator=GeneratorConfig(width=16), steps=6, batch=2, frames=40, warm_up=2)


@pytest.fixture
def data(tmp_path, rng):
    pairs = tmp_path / "set" / "pairs"
    pairs.mkdir(parents=True)
    for k in range(2):
        original = rng.standard_normal((2, 90000)) * 0.1
        degraded = original + rng.standard_normal((2, 90000)) * 0.01
        data = np.stack([original, degraded]) * FULL_SCALE
        np.save(pairs / f"{k}.npy", data.astype(np.int16))
        np.save(pairs / f"{k}.map.npy", np.tile(unknown_row(MAP_BANDS), (176, 1)).astype(np.float16))
        facts = {"split": "train", "sample_rate": 44100, "bandwidth_hz": 20000.0, "lead": 100}
        (pairs / f"{k}.json").write_text(json.dumps(facts), encoding="utf-8")
    return tmp_path / "set"


def test_a_run_goes_on_where_it_stopped_and_its_model_can_be_used(data, tmp_path):
    run = tmp_path / "run"
    assert fit(data, run, CONFIG, minutes=0) == 1
    assert fit(data, run, CONFIG) == 6
    before = torch.load(run / "checkpoint.pt", weights_only=True)["step"]
    assert before == 6
    assert fit(data, run, CONFIG) == 6

    exported = export(run / "checkpoint.pt", tmp_path / "model", name="tiny", version="1")
    assert exported.largest_error < 1e-3
    restorer = Restorer(load_model(tmp_path / "model"), threads=1)
    noise = np.random.default_rng(0).standard_normal((2, 20000)).astype(np.float32) * 0.1
    (block,) = restorer.stream([noise], sample_rate=44100)
    assert block.shape == noise.shape
    assert np.isfinite(block).all()


def test_a_run_can_begin_with_the_weights_of_another(data, tmp_path):
    other = replace(CONFIG, seed=1)
    fit(data, tmp_path / "one", CONFIG)
    fit(data, tmp_path / "two", other, minutes=0, start=tmp_path / "one" / "checkpoint.pt")
    one, two = (torch.load(tmp_path / n / "checkpoint.pt", weights_only=True) for n in ("one", "two"))
    fresh = Trainer(other, torch.device("cpu")).generator.state_dict()
    name = "mid_in.weight"
    assert two["step"] == 1
    moved = (two["generator"][name] - one["average"][name]).abs().mean()
    assert moved < 0.2 * (fresh[name] - one["average"][name]).abs().mean()
    (one_steps, one_hours), (steps, hours) = (training_so_far(tmp_path / n) for n in ("one", "two"))
    assert one_steps == 6
    assert steps >= 6
    assert hours >= one_hours


def test_a_run_can_begin_with_an_exported_model(data, tmp_path):
    fit(data, tmp_path / "one", CONFIG)
    export(tmp_path / "one" / "checkpoint.pt", tmp_path / "model", name="tiny", version="1")
    trainer = Trainer(CONFIG, torch.device("cpu"))
    trainer.begin_with(tmp_path / "model")
    average = torch.load(tmp_path / "one" / "checkpoint.pt", weights_only=True)["average"]
    for name, weights in trainer.generator.state_dict().items():
        torch.testing.assert_close(weights, average[name], atol=1e-6, rtol=1e-3)  # they travel in float16

    fit(data, tmp_path / "two", replace(CONFIG, seed=1), minutes=0, start=tmp_path / "model")
    steps, hours = training_so_far(tmp_path / "two")
    assert steps >= 6
    assert hours == pytest.approx(training_so_far(tmp_path / "one")[1], abs=0.01)


def test_what_is_not_there_is_no_beginning(data, tmp_path):
    with pytest.raises(UsageError, match="no such checkpoint"):
        fit(data, tmp_path / "run", CONFIG, start=tmp_path / "nothing.pt")
    with pytest.raises(UsageError, match="no such checkpoint"):
        export(tmp_path / "nothing.pt", tmp_path / "model", name="tiny", version="1")
    with pytest.raises(UsageError, match="random weights"):
        fit(data, tmp_path / "paper", PaperConfig(width=1 / 64), start=tmp_path / "nothing.pt")


def test_another_configuration_is_refused(data, tmp_path):
    fit(data, tmp_path / "run", CONFIG, minutes=0)
    with pytest.raises(UsageError, match="another configuration"):
        fit(data, tmp_path / "run", FitConfig(steps=7), minutes=0)


def test_a_folder_without_pairs_is_refused(tmp_path):
    with pytest.raises(NoInputError, match="no pairs"):
        fit(tmp_path, tmp_path / "run", CONFIG)


def test_with_a_critic_a_run_goes_on_too(data, tmp_path):
    config = replace(CONFIG, critic=CriticConfig(adversarial=0.1, features=1.0, width=4))
    fit(data, tmp_path / "run", config, minutes=0)
    before = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["critic"]
    assert fit(data, tmp_path / "run", config) == 6
    after = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["critic"]
    assert not torch.equal(before["stacks.512.head.weight"], after["stacks.512.head.weight"])
    header, *rows = (tmp_path / "run" / "log.csv").read_text(encoding="utf-8").splitlines()
    assert {"critic", "adversarial", "features"} <= set(header.split(","))
    assert rows


def test_without_chance_there_is_no_spread(data, tmp_path):
    fit(data, tmp_path / "run", replace(CONFIG, stochastic=False))
    header, *rows = (tmp_path / "run" / "log.csv").read_text(encoding="utf-8").splitlines()
    assert all(float(row.split(",")[header.split(",").index("spread")]) == 0 for row in rows)


def test_a_configuration_is_read_from_json(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"map_dropout": 1.0, "generator": {"late_dilations": [1]}}', encoding="utf-8")
    config = read_config(path, CONFIG)
    assert config == replace(CONFIG, map_dropout=1.0, generator=replace(CONFIG.generator, late_dilations=(1,)))
    path.write_text('{"generator": {"depth": 3}}', encoding="utf-8")
    with pytest.raises(UsageError, match="depth"):
        read_config(path, CONFIG)

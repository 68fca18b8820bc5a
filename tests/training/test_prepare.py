import subprocess
import sys

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
from mp3restore.training.data.prepare import prepare


def test_an_unreadable_recording_costs_only_itself_and_what_is_counted_is_there(tmp_path, rng, capfd):
    corpus, data = tmp_path / "music", tmp_path / "data"
    corpus.mkdir()
    for name in ("a", "b"):
        soundfile.write(corpus / f"{name}.wav", rng.normal(0, 0.1, (44100 * 4, 2)), 44100)
    soundfile.write(corpus / "quiet.wav", np.zeros((44100 * 4, 2)), 44100)  # of which there are no pairs
    (corpus / "broken.flac").write_bytes(b"fLaC" + bytes(1000))
    splits = ("train", "val", "test")
    made = prepare(corpus, data, splits=splits, seconds=4.0, excerpts=1, encodes=2, jobs=1)
    assert made == 4
    assert len(list((data / "pairs").glob("*.json"))) == 4
    assert len([path for path in (data / "pairs").glob("*.npy") if ".map" not in path.name]) == 4
    said = capfd.readouterr().out
    assert f"{corpus / 'broken.flac'}: left out, cannot be read: " in said
    assert prepare(corpus, data, splits=splits, seconds=4.0, excerpts=1, encodes=2, jobs=1) == 4


@pytest.mark.parametrize("command", ["fit", "pictures"])
def test_without_pytorch_a_command_says_what_it_needs(tmp_path, command):
    code = "import sys; sys.modules['torch'] = None; from mp3restore.training.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, command, str(tmp_path), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert done.stderr == "error: this command needs torch (pip install 'mp3restore[train,eval]')\n"

"""The package as a whole: its names, what it imports, how soon it answers, how much memory it needs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mp3restore

ROOT = Path(__file__).parents[2]


def python(code, *arguments, **variables):
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, check=False, env=os.environ | variables,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_exported_names_are_those_of_the_list():
    assert sorted(mp3restore.__all__) == dir(mp3restore) == list(mp3restore.__all__)
    for name in mp3restore.__all__:
        assert getattr(mp3restore, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mp3restore.nothing


def test_version_is_that_of_the_change_log():
    versions = re.findall(r"^## \[([\d.]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == mp3restore.__version__


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_is_quick_and_imports_little(option):
    code = f"""
import json, sys
sys.argv = ["mp3restore", {option!r}]
from mp3restore.cli.main import main
try:
    main()
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)))
"""
    modules = json.loads(python(code).splitlines()[-1])
    assert not {"onnxruntime", "scipy", "numpy", "soundfile", "torch"} & set(modules)


def test_inference_never_imports_torch_or_training(sample, tmp_path):
    code = """
import sys
for name in ("torch", "onnx", "matplotlib", "mp3restore.training"):
    sys.modules[name] = None  # makes every import of it fail
import mp3restore
mp3restore.restore_file(sys.argv[1], sys.argv[2])
"""
    python(code, sample, tmp_path / "a.flac")


def test_a_restoration_loads_no_scipy(sample, tmp_path):
    """SciPy takes as long to load as a short clip takes to restore."""
    code = (
        "import sys, mp3restore; mp3restore.restore_file(sys.argv[1], sys.argv[2]); print('scipy.fft' in sys.modules)"
    )
    assert python(code, sample, tmp_path / "a.flac").strip() == "False"


def test_nothing_is_fetched(sample, tmp_path):
    code = """
import socket, sys
def refuse(*args, **kwargs):
    raise AssertionError("a socket was opened")
socket.socket = refuse
import mp3restore
mp3restore.restore_file(sys.argv[1], sys.argv[2])
"""
    python(code, sample, tmp_path / "a.flac")


def test_onnx_runtime_does_not_phone_home(sample, tmp_path):
    """Its telemetry is native code, which the test above does not see; its session file gives it away."""
    temporary, cache = tmp_path / "tmp", tmp_path / "cache"
    temporary.mkdir()
    kept = {name: value for name, value in os.environ.items() if name not in ("ORT_DISABLE_TELEMETRY", "CI")}
    code = "import sys, mp3restore; mp3restore.restore_file(sys.argv[1], sys.argv[2])"
    subprocess.run(
        [sys.executable, "-c", code, str(sample), str(tmp_path / "a.flac")],
        check=True, env={**kept, "TMPDIR": str(temporary), "XDG_CACHE_HOME": str(cache), "HOME": str(cache)},
    )  # fmt: skip
    assert list(temporary.iterdir()) == []
    assert not cache.exists()


def peak_mib(source, target, model="ember"):
    code = """
import sys, mp3restore, mp3restore.diagnostics.bench
# Four threads are the most that are ever taken by default.
mp3restore.restore_file(sys.argv[1], sys.argv[2], model=sys.argv[3], threads=4)
print(mp3restore.diagnostics.bench.peak_mib())
"""
    # What glibc keeps for each thread, in arenas of its own, differs by 50 MiB from run to run.
    return float(python(code, source, target, model, MALLOC_ARENA_MAX="1"))


def test_the_memory_of_the_starting_process_does_not_count():
    ballast = np.ones(50_000_000)  # 400 MB
    assert float(python("from mp3restore.diagnostics.bench import peak_mib; print(peak_mib())")) < 200
    assert ballast.nbytes == 400_000_000


def test_memory_does_not_grow_with_the_file(encode, music, hiss, tmp_path):
    """The network sees a chunk at a time, so what grows with a file grows around a smaller one as well."""
    short, long = tmp_path / "short.mp3", tmp_path / "long.mp3"
    # Without a length tag, copies of a file in a row are one file.
    data = encode("lame", np.tile(music, 10), 44100, "-b", "32", "-t").read_bytes()
    short.write_bytes(data * 6)  # 2 minutes
    long.write_bytes(data * 60)
    few, many = (peak_mib(each, each.with_suffix(".flac"), hiss.folder) for each in (short, long))
    # 20 minutes of samples are 420 MB, and their map is 240.
    assert many < few + 80
    assert peak_mib(short, tmp_path / "ember.flac") < 450

"""A file is opened once and decoded once, and the process is left as it was."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from threadpoolctl import threadpool_info, threadpool_limits

from mp3restore import restore, restore_file
from mp3restore.audio.decode import open_audio
from mp3restore.inspection.examine import examine

RATE = 44100

# The hook stays for the life of a process, so every count needs a process of its own.
_COUNT = """
import os, sys
wanted, opened = os.path.abspath(sys.argv[1]), []
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        if os.path.abspath(os.fsdecode(arguments[0])) == wanted:
            opened.append(arguments)
sys.addaudithook(hook)
import mp3restore
if sys.argv[3] == "file":
    mp3restore.restore_file(wanted, sys.argv[2])
else:
    sys.argv[1:] = [wanted, "-o", sys.argv[2]]
    from mp3restore.cli.app import app
    app(standalone_mode=False)
print(len(opened))
"""


@pytest.mark.parametrize(("way", "most"), [("file", 3), ("batch", 4)])
@pytest.mark.parametrize("kind", ["mp3", "flac"])
def test_a_source_is_opened_few_times(second, tmp_path, kind, way, most):
    source = tmp_path / f"a.{kind}"
    if kind == "mp3":
        shutil.copy(second, source)
    else:
        samples, rate = soundfile.read(second)
        soundfile.write(source, samples, rate)
    target = tmp_path / ("out.flac" if way == "file" else "out/")
    counted = subprocess.run(
        [sys.executable, "-c", _COUNT, source, f"{target}{'/' if way == 'batch' else ''}", way],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert 1 <= int(counted.stdout) <= most


def test_what_was_peeked_at_comes_again(second):
    with open_audio(second) as source:
        first = source.peek(lambda _: True)
        assert len(first) == 1
        examine(source)
        whole = np.concatenate(list(source.blocks()), axis=1)
    with open_audio(second) as source:
        np.testing.assert_array_equal(np.concatenate(list(source.blocks()), axis=1), whole)
    np.testing.assert_array_equal(whole[:, : first[0].shape[1]], first[0])


def test_calls_that_overlap_leave_the_process_as_it_was(identity, second, tmp_path):
    def settings():
        return sys.getswitchinterval(), [pool["num_threads"] for pool in threadpool_info()], Path.cwd()

    restore_file(second, tmp_path / "first.flac", model=identity)  # loads every library
    before = settings()
    threads = [
        threading.Thread(target=restore_file, args=(second, tmp_path / f"{k}.flac"), kwargs={"model": identity})
        for k in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert settings() == before
    assert len(list(tmp_path.glob("?.flac"))) == 3


def test_threads_of_the_blas_change_no_sample(sample):
    def restored(threads):
        with threadpool_limits(threads, user_api="blas"):
            return restore(sample.read_bytes(), seed=5).samples

    np.testing.assert_array_equal(restored(2), restored(1))


def test_arrays_and_files_go_the_same_way(hiss, music, tmp_path):
    path = tmp_path / "music.wav"
    soundfile.write(path, music.T, RATE, subtype="FLOAT")
    target = tmp_path / "out.wav"
    restore_file(path, target, model=hiss, seed=5, strength=0.5, bit_depth="32f")
    in_memory = restore(music, RATE, model=hiss, seed=5, strength=0.5).samples
    np.testing.assert_array_equal(soundfile.read(target, dtype="float32")[0].T, in_memory)

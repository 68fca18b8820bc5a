"""A soak: hundreds of short MP3s of every kind through two processes, killed three times and carried on.

``python tests/whole/soak.py --files 500`` says what it found, and ends with 1 if anything is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import psutil
import soundfile
from mutagen.id3 import ID3, TIT2, TPE1

from mp3restore.audio.decode import open_audio
from mp3restore.batch.manifest import MANIFEST_NAME
from mp3restore.pipeline.rates import RatePath

KILLS = 3
# Rates of MPEG-1, 2 and 2.5, with bitrates that each of them has.
RATES = {44100: (32, 64, 128, 192), 48000: (48, 96), 32000: (40, 64), 22050: (16, 48), 16000: (24,), 11025: (16,)}
RATES |= {24000: (32,), 12000: (24,), 8000: (8, 16)}
NAMES = ("plain", "Ünï ćødé", "[b] {c} 100% 'd'", "音楽", "-dash", "dots...", "x" * 200, "sp  ace", "new\nline")
BROKEN = (b"", b"these are words\n" * 300, b"ID3\x04\0\0\0\0\x0f\x76" + bytes(2038))


def make_songs(folder: Path, count: int, rng: random.Random) -> dict[Path, int | None]:
    """Write the inputs; gives the length that each result must have, or None for a broken input."""
    expected: dict[Path, int | None] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for k in range(count):
            path = folder / f"{k % 7}" / f"{k:03} {NAMES[k % len(NAMES)]}.mp3"
            path.parent.mkdir(parents=True, exist_ok=True)
            if k % 10 == 9:
                path.write_bytes(BROKEN[k // 10 % len(BROKEN)])
                expected[path] = None
                continue
            _encode(path, Path(scratch) / "a.wav", k, rng)
            with open_audio(path) as source:
                frames = sum(block.shape[1] for block in source.blocks())
                rates = RatePath(source.sample_rate)
            expected[path] = -(-frames * rates.target // rates.source)
    return expected


def _encode(path: Path, wav: Path, k: int, rng: random.Random) -> None:
    rate = rng.choice(list(RATES))
    time_s = np.arange(int(rate * rng.uniform(0.3, 0.6))) / rate
    tone = np.sin(2 * np.pi * rng.uniform(100, 1000) * time_s) * 0.3
    noise = np.random.default_rng(k).normal(0, 0.02, (len(tone), rng.choice([1, 2])))
    soundfile.write(wav, tone[:, None] + noise, rate)
    bitrate = str(rng.choice(RATES[rate]))
    if k % 3:
        mode = rng.choice([["-b", bitrate], ["-b", bitrate, "-m", "s"], ["-V", "6"], ["-b", bitrate, "-t"]])
        command = [
            "lame",
            "--quiet",
            *(mode if noise.shape[1] == 2 else ["-b", bitrate]),
            "--resample",
            str(rate / 1000),
        ]
        command += [str(wav), str(path.absolute())]
    else:
        command = [
            "ffmpeg",
            "-v",
            "error",
            "-y",
            "-i",
            str(wav),
            "-c:a",
            "libmp3lame",
            "-b:a",
            f"{bitrate}k",
            str(path),
        ]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    if k % 2:
        tags = ID3()
        tags.add(TIT2(encoding=3, text=[f"Títle {k}"]))
        tags.add(TPE1(encoding=3, text=["One", "Two"]))
        tags.save(path)


def run(source: Path, out: Path, kill_after: int | None) -> tuple[int, list[dict[str, Any]], list[float]]:
    """Run the command, or kill it with all its processes after some results; gives code, events and memory in MB."""
    log = out.parent / "events.jsonl"
    command = [sys.executable, "-m", "mp3restore", str(source), "-o", str(out), "-j", "2", "--json", "-qq"]
    command += ["--max-bitrate", "320"]  # whatever a variable bitrate comes to, it is restored
    memory: list[float] = []
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, start_new_session=True)
        while process.poll() is None:
            if kill_after is not None and log.read_bytes().count(b'"event": "done"') >= kill_after:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                break
            memory.append(_megabytes(process.pid))
            time.sleep(0.2)
    lines = log.read_text().splitlines()
    return process.returncode, [json.loads(line) for line in lines if line.endswith("}")], memory


def _megabytes(pid: int) -> float:
    try:
        parent = psutil.Process(pid)
        return sum(each.memory_info().rss for each in (parent, *parent.children())) / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def problems(
    expected: dict[Path, int | None], source: Path, out: Path, code: int, events: list[dict[str, Any]]
) -> list[str]:
    """Compare what is there with what should be."""
    found = []
    good = {path: frames for path, frames in expected.items() if frames is not None}
    for path, frames in good.items():
        target = (out / path.relative_to(source)).with_suffix(".flac")
        if not target.exists():
            found.append(f"missing: {target}")
        elif soundfile.info(target).frames != frames:
            found.append(f"{soundfile.info(target).frames} frames instead of {frames}: {target}")
        elif mutagen.File(target).tags.get("title") != (mutagen.File(path, easy=True).tags or {}).get("title"):
            found.append(f"another title: {target}")
    files = {path for path in out.rglob("*") if path.is_file()}
    if len(files) != len(good) + 1 or out / MANIFEST_NAME not in files:
        found.append(f"{len(files)} files instead of {len(good) + 1}")
    summary = events[-1]
    named = {each["source"] for each in summary["failures"]}
    if named != {str(path) for path, frames in expected.items() if frames is None}:
        found.append(f"{len(named)} failures in the summary")
    if code != 1:
        found.append(f"exit code {code}")
    return found


def main() -> int:
    """Run the soak."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        source, out = Path(name) / "in", Path(name) / "out"
        expected = make_songs(source, arguments.files, rng)
        print(
            f"{len(expected)} files, {sum(frames is None for frames in expected.values())} of them broken", flush=True
        )
        for _ in range(KILLS):
            code, events, _ = run(source, out, round(rng.uniform(0.1, 0.25) * arguments.files))
            done = sum(event["event"] == "done" for event in events)
            print(f"killed ({code}) after {done} more results", flush=True)
        parts = sum(1 for _ in out.rglob(".mp3restore-*"))
        print(f"{parts} temporary files were left behind")
        started = time.monotonic()
        code, events, memory = run(source, out, None)
        third = len(memory) // 3
        print(f"carried on to the end in {time.monotonic() - started:.0f} s: {events[-1]}"[:200])
        first, last = (max(part, default=0.0) for part in (memory[third:-third], memory[-third:]))
        print(f"memory of all processes: {first:.0f} MB in the second third, {last:.0f} MB in the last")
        found = problems(expected, source, out, code, events)
    print("\n".join(found) or "all as it should be")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

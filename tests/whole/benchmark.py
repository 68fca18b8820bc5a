"""Measures the processor time of runs beside that of the codec alone, and compares it with what was kept.

    python tests/whole/benchmark.py [--quick] [--keep]

Decoding an MP3, transforming it, inverting that and encoding a FLAC is the least that any restoration by the spectrum
costs. What a run takes is told as a multiple of this, measured in the same minutes, because machines differ and are
noisy. The multiples of each version are kept in ``tests/data/benchmark.json``; one that has grown by a tenth is pointed
out, and fails nothing. ``--quick`` leaves out the three hours and most of the short files, ``--keep`` writes the file.
It needs lame.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import soundfile

from mp3restore import __version__
from mp3restore.diagnostics.bench import SYNTHETIC_RATE, codec_floor, synthetic_music

KEPT = Path(__file__).parents[1] / "data" / "benchmark.json"
GROWN = 1.1
REPEATS = 3
BYTECODE = tempfile.TemporaryDirectory(prefix="bytecode-")  # removed at the end


def write_music(path: Path, seconds: int, *options: str) -> Path:
    """Write an MP3 of synthetic music; options are those of lame."""
    with soundfile.SoundFile(path.with_suffix(".wav"), "w", SYNTHETIC_RATE, 2, "PCM_16") as file:
        for second in synthetic_music(seconds):
            file.write(second)
    subprocess.run(["lame", "--quiet", *options, path.with_suffix(".wav"), path], check=True)
    path.with_suffix(".wav").unlink()
    return path


def run(*arguments: object) -> tuple[float, float]:
    """Run the command line; return the processor time of the program and its children, and the time on the clock."""
    started, before = perf_counter(), os.times()
    command = [sys.executable, "-m", "mp3restore", *map(str, arguments)]
    # Installed packages have their bytecode.
    bytecode = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": BYTECODE.name}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | bytecode)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return spent, perf_counter() - started


def file_row(name: str, path: Path, folder: Path, *, repeats: int = REPEATS) -> dict[str, float]:
    """Restore one file, in turn with the codec alone, and return the least that each took."""
    output = folder / "out.flac"
    runs = [(*run(path, "-o", output, "-f", "--bit-depth", 24), codec_floor(path, folder)) for _ in range(repeats)]
    processor, clock, floor = (min(each) for each in zip(*runs, strict=True))
    row = {"processor_s": processor, "clock_s": clock, "floor_s": floor, "ratio": processor / floor}
    return told(name, row)


def folder_row(name: str, path: Path, folder: Path, count: int) -> dict[str, float]:
    """Restore copies of a file as a folder; return how much of the cores the run kept busy."""
    many = folder / "many"
    many.mkdir()
    for number in range(count):
        (many / f"{number:03d}.mp3").write_bytes(path.read_bytes())
    processor, clock = run(many, "-o", folder / "out", "--bit-depth", 24)
    floor = count * codec_floor(path, folder)
    cores = len(os.sched_getaffinity(0))
    row = {"processor_s": processor, "clock_s": clock, "floor_s": floor, "ratio": processor / floor}
    row["busy"] = processor / clock / cores
    return told(name, row)


def told(name: str, row: dict[str, float]) -> dict[str, float]:
    """Print and round a row."""
    print(f"{name:<24}" + "".join(f"{value:>10.2f}" for value in row.values()), flush=True)
    return {key: round(value, 2) for key, value in row.items()}


def measure(*, quick: bool) -> dict[str, dict[str, float]]:
    """Measure all inputs."""
    print(f"{'':<24}{'processor':>10}{'clock':>10}{'codec':>10}{'ratio':>10}{'busy':>10}")
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        long = write_music(folder / "long.mp3", 240, "-b", "64", "--resample", "44.1")
        short = write_music(folder / "short.mp3", 12, "-b", "64", "--resample", "44.1")
        mono = write_music(folder / "mono.mp3", 240, "-b", "32", "-m", "m", "--resample", "22.05")
        rows["4 minutes, stereo"] = file_row("4 minutes, stereo", long, folder)
        rows["12 seconds, stereo"] = file_row("12 seconds, stereo", short, folder)
        rows["4 minutes, 22 kHz mono"] = file_row("4 minutes, 22 kHz mono", mono, folder)
        count = 20 if quick else 200
        rows[f"{count} files of 12 s"] = folder_row(f"{count} files of 12 s", short, folder, count)
        if not quick:
            hours = folder / "hours.mp3"
            hours.write_bytes(long.read_bytes() * 45)
            rows["3 hours, stereo"] = file_row("3 hours, stereo", hours, folder, repeats=1)
    return rows


def main() -> int:
    """Measure and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    rows = measure(quick=options.quick)
    last = kept[max(kept, key=lambda version: [int(part) for part in version.split(".")])] if kept else {}
    for name, row in rows.items():
        before = last.get(name, {}).get("ratio")
        if before is not None and row["ratio"] > GROWN * before:
            print(f"SLOWER: {name} takes {row['ratio']:.2f} times the codec alone; it was {before:.2f}")
    if options.keep:
        kept[__version__] = rows
        KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

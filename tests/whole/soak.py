"""A soak: hundreds of short files of every kind through two processes, killed three times and carried on.

``python tests/whole/soak.py --files 500`` says what it found, and ends with 1 if anything is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import struct
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
from mutagen.apev2 import APEv2
from mutagen.id3 import ID3, PRIV, TIT2, TPE1

from mp3restore.audio.decode import open_audio
from mp3restore.batch.manifest import MANIFEST_NAME, read_manifest
from mp3restore.pipeline.rates import RatePath

KILLS = 3
# Rates of MPEG-1, 2 and 2.5, with bitrates that each of them has, and at which there is something to restore.
RATES = {44100: (32, 48, 64, 80), 48000: (48, 64), 32000: (40, 64), 22050: (16, 48), 16000: (24,), 11025: (16,)}
RATES |= {24000: (32,), 12000: (24,), 8000: (8, 16)}
NAMES = (
    "plain",
    "Ünï ćødé",
    "[b] {c} 100% 'd'",
    "音楽",
    "-dash",
    "dots...",
    "x" * 200,
    "sp  ace",
    "new\nline",
    "\udcff",
)
BROKEN = (b"", b"these are words\n" * 300, b"ID3\x04\0\0\0\0\x0f\x76" + bytes(2038))
# Formats that ffmpeg makes, besides the MP3s of two encoders.
OTHERS = {"m4a": "aac", "ogg": "libvorbis", "opus": "libopus", "wma": "wmav2", "mp2": "mp2"}
LEFT = "left"
"""What must become of a file with nothing to restore: a copy."""


def make_songs(folder: Path, count: int, rng: random.Random) -> dict[Path, str | None]:
    """Write the inputs; gives what must become of each: its title, `LEFT`, or None for a broken one."""
    expected: dict[Path, str | None] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for k in range(count):
            stem = folder / f"{k % 7}" / f"{k:03} {NAMES[k % len(NAMES)]}"
            stem.parent.mkdir(parents=True, exist_ok=True)
            if k % 10 == 9:
                path = stem.with_name(f"{stem.name}.mp3")
                path.write_bytes(BROKEN[k // 10 % len(BROKEN)])
                expected[path] = None
            elif k % 10 == 4:
                path = stem.with_name(f"{stem.name}.wav")  # too short to show a loss
                soundfile.write(path, [0.1, -0.1] * 500, 44100)
                expected[path] = LEFT
            else:
                path = _encode(stem, Path(scratch), k, rng)
                expected[path] = _tag(path, k)
    _link(folder, folder.parent / "elsewhere", expected)
    return expected


def _encode(stem: Path, scratch: Path, k: int, rng: random.Random) -> Path:
    """Encode some music as one of many kinds; gives the file."""
    kind = list(OTHERS)[k // 10 % len(OTHERS)] if k % 10 == 7 else "mp3"
    rate = rng.choice(list(RATES)) if kind == "mp3" else 44100
    time_s = np.arange(int(rate * rng.uniform(0.5, 0.8))) / rate
    tone = np.sin(2 * np.pi * rng.uniform(100, 1000) * time_s) * 0.3
    noise = np.random.default_rng(k).normal(0, 0.02, (len(tone), rng.choice([1, 2])))
    wav = scratch / "a.wav"
    soundfile.write(wav, tone[:, None] + noise, rate)
    path, made = stem.with_name(f"{stem.name}.{kind}"), scratch / f"made.{kind}"
    bitrate = str(rng.choice(RATES[rate]))
    if kind == "mp3" and k % 3:
        mode = rng.choice([["-b", bitrate], ["-b", bitrate, "-m", "s"], ["-V", "9"], ["-b", bitrate, "-t"]])
        mode = mode if noise.shape[1] == 2 else ["-b", bitrate]
        command = ["lame", "--quiet", *mode, "--resample", str(rate / 1000), str(wav), str(made)]
    else:
        codec = OTHERS.get(kind, "libmp3lame")
        quality = ["-b:a", f"{bitrate if kind == 'mp3' else 48}k"]
        command = ["ffmpeg", "-v", "error", "-y", "-i", str(wav), "-c:a", codec, *quality, str(made)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    made.replace(path)
    return path


def _tag(path: Path, k: int) -> str:
    """Give a file a title in one of the forms that its format can have; gives the title."""
    title = f"Títle {k}"
    if path.suffix not in (".mp3", ".mp2"):
        file = mutagen.File(path, easy=path.suffix == ".m4a")
        file["Title" if path.suffix == ".wma" else "title"] = title
        file.save()
        return title
    form = k % 4
    if form == 0:
        tags = APEv2()
        tags["Title"] = title
        tags.save(path)
    elif form == 1:
        with path.open("ab") as file:
            file.write(struct.pack("<3s30s30s30s4s30sB", b"TAG", title.encode("latin-1"), b"A", b"", b"", b"", 17))
    else:
        tags = ID3()
        tags.add(TIT2(encoding=3, text=[title]))
        tags.add(TPE1(encoding=3, text=["One", "Two"]))
        tags.add(PRIV(owner="x", data=b"1"))
        tags.save(path, v2_version=form + 1)
    return title


def _link(folder: Path, elsewhere: Path, expected: dict[Path, str | None]) -> None:
    """Add links: to a folder outside, to one inside, in a circle, and to a file."""
    song = next(path for path, title in expected.items() if title not in (None, LEFT))
    elsewhere.mkdir()
    shutil.copy(song, elsewhere / f"linked{song.suffix}")
    (folder / "outside").symlink_to(elsewhere)
    expected[folder / "outside" / f"linked{song.suffix}"] = expected[song]
    (folder / "again").symlink_to(folder / "0")
    (folder / "0" / "circle").symlink_to(folder)
    (folder / f"zz{song.suffix}").symlink_to(song)


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
    expected: dict[Path, str | None], source: Path, out: Path, code: int, events: list[dict[str, Any]]
) -> list[str]:
    """Compare what is there with what should be."""
    found = []
    good = {path: title for path, title in expected.items() if title is not None}
    for path, title in good.items():
        copy = out / path.relative_to(source)
        # How much a short file of another format has lost depends on the size of its headers.
        left = title == LEFT or (path.suffix != ".mp3" and copy.exists())
        target = copy if left else copy.with_name(f"{path.stem}.flac")
        if not target.exists():
            found.append(f"missing: {target}")
        elif left and target.read_bytes() != path.read_bytes():
            found.append(f"another copy: {target}")
        elif not left and (why := _wrong(path, target, title)):
            found.append(f"{why}: {target}")
    files = {path for path in out.rglob("*") if path.is_file()}
    if len(files) != len(good) + 1 or out / MANIFEST_NAME not in files:
        found.append(f"{len(files)} files instead of {len(good) + 1}")
    if len(read_manifest(out)) != len(good):
        found.append(f"{len(read_manifest(out))} results in the list instead of {len(good)}")
    summary = events[-1]
    named = {each["source"] for each in summary["failures"]}
    if named != {str(path) for path, title in expected.items() if title is None}:
        found.append(f"{len(named)} failures in the summary")
    if code != 1:
        found.append(f"exit code {code}")
    return found


def _wrong(path: Path, target: Path, title: str) -> str:
    """Say what is wrong with a result; empty if nothing is."""
    with open_audio(path) as source:
        rates = RatePath(source.sample_rate)
        length = -(-sum(block.shape[1] for block in source.blocks()) * rates.target // rates.source)
    frames = soundfile.info(target).frames
    if frames != length:
        return f"{frames} frames instead of {length}"
    kept = (mutagen.File(target).tags or {}).get("title")
    return "" if kept == [title] else f"title {kept} instead of {title}"


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
        print(f"{len(expected)} files, {sum(title is None for title in expected.values())} of them broken", flush=True)
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

"""Decodes thousands of damaged, joined and mislabelled MPEG files as mpg123 and ffmpeg do, and compares the lengths.

    nice python tests/whole/compare_players.py --files 20000 [--seed 1] [--keep FOLDER]

Not part of the test suite: it takes an hour. It needs lame, ffmpeg (with libmp3lame, libshine, libtwolame and mp2, as
far as they are there) and mpg123. For every file it asks that

- the decoded length is not shorter than the longer one of both players by more than what is told, and two frames;
- nothing is refused that one of them plays for a second;
- there is no exception but ours, and no hang;
- where bytes were only changed, there is no noise longer than 0.1 s, or than one damaged granule.

Files that miss this are kept, and told at the end, with the numbers of all.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from mp3restore.audio.decode import open_audio
from mp3restore.audio.mpeg import MpegSource
from mp3restore.errors import Mp3RestoreError

SECONDS = 2.2
TWO_FRAMES_S = 2 * 1152 / 8000
PLAYER_RATE = 44100
TOLD_EVERY = 1000
BLOCK = 576
NOISE_S = 0.1


def music(seed: int) -> np.ndarray:
    """Return (n, 2) of tones, attacks and noise at 44.1 kHz."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(44100 * SECONDS)) / 44100
    beat = np.exp(-5 * (t % rng.uniform(0.2, 0.5)))
    pitch = rng.uniform(100, 500)
    tone = sum(np.sin(2 * np.pi * pitch * k * t) / k for k in range(1, 12)) * 0.1
    noise = rng.normal(0, 0.03, (t.size, 2)) * beat[:, None]
    return (np.stack([tone * beat, tone * 0.7], axis=1) + noise).astype(np.float32)


def encodes(folder: Path) -> dict[str, bytes]:
    """Make the files that all others are made of, by every encoder that is here."""
    found: dict[str, bytes] = {}
    for number in range(2):
        soundfile.write(folder / f"{number}.wav", music(number), 44100)
    lame = [
        [*rate, *mode, *tag]
        for rate, mode, tag in itertools.product(
            (
                ["-b", "32", "--resample", "44.1"],
                ["-b", "128"],
                ["-b", "48", "--resample", "22.05"],
                ["-b", "24", "--resample", "8"],
                ["-b", "320", "--resample", "48"],
                ["-V", "2"],
                ["-V", "7", "--resample", "24"],
                ["--abr", "80", "--resample", "32"],
                ["--freeformat", "-b", "100"],
                ["-b", "64", "--resample", "12"],
            ),
            ([], ["-m", "m"], ["-m", "d"]),
            ([], ["-t"], ["-p"]),
        )
    ]
    for number, options in enumerate(lame):
        out = folder / "out.mp3"
        subprocess.run(["lame", "--quiet", *options, folder / f"{number % 2}.wav", out], check=False)
        found["lame " + " ".join(options)] = out.read_bytes()
    encoders = [("libmp3lame", "mp3"), ("libshine", "mp3"), ("mp2", "mp2"), ("libtwolame", "mp2")]
    for (codec, suffix), rate, channels in itertools.product(encoders, (24000, 44100, 48000), (1, 2)):
        out = folder / f"out.{suffix}"
        command = ["ffmpeg", "-v", "error", "-y", "-i", folder / "0.wav", "-c:a", codec, "-b:a", "96k"]
        made = subprocess.run([*command, "-ar", str(rate), "-ac", str(channels), out], check=False, capture_output=True)
        if made.returncode == 0:
            found[f"{codec} {rate} {channels}"] = out.read_bytes()
    return found


@dataclass
class Case:
    """A file, how it was made, and what it was made of if only bytes were changed."""

    data: bytes
    story: list[str] = field(default_factory=list)
    clean: bytes | None = None


def garbage(rng: random.Random) -> tuple[str, bytes]:
    """Return something that is put between frames, and its name."""
    size = rng.choice((1, 3, 50, 400, 1000, 4000))
    kind = rng.choice(("random", "zeros", "text", "sync", "icy", "id3v2", "id3v1", "lyrics", "ape"))
    made = {
        "random": rng.randbytes(size),
        "zeros": bytes(size),
        "text": (b"<html>404 not found</html>" * 200)[:size],
        "sync": (b"\xff\xfb\x90\x64" * 1000)[:size],
        "icy": bytes([4]) + b"StreamTitle='a song of tests';".ljust(64, b"\0"),
        "id3v2": b"ID3\x04\0\0\0\0\x07\x68" + rng.randbytes(1000),
        "id3v1": b"TAG" + b"a title".ljust(125, b"\0"),
        "lyrics": b"LYRICSBEGIN" + b"[00:01]la la" * 20 + b"000251LYRICS200",
        "ape": b"APETAGEX" + (2000).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(48),
    }
    return kind, made[kind]


def broadcast(case: Case, rng: random.Random) -> None:
    """Put ICY metadata into a file, as a radio server sends it, and begin and end anywhere."""
    interval, sent = rng.choice((1024, 4096, 8192, 16000, 5000)), bytearray()
    for start in range(0, len(case.data), interval):
        sent += case.data[start : start + interval]
        if start + interval < len(case.data):
            text = b"StreamTitle='song %d';StreamUrl='';" % start if start == 0 or rng.random() < 0.1 else b""
            units = -(-len(text) // 16)
            sent += bytes([units]) + text.ljust(16 * units, b"\0")
    case.story.append(f"broadcast every {interval}")
    case.data = bytes(sent)


def damage(case: Case, rng: random.Random) -> None:
    """Do one thing to a file."""
    data = bytearray(case.data)
    place = rng.randrange(len(data))
    action = rng.choice(("flip", "flip", "byte", "zero", "random", "delete", "insert", "cut", "head", "tag"))
    if action == "flip":
        data[place] ^= 1 << rng.randrange(8)
    elif action == "byte":
        for _ in range(rng.choice((1, 5, 30))):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif action in ("zero", "random"):
        size = min(rng.choice((4, 100, 1000, 4000)), len(data) - place)
        data[place : place + size] = bytes(size) if action == "zero" else rng.randbytes(size)
    elif action == "tag":
        at = data.find(b"Info") if b"Info" in data else data.find(b"Xing")
        if at >= 0:
            data[at + 8 : at + 12] = rng.choice((0, 3, 40, 100, 10**6)).to_bytes(4, "big")
    else:
        case.clean = None
        if action == "delete":
            del data[place : place + rng.choice((1, 100, 1000))]
        elif action == "insert":
            name, piece = garbage(rng)
            action = f"insert {name}"
            data[place:place] = piece
        elif action == "cut":
            del data[len(data) * 3 // 4 + place // 4 :]
        else:
            del data[: place // 4]
    case.story.append(f"{action} at {place}")
    case.data = bytes(data)


def make(found: dict[str, bytes], rng: random.Random) -> Case:
    """Make one file: one encode or several joined, and damage."""
    names = rng.choices(sorted(found), k=rng.choice((1, 1, 1, 2, 2, 3)))
    case = Case(found[names[0]], [names[0]], found[names[0]] if len(names) == 1 else None)
    for name in names[1:]:
        kind, between = garbage(rng) if rng.random() < 0.3 else ("", b"")
        case.story += [kind, name] if kind else [name]
        case.data += between + found[name]
    if rng.random() < 0.1:
        broadcast(case, rng)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 4))):
        damage(case, rng)
    return case


def player_seconds(command: list[str], channels: int = 2) -> float:
    """Return how long a player plays a file."""
    try:
        raw = subprocess.run(command, capture_output=True, timeout=60, stdin=subprocess.DEVNULL, check=False).stdout
    except subprocess.TimeoutExpired:
        return 0.0
    return len(raw) / 2 / channels / PLAYER_RATE


def decode(path: Path) -> tuple[np.ndarray, int, tuple[object, ...], float]:
    """Decode a file as we do: samples, rate, damage, and seconds of encoder delay and padding that are cut off."""
    with open_audio(path) as source:
        samples = np.concatenate(list(source.blocks()), axis=1)
        trimmed = 0.0
        if isinstance(source, MpegSource):
            decoded = sum(run.position.size * run.frame_samples / run.sample_rate for run in source.runs)
            trimmed = decoded - samples.shape[1] / source.sample_rate
        return samples, source.sample_rate, source.damage, trimmed


def noise_seconds(samples: np.ndarray, clean: np.ndarray, rate: int) -> float:
    """Return how long the longest noise is: something else, louder than the music that should be there.

    Where frames of unknown length were lost, the music behind moves a little, which is told as such: what sounds as it
    should, counted from the beginning or from the end, is no noise.
    """
    count = min(samples.shape[1], clean.shape[1])
    noisy = _differs(samples[:, :count], clean[:, :count])
    if samples.shape[1] != clean.shape[1]:
        end = _differs(samples[:, -count:], clean[:, -count:])
        # Blocks counted from the end of a longer file lie elsewhere in it.
        noisy &= np.roll(end, round((samples.shape[1] - count) / BLOCK))[: noisy.size]
    longest = run = 0
    for each in noisy:
        run = run + 1 if each else 0
        longest = max(longest, run)
    return longest * BLOCK / rate


def _differs(samples: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Return for every block whether it is louder than the clean one, and something else."""
    count = samples.shape[1] // BLOCK
    one, two = (each[:, : count * BLOCK].reshape(each.shape[0], count, BLOCK) for each in (samples, clean))
    error, level = (np.square(x).mean(axis=(0, 2)) for x in (one - two, two))
    loud: np.ndarray = np.square(one).mean(axis=(0, 2)) > 2 * level
    return (error > 2 * level + 1e-7) & loud


def judge(case: Case, path: Path, cleans: dict[bytes, np.ndarray]) -> tuple[list[str], dict[str, float]]:
    """Return what is wrong with our decoding of a file, and numbers."""
    mpg123 = player_seconds(["mpg123", "-q", "-s", "-r", str(PLAYER_RATE), "--stereo", str(path)])
    ffmpeg = player_seconds(
        ["ffmpeg", "-v", "quiet", "-i", str(path), "-f", "s16le", "-ac", "2", "-ar", str(PLAYER_RATE), "-"]
    )
    longest = max(mpg123, ffmpeg)
    numbers = {"mpg123": mpg123, "ffmpeg": ffmpeg}
    started = time.perf_counter()
    try:
        samples, rate, told, trimmed = decode(path)
    except Mp3RestoreError as error:
        return ([f"refused, played for {longest:.2f} s: {error}"] if longest >= 1 else []), numbers
    except Exception as error:
        return [f"{type(error).__name__}: {error}"], numbers
    numbers |= {"took": time.perf_counter() - started, "ours": samples.shape[1] / rate}
    wrong = []
    # Players do not trim joined parts, which costs 0.4 s at 8 kHz.
    short = longest - samples.shape[1] / rate - trimmed
    if short > TWO_FRAMES_S and not told:
        wrong.append(f"{short:.2f} s shorter without a word")
    elif short > TWO_FRAMES_S + 0.1 * len(told):
        wrong.append(f"{short:.2f} s shorter than told")
    if case.clean is not None:
        if case.clean not in cleans:
            clean_path = path.with_suffix(".clean")
            clean_path.write_bytes(case.clean)
            cleans[case.clean] = decode(clean_path)[0]
        clean = cleans[case.clean]
        if clean.shape[0] == samples.shape[0]:
            numbers["noise"] = noise_seconds(samples, clean, rate)
            # One damaged granule and what it leaves in the next one reach into three blocks.
            if numbers["noise"] > max(NOISE_S, 3 * BLOCK / rate):
                wrong.append(f"{numbers['noise']:.2f} s of noise")
            numbers["moved"] = abs(clean.shape[1] - samples.shape[1]) / rate
    return wrong, numbers


def main() -> int:
    """Run, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("compare-failures"))
    options = parser.parse_args()
    rng = random.Random(options.seed)
    totals: dict[str, list[float]] = collections.defaultdict(list)
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = encodes(folder)
        cleans: dict[bytes, np.ndarray] = {}
        for number in range(options.files):
            case = make(found, rng)
            path = folder / "case.mp3"
            path.write_bytes(case.data)
            wrong, numbers = judge(case, path, cleans)
            for key, value in numbers.items():
                totals[key].append(value)
            if wrong:
                options.keep.mkdir(exist_ok=True)
                kept = options.keep / f"{options.seed}-{number}.mp3"
                kept.write_bytes(case.data)
                failures.append(f"{kept}: {'; '.join(wrong)} ({' | '.join(case.story)})")
                print(failures[-1], flush=True)
            if (number + 1) % TOLD_EVERY == 0:
                print(summary(totals, number + 1, len(failures), len(found)), flush=True)
    print(summary(totals, options.files, len(failures), len(found)))
    return 1 if failures else 0


def summary(totals: dict[str, list[float]], made: int, failed: int, encodes: int) -> str:
    """Return the numbers so far as JSON."""
    numbers = {key: {"sum": sum(v), "max": max(v), "over 0.1": sum(x > 0.1 for x in v)} for key, v in totals.items()}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return json.dumps({"made": made, "failed": failed, "encodes": encodes, "peak MiB": memory, **numbers})


if __name__ == "__main__":
    sys.exit(main())

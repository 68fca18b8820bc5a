"""Asks how often files that were decoded from an MP3 are known as such, and how often others are taken for one.

    nice python tests/whole/find_codings.py CORPUS [--excerpts 120] [--seed 1] [--json FILE]

Not part of the test suite: it takes half an hour. It needs lame and ffmpeg (with libmp3lame, libshine, aac, libopus and
libvorbis), and a corpus with a manifest. It takes excerpts of 20 seconds from recordings of the test split that were
never coded as MP3. As they are, and decoded from AAC, Opus and Vorbis, they should be called nothing. Decoded from MP3s
of all encoders and bitrates, they should be found, with the right place of the granules.
"""

from __future__ import annotations

import argparse
import collections
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from mp3restore.audio.decode import open_audio
from mp3restore.audio.mpeg import MpegSource
from mp3restore.inspection.bitstream import open_bitstream
from mp3restore.inspection.decoded import search_coding
from mp3restore.training.data.prepare import find_recordings

SECONDS = 20
GRANULE = 576
ENCODES = 6  # of every excerpt
KBPS = (32, 48, 64, 96, 128, 160, 192, 256, 320)
OTHERS = (
    ("aac", "m4a", ["-c:a", "aac", "-b:a", "128k"]),
    ("opus", "opus", ["-c:a", "libopus", "-b:a", "96k"]),
    ("vorbis", "ogg", ["-c:a", "libvorbis", "-q:a", "4"]),
)
TREATMENTS = ("floats", "16 bits", "dither", "-6.3 dB", "cut", "fades")


def ffmpeg(*arguments: object) -> None:
    """Run ffmpeg."""
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


def decoded(path: Path) -> tuple[np.ndarray, int, int]:
    """Return the samples of a file, its rate, and where a granule begins, if it is an MP3."""
    with open_audio(path) as source:
        samples, rate = np.concatenate(list(source.blocks()), axis=1), source.sample_rate
    place = 0
    if path.suffix == ".mp3":
        with open_audio(path) as source:
            assert isinstance(source, MpegSource)
            found = open_bitstream(source)
            assert found is not None
            place = found.offset
    return samples, rate, place


def mp3(wav: Path, out: Path, rng: np.random.Generator) -> tuple[str, int]:
    """Encode a file by one of all encoders; return its name and a bitrate for the table."""
    rate = str(soundfile.info(wav).samplerate)
    kbps = int(rng.choice(KBPS))
    encoder = str(rng.choice(["lame", "lame", "lame -V", "libmp3lame", "libshine"]))
    if encoder == "lame":
        mode = str(rng.choice(["j", "s", "m"]))
        options = ["-b", str(kbps), "-m", mode, "--resample", str(float(rate) / 1000)]
        subprocess.run(["lame", "--quiet", *options, wav, out], check=True)
        encoder += f" {mode}"
    elif encoder == "lame -V":
        subprocess.run(
            ["lame", "--quiet", "-V", str(rng.integers(0, 8)), "--resample", str(float(rate) / 1000), wav, out],
            check=True,
        )
        kbps = min(KBPS, key=lambda each: abs(each - out.stat().st_size * 8 / 1000 / SECONDS))
    else:
        ffmpeg("-i", wav, "-c:a", encoder, "-b:a", f"{kbps}k", "-ar", rate, out)
    return encoder, kbps


def treated(samples: np.ndarray, treatment: str, rng: np.random.Generator) -> tuple[np.ndarray, int, str]:
    """Do to samples what people do; return them, how many are cut off at the beginning, and the subtype of the file."""
    cut, subtype = 0, "PCM_16"
    if treatment == "floats":
        subtype = "FLOAT"
    elif treatment == "dither":
        samples = samples + (rng.random(samples.shape) - rng.random(samples.shape)) / 32768
    elif treatment == "-6.3 dB":
        samples = samples * 10 ** (-6.3 / 20)
    elif treatment == "cut":
        cut = int(rng.integers(1, 4 * 44100))
        samples = samples[:, cut:-5000]
    elif treatment == "fades":
        ramp = np.minimum(1, np.arange(samples.shape[1]) / 88200)
        samples = samples * ramp * ramp[::-1]
    return np.clip(samples, -1, 1), cut, subtype


def look(samples: np.ndarray, rate: int, subtype: str, folder: Path) -> tuple[bool, int, bool]:
    """Write a file; return whether an MP3 is found, where its granules are, and whether its steps can be read."""
    path = folder / "look.wav"
    soundfile.write(path, samples.T, rate, subtype=subtype)
    with open_audio(path) as source:
        grid, found = search_coding(source)
    if grid is None or found is None:
        return False, 0, False
    return True, grid.offset % GRANULE, found.readable


def excerpts(corpus: Path, count: int, rng: np.random.Generator) -> list[tuple[Path, int]]:
    """Return files of the test split and first samples, every recording about as often as others."""
    sources = [each for each in find_recordings(corpus) if each.split == "test"]
    usable = [each.path for each in sources if each.path.suffix != ".mp3" and "mp3" not in each.path.name]
    order = [usable[k] for turn in range(count) for k in rng.permutation(len(usable))][: 4 * count]
    found: list[tuple[Path, int]] = []
    for path in order:
        info = soundfile.info(path)
        if info.samplerate not in (44100, 48000, 32000) or info.frames < SECONDS * info.samplerate:
            continue
        found.append((path, int(rng.integers(0, info.frames - SECONDS * info.samplerate + 1))))
    return found[:count]


def main() -> int:
    """Run, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--excerpts", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    table: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, start in excerpts(options.corpus, options.excerpts, rng):
            stop = start + SECONDS * soundfile.info(path).samplerate
            samples, rate = soundfile.read(path, start=start, stop=stop, dtype="float32", always_2d=True)
            samples = samples.T[:2]
            if np.abs(samples).max() < 0.01:
                continue
            wav = folder / "original.wav"
            soundfile.write(wav, samples.T, rate, subtype="PCM_16")
            never(samples, rate, wav, path.name, table, rng)
            for _ in range(ENCODES):
                once(wav, folder, table, rng)
            if options.json:
                options.json.write_text(
                    json.dumps({key: dict(value) for key, value in sorted(table.items())}, indent=1)
                )
    for key, value in sorted(table.items()):
        print(key, dict(value))
    return 0


def never(
    samples: np.ndarray,
    rate: int,
    wav: Path,
    name: str,
    table: dict[str, collections.Counter[str]],
    rng: np.random.Generator,
) -> None:
    """Look at what was never an MP3."""
    versions = {"as it is": (samples, rate)}
    for codec, suffix, options in OTHERS:
        out = wav.with_suffix(f".{suffix}")
        ffmpeg("-i", wav, *options, out)
        versions[codec] = decoded(out)[:2]
    for codec, (each, each_rate) in versions.items():
        treatment = str(rng.choice(TREATMENTS))
        found, _, readable = look(*_kept(treated(each, treatment, rng), each_rate), wav.parent)
        table[f"never: {codec}"].update({"looked at": 1, "found": int(found), "readable": int(readable)})
        if found:
            print(f"taken for an MP3: {name}, {codec}, {treatment}, readable {readable}", flush=True)


def _kept(made: tuple[np.ndarray, int, str], rate: int) -> tuple[np.ndarray, int, str]:
    return made[0], rate, made[2]


def once(wav: Path, folder: Path, table: dict[str, collections.Counter[str]], rng: np.random.Generator) -> None:
    """Look at what was an MP3 once."""
    out = folder / "coded.mp3"
    try:
        encoder, kbps = mp3(wav, out, rng)
    except subprocess.CalledProcessError:  # an encoder that cannot do this rate with so few channels
        return
    samples, rate, place = decoded(out)
    treatment = str(rng.choice(TREATMENTS))
    made, cut, subtype = treated(samples, treatment, rng)
    found, offset, readable = look(made, rate, subtype, folder)
    right = found and offset == (place - cut) % GRANULE
    channels = "mono" if len(samples) == 1 else "stereo"
    for key in (f"kbps {kbps:3d}", f"kbps {kbps:3d} {channels}", f"encoder {encoder}", f"treatment {treatment}"):
        table[key].update({"looked at": 1, "found": int(found), "right": int(right), "readable": int(readable)})
    if not right:
        print(f"not found: {encoder} {kbps}, {treatment}, {offset} for {(place - cut) % GRANULE}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

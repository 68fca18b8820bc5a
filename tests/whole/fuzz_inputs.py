"""A fuzz of the parsers of tags, lists of names, files of options, and lists of results.

``python tests/whole/fuzz_inputs.py --rounds 20000`` damages real inputs at random, and says how often a parser raised
what it may not raise, or took longer than it may; it ends with 1 if one did.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import mutagen
import soundfile
import typer
from mutagen.apev2 import APEBinaryValue, APEv2
from mutagen.id3 import APIC, CHAP, COMM, CTOC, ID3, SYLT, TIPL, TIT2, TRCK, TXXX, UFID, USLT

from mp3restore.audio.tags import read_tags, write_tags
from mp3restore.batch.manifest import MANIFEST_NAME, Entry, Recipe, append_entry, read_manifest
from mp3restore.batch.sources import read_list
from mp3restore.cli.app import app
from mp3restore.cli.config import _options, _read
from mp3restore.errors import Mp3RestoreError

SLOW_S = 5.0
Parse = Callable[[bytes], None]


def damage(data: bytes, rng: random.Random) -> bytes:
    """Change, remove, repeat or insert a few bytes, most of them near the beginning or the end, where tags are."""
    broken = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        size = len(broken)
        near = min(size, rng.choice([16, 128, 1024, 16384]))
        place = rng.randrange(near + 1) if rng.random() < 0.7 else size - rng.randrange(near + 1)
        kind = rng.randrange(6)
        if kind == 0:
            broken[place:place] = rng.randbytes(rng.randint(1, 16))
        elif kind == 1:
            del broken[place : place + rng.randint(1, 64)]
        elif kind == 2 and place < size:
            broken[place] ^= 1 << rng.randrange(8)
        elif kind == 3:
            broken[place : place + 4] = rng.choice([b"\xff\xff\xff\xff", bytes(4), b"\x7f\xff\xff\xff", b"\0\0\0\1"])
        elif kind == 4:
            broken[place:place] = broken[place : place + rng.randint(1, 256)]
        else:
            del broken[rng.randint(place, size) :]
    return bytes(broken)


def tagged_files(folder: Path) -> list[bytes]:
    """Make small files of every format with tags of every kind."""
    wav = folder / "a.wav"
    soundfile.write(wav, [0.1, -0.1] * 2000, 44100)
    made = []
    for suffix in ("mp3", "m4a", "ogg", "opus", "wma", "flac", "wav", "aiff"):
        path = folder / f"b.{suffix}"
        command = ["ffmpeg", "-v", "error", "-y", "-i", str(wav), "-metadata", "title=Tïtle", "-metadata", "artist=A"]
        subprocess.run([*command, "-metadata", "track=3/12", str(path)], check=True, stdin=subprocess.DEVNULL)
        made.append(path.read_bytes())
    id3 = ID3()
    for frame in (
        TIT2(encoding=3, text=["T"]), TRCK(encoding=0, text=["3/12"]),
        COMM(encoding=1, lang="deu", desc="d", text=["c"]),
        USLT(encoding=3, lang="eng", text="la"), TXXX(encoding=3, desc="MusicBrainz Album Id", text=["id"]),
        UFID(owner="http://musicbrainz.org", data=b"id"), TIPL(encoding=3, people=[["mix", "M"]]),
        APIC(encoding=3, mime="image/png", type=3, desc="c", data=b"\x89PNG" + bytes(60)),
        CHAP(element_id="a", start_time=1, end_time=2, sub_frames=[TIT2(encoding=3, text=["One"])]),
        CTOC(element_id="t", flags=3, child_element_ids=["a"], sub_frames=[]),
        SYLT(encoding=3, lang="eng", format=2, type=1, desc="", text=[("la", 0), ("li", 61_230)]),
    ):  # fmt: skip
        id3.add(frame)
    for version in (3, 4):
        stream = io.BytesIO()
        id3.save(stream, v2_version=version)
        made.append(stream.getvalue() + bytes(200))
    path = folder / "c.mp3"
    path.write_bytes(made[0])
    ape = APEv2()
    ape["Title"], ape["Track"] = "T", "3/12"
    ape["Cover Art (Front)"] = APEBinaryValue(b"f.png\0\x89PNG" + bytes(60))
    ape.save(path)
    made.append(path.read_bytes() + struct.pack("<3s30s30s30s4s30sB", b"TAG", b"T", b"A", b"Al", b"1991", b"C", 17))
    for suffix in ("wav", "aiff"):
        file = mutagen.File(folder / f"b.{suffix}")
        file.add_tags() if file.tags is None else None
        file.tags.add(TIT2(encoding=3, text=["T"]))
        file.save()
        made.append((folder / f"b.{suffix}").read_bytes())
    return made


def parse_tags(targets: dict[str, bytes]) -> Parse:
    """Read tags, and write them into both kinds of results; nothing may be raised."""

    def parse(data: bytes) -> None:
        tags, _ = read_tags(io.BytesIO(data))
        for container, empty in targets.items():
            file = io.BytesIO(empty)
            write_tags(file, container, tags)  # type: ignore[arg-type]
            file.seek(0)
            if soundfile.info(file).frames != 100:
                raise AssertionError(f"the {container} file is damaged")

    return parse


def parse_list(data: bytes) -> None:
    """Read a list of names; damaged UTF-16 is a ValueError."""
    with suppress(ValueError):
        for name in read_list(data):
            str(Path(name))


def parse_toml(path: Path) -> Parse:
    """Read a file of options; what is wrong is an error of the tree."""
    command = typer.main.get_command(app).commands["restore"]  # type: ignore[attr-defined]

    def parse(data: bytes) -> None:
        path.write_bytes(data)
        with suppress(Mp3RestoreError):
            _read(path, _options(command))

    return parse


def parse_manifest(folder: Path) -> Parse:
    """Read a list of results; nothing may be raised, and every name can be looked for."""

    def parse(data: bytes) -> None:
        (folder / MANIFEST_NAME).write_bytes(data)
        for target, entry in read_manifest(folder).items():
            (folder / target).resolve()
            Path(entry.source).absolute()

    return parse


def inputs(folder: Path) -> dict[str, tuple[list[bytes], Parse]]:
    """Give the parsers with whole inputs for them."""
    targets = {}
    for container in ("flac", "wav"):
        soundfile.write(folder / f"target.{container}", [0.0] * 100, 44100, subtype="PCM_16")
        targets[container] = (folder / f"target.{container}").read_bytes()
    names = "ü.mp3\nb c.mp3\r\n/music/音楽.mp3\n"
    toml = 'seed = 7\nformat = "wav"\ninclude = ["*.mp3", "*.ogg"]\nstrength = 0.5\ntags = true\n'
    recipe = Recipe("a" * 64, "b" * 64, "0.1", {"seed": 0, "container": "flac"})
    for name in ("one.flac", "ü/two.flac"):
        append_entry(folder, Entry(name, f"/in/{name}.mp3", "c" * 64, recipe))
    manifest = (folder / MANIFEST_NAME).read_bytes()
    return {
        "tags": (tagged_files(folder), parse_tags(targets)),
        "lists": ([names.encode(each) for each in ("utf-8", "utf-8-sig", "utf-16", "utf-16-be")], parse_list),
        "options": ([toml.encode(), toml.encode("utf-8-sig")], parse_toml(folder / "config.toml")),
        "manifests": ([manifest], parse_manifest(folder)),
    }


def main() -> int:
    """Run the fuzz."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        for kind, (whole, parse) in inputs(Path(name)).items():
            rng, faults, slowest = random.Random(arguments.seed), Counter[str](), 0.0
            for data in whole:
                parse(data)
            for _ in range(arguments.rounds):
                data = damage(rng.choice(whole), rng)
                started = time.perf_counter()
                try:
                    parse(data)
                except Exception as error:
                    where = traceback.extract_tb(error.__traceback__)[-1]
                    faults[f"{type(error).__name__} in {Path(where.filename).name}:{where.lineno}: {error}"[:160]] += 1
                slowest = max(slowest, time.perf_counter() - started)
            failures += faults.total() + (slowest > SLOW_S)
            line = {
                "parser": kind,
                "inputs": arguments.rounds,
                "faults": faults.total(),
                "slowest_s": round(slowest, 2),
            }
            print(json.dumps(line), flush=True)
            for fault, count in faults.most_common(10):
                print(f"  {count} x {fault}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

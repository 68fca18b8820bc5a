"""Makes the listening page, ``index.html`` beside this file, and the picture of the README.

``python .github/listen/make.py CORPUS HITS`` needs ``lame``, and the recordings that ``songs.toml`` names below CORPUS
and HITS. With ``--picture FILE`` it draws the first song at 64 kbit/s instead.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import soundfile

from mp3restore import restore_file
from mp3restore.dsp.resample import resample_stream
from mp3restore.files import atomic_file
from mp3restore.report.page import Gallery, Song, write_gallery
from mp3restore.report.request import ReportRequest
from mp3restore.views.plot import plot_spectrograms

HERE = Path(__file__).parent
SECONDS = 3.6
# Music before and after the part that is heard, as in a whole song.
AROUND_SECONDS = 6.0
RHYTHM_RATE = 44100
HIT_SECONDS = 2.0
MOST_BYTES = 8_000_000
ENCODES = {
    "16 kbit/s mono": ["-b", "16", "-m", "m"],
    "32 kbit/s": ["-b", "32"],
    "64 kbit/s": ["-b", "64"],
    "96 kbit/s": ["-b", "96"],
    "128 kbit/s": ["-b", "128"],
}
INTRODUCTION = (
    "Six pieces of music, each compressed to MP3 at five bit rates with LAME, and restored by mp3restore. Choose a "
    "piece and a bit rate, press Play, and switch between the recordings while they play: the MP3, two restorations of "
    "it, and the original."
)


@dataclass(frozen=True)
class Clip:
    """A piece of an original, its MP3, and what was made of that."""

    title: str
    credit: str
    encode: str
    original: Path
    mp3: Path
    restored: list[Path]
    start: float
    left: bool


def cut(recording: Path, start: float, seconds: float) -> tuple[np.ndarray, int]:
    """Return samples (n, channels) of a recording, and their rate."""
    with soundfile.SoundFile(recording) as file:
        file.seek(round(start * file.samplerate))
        return file.read(round(seconds * file.samplerate), dtype="float32", always_2d=True), file.samplerate


def rhythm(hits: Path, song: dict, seconds: float) -> tuple[np.ndarray, int]:
    """Play hits in turn where the steps of a bar say so, an "x" louder than an "o"; return samples and their rate."""
    step = 60 / song["beats_per_minute"] / 4
    played = np.zeros((round((seconds + HIT_SECONDS) * RHYTHM_RATE), 2), np.float32)
    for part in song["parts"]:
        sounds = cycle([_hit(hits / path) for path in part["hits"]])
        for count in range(int(seconds / step)):
            loudness = {"x": 1.0, "o": 0.4}.get(part["steps"][count % len(part["steps"])])
            if loudness is not None:
                sound, at = next(sounds), round(count * step * RHYTHM_RATE)
                played[at : at + len(sound)] += np.float32(loudness * part["gain"]) * sound
    return played[: round(seconds * RHYTHM_RATE)], RHYTHM_RATE


def _hit(path: Path) -> np.ndarray:
    """Return a hit as stereo (n, 2) at the rate of the rhythm, with its peak at full scale."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    sound = np.concatenate(list(resample_stream([samples.T], rate, RHYTHM_RATE)), axis=1).T
    sound = np.repeat(sound, 3 - sound.shape[1], axis=1)[: round(HIT_SECONDS * RHYTHM_RATE)]
    return sound / np.abs(sound).max()


def clips(corpus: Path, hits: Path, folder: Path, encodes: dict[str, list[str]], songs: list[dict]) -> Iterator[Clip]:
    """Cut, encode and restore."""
    for number, song in enumerate(songs):
        place = folder / str(number)
        place.mkdir()
        name = song["title"].lower().replace(" ", "-")
        original = place / f"{name}.wav"
        lead = min(AROUND_SECONDS, song["start"])
        seconds = lead + SECONDS + AROUND_SECONDS
        if "parts" in song:
            samples, rate = rhythm(hits, song, seconds)
        else:
            samples, rate = cut(corpus / song["path"], song["start"] - lead, seconds)
        soundfile.write(original, samples, rate, subtype="PCM_24")
        for encode, options in encodes.items():
            stem = f"{name}-{encode.split()[0]}"
            mp3 = place / f"{stem}.mp3"
            subprocess.run(["lame", "--quiet", *options, original, mp3], check=True, stdin=subprocess.DEVNULL)
            restored = [place / f"{stem}.v{variant}.flac" for variant in (1, 2)]
            results = [restore_file(mp3, path, variant=k + 1) for k, path in enumerate(restored)]
            left = results[0].strength == 0
            if left:  # so the MP3 itself is the result, and stands in the page once
                restored = [place / f"{stem}.left.mp3"]
                shutil.copy(mp3, restored[0])
            yield Clip(song["title"], song["credit"], encode, original, mp3, restored, lead, left)
            print(f"{song['title']}, {encode}: strength {results[0].strength:.2f}", file=sys.stderr)


def song_of(clip: Clip) -> Song:
    """What the page shows of a clip."""
    labels = {clip.restored[0]: "Left as it is"} if clip.left else {}
    if not clip.left:
        labels = {path: f"Restoration {k + 1}" for k, path in enumerate(clip.restored)}
    paths = [clip.original, clip.mp3, *clip.restored]
    request = ReportRequest(
        clip.mp3, clip.restored, clip.original, clip.start, SECONDS,
        begins=-clip.start, names={path: path.name for path in paths}, labels={**labels, clip.original: "Original"},
    )  # fmt: skip
    return Song(clip.title, request, clip.encode, clip.credit)


def main() -> int:
    """Make the page or the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("hits", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=HERE / "index.html")
    arguments = parser.parse_args()
    songs = tomllib.loads((HERE / "songs.toml").read_text(encoding="utf-8"))["songs"]
    with tempfile.TemporaryDirectory() as name:
        if arguments.picture:
            encodes = {"64 kbit/s": ENCODES["64 kbit/s"]}
            (clip,) = clips(arguments.corpus, arguments.hits, Path(name), encodes, songs[:1])
            titles = [f"original: {clip.title.lower()}", "MP3, 64 kbit/s", "restoration 1", "restoration 2"]
            with atomic_file(arguments.picture, overwrite=True) as file:
                plot_spectrograms(
                    [clip.original, clip.mp3, *clip.restored], file, titles=titles, start=clip.start, duration=SECONDS
                )
            return 0
        made = [song_of(clip) for clip in clips(arguments.corpus, arguments.hits, Path(name), ENCODES, songs)]
        gallery = Gallery("Hear what mp3restore does", made, INTRODUCTION)
        for warning in write_gallery(gallery, arguments.output, overwrite=True):
            print(warning, file=sys.stderr)
    size = arguments.output.stat().st_size
    print(f"{arguments.output}: {size / 1e6:.1f} MB")
    return int(size > MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())

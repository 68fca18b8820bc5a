"""The pages that listeners open: MUSHRA and ABX."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from mp3restore.files import atomic_file
from mp3restore.listening.design import ANCHOR, REFERENCE, Item, ListeningTest
from mp3restore.views.render import render
from mp3restore.views.tracks import Track, common_rate, flac, load_track, measured, read_delay

__all__ = ["TestMode", "build_page", "low_anchor", "write_page"]

TestMode = Literal["mushra", "abx"]

# ITU-R BS.1534-3, section 5.1: the low-range anchor is the reference after a 3.5 kHz low-pass.
_ANCHOR_HZ = 3500.0
_ANCHOR_TAPS: Final = 1023
_ANCHOR_BETA = 9.0  # Kaiser: 90 dB at 3.7 kHz


def low_anchor(reference: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Return a reference (channels, samples), at `sample_rate` Hz, after a 3.5 kHz low-pass without delay."""
    from scipy.signal import fftconvolve, firwin  # noqa: PLC0415 - slow to import

    taps = firwin(_ANCHOR_TAPS, _ANCHOR_HZ, window=("kaiser", _ANCHOR_BETA), fs=sample_rate)
    return np.asarray(fftconvolve(reference, taps[None], mode="same", axes=1), dtype=np.float32)


def _stimuli(item: Item) -> dict[str, Track]:
    """Return all versions of an item, aligned with the reference and, except for the anchor, equally loud."""
    rate = common_rate(list(item.versions.values()))
    tracks = {}
    for name, path in item.versions.items():
        late = 0
        if name != REFERENCE:
            late = read_delay(path, item.reference, start=item.start, duration=item.duration, sample_rate=rate)
        tracks[name] = load_track(path, start=item.start, duration=item.duration, sample_rate=rate, delay=late)
    wanted = measured(tracks[REFERENCE]).loudness_lufs
    for name, track in tracks.items():
        loudness = measured(track).loudness_lufs
        if wanted is not None and loudness is not None:
            tracks[name] = replace(track, samples=track.samples * np.float32(10 ** ((wanted - loudness) / 20)))
    tracks[ANCHOR] = replace(tracks[REFERENCE], samples=low_anchor(tracks[REFERENCE].samples, rate))
    peak = max(float(np.abs(track.samples).max()) for track in tracks.values())
    # One gain for all versions of an item, so that nothing clips and the levels stay matched.
    gain = np.float32(min(1.0, 0.98 / peak)) if peak else np.float32(1)
    return {name: replace(track, samples=track.samples * gain) for name, track in tracks.items()}


def build_page(test: ListeningTest, mode: TestMode) -> str:
    """Return the page of a test, in HTML.

    Raises
    ------
    UsageError, NoInputError, InputError
        If a file cannot be read, or ends before the part begins.
    """
    items, audio = [], {}
    for number, item in enumerate(test.items):
        stimuli = _stimuli(item)
        names = sorted(stimuli)
        for index, name in enumerate(names):
            audio[f"audio-{number}-{index}"] = flac(stimuli[name])
        items.append({"name": item.name, "rate": stimuli[REFERENCE].sample_rate, "stimuli": names})
    digest = hashlib.sha256(b"".join(audio.values())).hexdigest()
    return render(
        f"{mode}.html",
        scripts=["player.js", "listening.js", f"{mode}.js"],
        data={"title": test.title, "test": digest, "mode": mode, "items": items},
        audio=audio,
        title=test.title,
    )


def write_page(test: ListeningTest, mode: TestMode, target: Path, *, overwrite: bool = False) -> None:
    """Write the page of a test, completely or not at all.

    Raises
    ------
    UsageError, NoInputError, InputError, OutputError
        As for `build_page`, and if the page cannot be written.
    """
    html = build_page(test, mode)
    with atomic_file(target, overwrite=overwrite) as file:
        file.write(html.encode("utf-8"))

"""Find out how a restoration was made, as a command that makes it again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mutagen
import soundfile
from mutagen.id3 import ID3

from mp3restore.audio.tags import PROVENANCE

__all__ = ["Origin", "command_line", "file_argument", "recorded_origin"]

_DEPTHS = {"PCM_16": "16", "PCM_24": "24", "FLOAT": "32f"}
_COMMANDS = ("bench", "config", "doctor", "formats", "inspect", "listen-test", "models", "plot", "report", "restore")


@dataclass(frozen=True, slots=True)
class Origin:
    """How a file was made.

    Attributes
    ----------
    command : str
        The command that makes it again, for a shell.
    remark : str
        The versions of the program and the model, for people.
    """

    command: str
    remark: str


def _container_of(info: Any) -> str:  # noqa: ANN401 - soundfile has no types
    return {"FLAC": "flac", "OGG": "ogg", "MP3": "mp3"}.get(info.format, "wav") if info.subtype != "OPUS" else "opus"


def file_argument(name: str | Path) -> str:
    """Return the name of a file in a form that the command line does not take for an option or a command."""
    text = str(name)
    return f"./{text}" if text.startswith("-") or text in (*_COMMANDS, "serve", "watch") else text


def command_line(
    source: str | Path,
    target: str | Path,
    *,
    model: str,
    variant: int,
    variants: int = 1,
    seed: int | None,
    variety: float | str | None = None,
    strength: float | str | None = None,
    consistency: bool = True,
    sample_rate: int | str | None = None,
    container: str | None = None,
    bit_depth: str | None = None,
) -> str:
    """Return the command that makes one restoration.

    Parameters
    ----------
    source, target : str or Path
        Names of the input and of the result.
    model : str
        Name of the model, or its folder.
    variant : int
        Which of the seed's restorations to make.
    variants : int
        How many of them to make, if several.
    seed : int or None
        The seed; None for the deterministic restoration.
    variety : float or str, optional
        Value of ``--variety``; by default the command decides.
    strength : float or str, optional
        Value of ``--strength``; by default the command decides.
    consistency : bool
        Whether to hold the result to the bitstream.
    sample_rate : int or str, optional
        Value of ``--sample-rate``; by default the command decides.
    container : str, optional
        Value of ``--format``; by default the command decides.
    bit_depth : str, optional
        Value of ``--bit-depth``; by default the command decides.

    Returns
    -------
    str
        The command, quoted for a shell. It replaces `target`.
    """
    words = ["mp3restore", file_argument(source), "-o", file_argument(target), "--force", "--model", model]
    which = ["--variant", str(variant)] if variants == 1 else ["--variants", str(variants)]
    words += ["--deterministic"] if seed is None else ["--seed", str(seed), *which]
    words += [] if variety is None or seed is None else ["--variety", f"{float(variety):g}"]
    words += [] if strength is None else ["--strength", f"{float(strength):g}"]
    words += [] if consistency else ["--no-consistency"]
    words += [] if sample_rate is None else ["--sample-rate", str(sample_rate)]
    words += [] if container is None else ["--format", container]
    words += [] if bit_depth is None else ["--bit-depth", bit_depth]
    return shlex.join(words)


def recorded_origin(path: Path, original: str, *, target: str | None = None) -> Origin | None:
    """Return how a restoration was made, according to its tags.

    Parameters
    ----------
    path : Path
        The restoration.
    original : str
        Name of the MP3 in the command.
    target : str, optional
        Name of the restoration in the command; by default `path`.

    Returns
    -------
    Origin or None
        The command and the versions; None if the tags do not state them.
    """
    try:
        tags = getattr(mutagen.File(path), "tags", None) or {}
    except mutagen.MutagenError:
        return None
    if isinstance(tags, ID3):
        texts = {frame.desc.upper(): str(frame.text[0]) for frame in tags.getall("TXXX")}
    else:
        ours = [name for name in tags.keys() if name.upper().startswith(PROVENANCE)]  # noqa: SIM118 - not all iterate
        texts = {name.upper(): str(tags[name][0]) for name in ours}
    found = {name.removeprefix(PROVENANCE): text for name, text in texts.items()}
    if not {"MODEL", "SEED", "VARIANT"} <= set(found):
        return None
    try:
        info = soundfile.info(path)
        command = command_line(
            original,
            target or str(path),
            model=found["MODEL"].partition(" ")[0],
            variant=int(found["VARIANT"]),
            seed=None if found["SEED"] == "none" else int(found["SEED"]),
            variety=found.get("VARIETY"),
            strength=found.get("STRENGTH"),
            consistency=found.get("CONSISTENCY") != "off",
            sample_rate=found.get("SAMPLE_RATE"),
            container=_container_of(info),
            bit_depth=_DEPTHS.get(info.subtype),
        )
    except (soundfile.LibsndfileError, ValueError):  # somebody has edited the tags
        return None
    return Origin(command, f"mp3restore {found.get('VERSION', 'of unknown version')}, model {found['MODEL']}")

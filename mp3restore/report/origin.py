"""Find out how a restoration was made, as a command that makes it again."""

from __future__ import annotations

import shlex
from pathlib import Path

import mutagen
from mutagen.id3 import ID3

from mp3restore.audio.tags import PROVENANCE

__all__ = ["recorded_origin"]


def recorded_origin(path: Path, original: str) -> str | None:
    """Return the command that made a restoration, according to its tags.

    Parameters
    ----------
    path : Path
        The restoration.
    original : str
        Name of the MP3 in the command.

    Returns
    -------
    str or None
        The command, and the versions of program and model; None if the tags do not state them.
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
    words = ["mp3restore", original, "--model", found["MODEL"].partition(" ")[0], "--variants", found["VARIANT"]]
    words += ["--deterministic"] if found["SEED"] == "none" else ["--seed", found["SEED"]]
    words += ["--strength", found["STRENGTH"]] if "STRENGTH" in found else []
    version = found.get("VERSION", "of unknown version")
    return f"{shlex.join(words)}   # variant {found['VARIANT']}, mp3restore {version}, model {found['MODEL']}"

"""How a restoration was made, as the command that makes it again."""

from __future__ import annotations

import shlex
from pathlib import Path

import mutagen
from mutagen.id3 import ID3

from mp3restore.batch import Request
from mp3restore.plan import Job
from mp3restore.tags import PROVENANCE

__all__ = ["recorded_origin", "restore_command"]


def restore_command(request: Request, job: Job) -> str:
    """Write the command that makes the result of a job again, whatever it was that set the options."""
    options, form = request.options, job.output_format
    words = ["mp3restore", str(job.source), "--model", request.model.name, "--variants", str(request.variants)]
    words += ["--deterministic"] if options.deterministic else ["--seed", str(options.seed)]
    words += [] if options.variety is None else ["--variety", f"{options.variety:g}"]
    words += [] if options.strength is None else ["--strength", f"{options.strength:g}"]
    words += [] if options.consistency else ["--no-consistency"]
    words += [] if options.sample_rate is None else ["--sample-rate", str(options.sample_rate)]
    words += ["--format", form.container, "--bit-depth", form.bit_depth]
    return f"{shlex.join(words)}   # variant {job.variant}, model {request.model.name} {request.model.config.version}"


def recorded_origin(path: Path, original: str) -> str | None:
    """Read from the tags of a restoration how it was made.

    Parameters
    ----------
    path : Path
        The restoration.
    original : str
        What to call the MP3.

    Returns
    -------
    str or None
        The command, and with which versions; None where the tags say nothing.
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
    words += ["--variety", found["VARIETY"]] if "VARIETY" in found and found["SEED"] != "none" else []
    words += ["--strength", found["STRENGTH"]] if "STRENGTH" in found else []
    version = found.get("VERSION", "of unknown version")
    return f"{shlex.join(words)}   # variant {found['VARIANT']}, mp3restore {version}, model {found['MODEL']}"

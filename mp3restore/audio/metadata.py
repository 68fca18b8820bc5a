"""What can be told of a file without decoding it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["audio_seconds", "mpeg_kbps"]


def mpeg_kbps(path: Path) -> float | None:
    """Mean bitrate of all frames of an MPEG audio file; None for what is none, or cannot be read."""
    counted = _counted(path)
    return None if counted is None else counted[0]


def audio_seconds(path: Path) -> float | None:
    """Length of the music: counted in MPEG audio, else as the header has it; None where that cannot be told."""
    counted = _counted(path)
    if counted is not None:
        return counted[1]
    import mutagen  # noqa: PLC0415 - not needed where nothing is planned

    try:
        file = mutagen.File(path)
    except (mutagen.MutagenError, OSError, ValueError):
        return None
    return None if file is None or file.info is None else float(file.info.length)


def _counted(path: Path) -> tuple[float, float] | None:
    """Bitrate in kbit/s and seconds of MPEG audio."""
    from mp3restore.audio.input import InputFile  # noqa: PLC0415
    from mp3restore.audio.mpeg import begins_with_a_frame, open_mpeg  # noqa: PLC0415

    try:
        file = InputFile(path)
    except OSError:
        return None
    try:
        source = open_mpeg(file) if begins_with_a_frame(file) else None
    except OSError:
        return None
    finally:
        file.close()
    return None if source is None else (source.kbps, source.frames / source.sample_rate)

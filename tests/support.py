"""What the tests of several rooms call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from mp3restore.cli.app import app

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"


def part_files(folder: Path) -> list[Path]:
    """Temporary files that were left behind."""
    return [path for path in folder.rglob("*") if path.name.startswith(".mp3restore-")]


def invoke(*arguments: object, **options: Any) -> Any:
    """Run the command in this process, which is quicker than in one of its own."""
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="mp3restore", **options)

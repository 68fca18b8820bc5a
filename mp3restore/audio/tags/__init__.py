"""Tags and pictures on their way from the input to the result."""

from mp3restore.audio.tags.content import PROVENANCE, Tags
from mp3restore.audio.tags.read import read_tags
from mp3restore.audio.tags.write import write_tags

__all__ = ["PROVENANCE", "Tags", "read_tags", "write_tags"]

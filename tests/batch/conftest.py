import random
import subprocess

import mutagen
import pytest


@pytest.fixture
def malformed_asf(second, tmp_path):
    """A WMA whose header makes its parser raise an error of no declared kind."""
    path = tmp_path / "wma.wma"
    command = ["ffmpeg", "-v", "error", "-i", str(second), "-metadata", "title=x", "-c:a", "wmav2", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    data, rng = path.read_bytes(), random.Random(3)  # noqa: S311
    for _ in range(5000):
        broken = bytearray(data)
        broken[rng.randrange(24, 700)] = rng.randrange(256)
        path.write_bytes(broken)
        try:
            mutagen.File(path)
        except mutagen.MutagenError:
            continue
        except Exception:
            return path
    raise AssertionError("no such header was found")

"""Random requests to the local page: no answer is a fault of ours, and nothing is left behind.

``python tests/web/fuzz_uploads.py --rounds 20000`` prints JSON lines, and ends with 1 if anything went wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote_from_bytes

from mp3restore.web.app import create_app
from mp3restore.web.guard import own_names
from mp3restore.web.jobs import Jobs

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "francium-32k.mp3"
LIMIT = 50_000
OWNER, TOKEN = "fuzz", "sesame"
COOKIE = f"mp3restore-queue-8000={OWNER}; mp3restore-token-8000={TOKEN}".encode()
WORDS = (b"", b"1", b"0.5", b"-1", b"nan", b"inf", b"1e400", b"9" * 400, b"\0", b"../../etc/passwd", b"a.mp3", b"\xff",
         b"wav", b"flac", b"mp3", b"'; DROP", b"%00", b"\r\nX: y", "\u202eüß".encode())  # fmt: skip


def words(rng: random.Random) -> bytes:
    """A value that makes little sense."""
    return rng.choice(WORDS) if rng.random() < 0.8 else rng.randbytes(rng.randrange(40))


def request(rng: random.Random, song: bytes, jobs: list[str]) -> tuple[dict, list[dict]]:
    """Scope and messages of a request."""
    places = [
        "", "/variants", "/variants?strength=0.5", "/variants?strength=x", "/cancel", "/comparison",
        "/comparison/audio-1", "/page", "/variants/1",
    ]  # fmt: skip
    known = rng.choice([*jobs, "x"])
    others = ["/", "/archive", *(f"/jobs/{known}{place}" for place in places)]
    path = "/jobs" if rng.random() < 0.6 else rng.choice([*others, "/jobs/" + quote_from_bytes(words(rng))])
    names = (b"name", b"strength", b"seed", b"container", b"depth", b"token", b"other")
    query = b"&".join(rng.choice(names) + b"=" + quote_from_bytes(words(rng)).encode() for _ in range(rng.randrange(5)))
    start = rng.randrange(len(song))
    body = rng.choice([b"", rng.randbytes(rng.randrange(2000)), song[start : start + rng.randrange(8000)]])
    if body and rng.random() < 0.3:
        place = rng.randrange(len(body))
        body = body[:place] + rng.randbytes(3) + body[place + 3 :]
    stated = rng.choice([str(len(body)).encode()] * 4 + [words(rng), b"999999999999"])
    headers = [(b"host", rng.choice([b"127.0.0.1:8000"] * 9 + [words(rng)])), (b"content-length", stated)]
    if rng.random() < 0.3:
        headers.append((rng.choice([b"origin", b"sec-fetch-site", b"content-type", b"range", b"cookie"]), words(rng)))
    if rng.random() < 0.7:
        headers.append((b"cookie", COOKIE))
    half = len(body) // 2
    messages = [{"type": "http.request", "body": body[:half], "more_body": True}]
    if rng.random() < 0.1:
        messages.append({"type": "http.disconnect"})
    else:
        messages.append({"type": "http.request", "body": body[half:], "more_body": False})
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": "",
        "method": rng.choice(["POST"] * 7 + ["GET", "GET", "DELETE", "PUT", "HEAD"]), "path": path,
        "raw_path": path.encode(), "query_string": query, "headers": headers, "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }  # fmt: skip
    return scope, messages


async def ask(app, scope: dict, messages: list[dict]) -> int:
    """Send a request, and return the status of the answer."""
    waiting, statuses = list(messages), []

    async def receive() -> dict:
        if not waiting:
            await asyncio.Event().wait()  # the browser waits for the answer
        return waiting.pop(0)

    async def send(message: dict) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return statuses[0] if statuses else 0


def restore(job, variant, _progress) -> list[str]:
    """Stands for the restoration."""
    job.restored(variant).write_bytes(job.original.read_bytes())
    return []


def fuzz(rounds: int, seed: int, token: str | None) -> dict:
    """Send so many requests; returns what was counted."""
    rng, song, faults, statuses = random.Random(seed), SAMPLE.read_bytes()[:30_000], Counter(), Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs = Jobs(folder, restore, waiting_bytes=4 * LIMIT, kept_bytes=20 * LIMIT)
        app = create_app(jobs, limit_bytes=LIMIT, names=own_names("127.0.0.1"), note=lambda _: None, token=token)
        with asyncio.Runner() as runner:
            for _ in range(rounds):
                known = [job.identifier for job in jobs.of(OWNER)]
                scope, messages = request(rng, song, known)
                started = time.perf_counter()
                try:
                    status = runner.run(ask(app, scope, messages))
                except Exception as error:
                    faults[f"{type(error).__name__}: {error}"[:160]] += 1
                    continue
                slowest = max(slowest, time.perf_counter() - started)
                statuses[status] += 1
                if status >= 500 and status != 503:
                    faults[f"status {status}"] += 1
        jobs.close()
        left = len(list(folder.iterdir())) - sum(job.folder.exists() for job in jobs._jobs.values())
    return {"requests": rounds, "token": token is not None, "faults": dict(faults), "statuses": dict(statuses),
            "slowest_s": round(slowest, 2),
            "left": left}  # fmt: skip


def main() -> int:
    """Run the fuzz."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    failed = False
    for token in (None, TOKEN):
        found = fuzz(arguments.rounds // 2, arguments.seed, token)
        print(json.dumps(found))
        failed |= bool(found["faults"] or found["left"])
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

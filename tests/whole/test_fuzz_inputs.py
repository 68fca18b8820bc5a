"""The fuzz of the parsers of inputs, in small; a scheduled workflow runs 20,000 rounds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_no_parser_fails():
    program = Path(__file__).with_name("fuzz_inputs.py")
    run = subprocess.run(
        [sys.executable, program, "--rounds", "150"], capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert [each["parser"] for each in found] == ["tags", "lists", "options", "manifests"]
    assert {(each["inputs"], each["faults"]) for each in found} == {(150, 0)}

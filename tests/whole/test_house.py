"""The house: floors and nevers, sizes of modules and functions, and the page that names every room."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

PACKAGE = ROOT / "mp3restore"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_MODULE, LONGEST_FUNCTION = 300, 60


def names(modules: list[Path]) -> list[str]:
    return [module.relative_to(PACKAGE).as_posix() for module in modules]


def test_the_floors_and_the_nevers_hold():
    program = Path(sys.executable).parent / "lint-imports"
    found = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
    assert "5 kept, 0 broken" in found.stdout


@pytest.mark.parametrize("module", MODULES, ids=names(MODULES))
def test_modules_and_functions_fit_a_screen_or_two(module):
    text = module.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_MODULE
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    long = {}
    for each in functions:
        # A docstring explains; what counts is the code. The signature of a command is its list of options.
        first = each.body[1] if ast.get_docstring(each) and len(each.body) > 1 else each.body[0]
        long[each.name] = (each.end_lineno or 0) - first.lineno + 1
    assert {name: lines for name, lines in long.items() if lines > LONGEST_FUNCTION} == {}


def test_only_the_command_ends_the_process():
    callers = []
    for module in MODULES:
        tree = ast.parse(module.read_text(encoding="utf-8"))
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        if any(ast.unparse(call) == "sys.exit" for call in calls):
            callers.append(module.relative_to(PACKAGE).as_posix())
    # Worker processes of a batch end by themselves, and training has a command of its own.
    allowed = ("cli/", "__main__.py", "batch/processes.py", "training/cli.py")
    assert [caller for caller in callers if not caller.startswith(allowed)] == []


def test_the_architecture_page_names_every_module():
    page = (PACKAGE / "README.md").read_text(encoding="utf-8")
    missing = [name for name in names(MODULES) if not name.endswith("__init__.py") and f"`{name}`" not in page]
    assert missing == []

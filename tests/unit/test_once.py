"""What `sam build` makes once for all functions (functions/once.py, called by functions/Makefile)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ONCE = Path(__file__).parents[2] / "functions/once.py"

# Notes that it ran, waits, and copies the input to OUT.
COMMAND = """
import pathlib, sys, time
pathlib.Path("runs").open("a").write("run\\n")
time.sleep(0.3)
out = pathlib.Path(sys.argv[-1].removeprefix("OUT="))
(out / "copy").write_text(pathlib.Path("input/text").read_text())
sys.exit(pathlib.Path("fails").exists())
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "input").mkdir()
    (tmp_path / "input/text").write_text("one")
    return tmp_path


def start(place: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, ONCE, "made", "input", "--", sys.executable, "-c", COMMAND, *words]
    return subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, text=True)


def ask(place: Path, *words: str) -> tuple[int, Path]:
    process = start(place, *words)
    told, _ = process.communicate(timeout=120)
    return process.returncode, place / told.strip()


def runs(place: Path) -> int:
    return len((place / "runs").read_text().splitlines())


def test_who_asks_at_the_same_time_and_later_gets_what_was_made_once(place):
    processes = [start(place) for _ in range(4)]
    told = {process.communicate(timeout=120)[0] for process in processes} | {
        str(ask(place)[1].relative_to(place)) + "\n"
    }

    assert [process.returncode for process in processes] == [0] * 4
    assert len(told) == 1
    assert runs(place) == 1
    assert (place / told.pop().strip() / "copy").read_text() == "one"


def test_another_input_or_command_is_made_anew(place):
    first = ask(place)[1]
    (place / "input/text").write_text("two")
    second = ask(place)[1]

    assert (second / "copy").read_text() == "two"
    assert len({first, second, ask(place, "REQUIREMENTS=other.txt")[1]}) == 3


def test_a_command_that_failed_is_run_again(place):
    (place / "fails").touch()
    status, made = ask(place)
    assert status == 1
    assert not made.exists()

    (place / "fails").unlink()
    status, made = ask(place)
    assert status == 0
    assert (made / "copy").exists()

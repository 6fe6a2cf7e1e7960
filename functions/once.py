"""Make a directory once for all who ask for the same at the same time, and print where it is (called by the Makefile).

    once.py WHERE INPUT… -- COMMAND…

The command gets the directory as its last argument, `OUT=…`. What is made is named by the hash of all inputs (files and
directories) and of the command: other inputs make another directory, so nothing here is ever stale.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Returns the command's exit status; 0 where nothing had to be made."""
    end = arguments.index("--")
    where, *inputs = map(Path, arguments[:end])
    command = arguments[end + 1 :]
    where.mkdir(parents=True, exist_ok=True)
    made = where / fingerprint(inputs, command)
    with (where / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever is killed leaves it
        status = 0 if made.exists() else make(made, command)
    print(made)
    return status


def make(made: Path, command: list[str]) -> int:
    """Only what is whole gets its name: a command that failed or was killed is run again."""
    unfinished = made.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    status = subprocess.run([*command, f"OUT={unfinished}"], stdout=sys.stderr, check=False).returncode
    if status == 0:
        unfinished.rename(made)
    return status


def fingerprint(inputs: list[Path], command: list[str]) -> str:
    """The hash of what a directory is made of. Bytecode beside a source is made again, so it does not count."""
    found = hashlib.sha256("\0".join(command).encode())
    for path in sorted(path for one in inputs for path in (one, *one.rglob("*"))):
        if path.is_file() and "__pycache__" not in path.parts:
            found.update(f"\0{path}\0{hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return found.hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

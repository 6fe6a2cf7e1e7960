"""The functions as they are deployed, made by functions/Makefile, and the same as plain `sam build` would ship them."""

from __future__ import annotations

import compileall
import py_compile
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "bench"
BARE = Path(__file__).parent / "bare"


@dataclass(frozen=True)
class Artifacts:
    """Directories as they stand in /var/task."""

    built: Path
    without_bytecode: Path
    bare: Path
    """Bare handlers beside AWS's SDK, built in the same way."""


def build() -> Artifacts:
    """Make them anew, ours and the bare one at once: what makes them lets only one into a directory."""
    shutil.rmtree(BUILD, ignore_errors=True)
    built, plain, bare = BUILD / "ours/built", BUILD / "ours/without-bytecode", BUILD / "theirs/bare"
    theirs = (f"REQUIREMENTS={BARE / 'requirements.txt'}", "AWS_SERVICES=dynamodb sqs", "PROCESSORS=")
    with ThreadPoolExecutor() as pool:
        for made in [pool.submit(_make, built), pool.submit(_make, bare, *theirs)]:
            made.result()
    shutil.copytree(built, plain, ignore=shutil.ignore_patterns("__pycache__"))
    for handler in BARE.glob("*.py"):
        shutil.copy(handler, bare / f"bare_{handler.name}")
    compileall.compile_dir(bare, maxlevels=0, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    return Artifacts(built, plain, bare)


def _make(directory: Path, *variables: str) -> None:
    arguments = [f"ARTIFACTS_DIR={directory}", f"RUNTIME={sys.executable}", *variables]
    subprocess.run(["make", "-s", "-C", ROOT / "functions", "build-AcceptFunction", *arguments], check=True)

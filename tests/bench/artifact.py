"""The functions as they are deployed, made by functions/Makefile, and the same as plain `sam build` would ship them."""

from __future__ import annotations

import compileall
import py_compile
import shutil
import subprocess
import sys
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
    """Make them anew."""
    shutil.rmtree(BUILD, ignore_errors=True)
    built, plain, bare = (BUILD / name for name in ("built", "without-bytecode", "bare"))
    _make(built)
    shutil.copytree(built, plain, ignore=shutil.ignore_patterns("__pycache__"))
    _make(bare, f"REQUIREMENTS={BARE / 'requirements.txt'}", "AWS_SERVICES=dynamodb sqs", "PROCESSORS=")
    for handler in BARE.glob("*.py"):
        shutil.copy(handler, bare / f"bare_{handler.name}")
    compileall.compile_dir(bare, maxlevels=0, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    return Artifacts(built, plain, bare)


def _make(directory: Path, *variables: str) -> None:
    arguments = [f"ARTIFACTS_DIR={directory}", f"RUNTIME={sys.executable}", *variables]
    subprocess.run(["make", "-s", "-C", ROOT / "functions", "build-AcceptFunction", *arguments], check=True)

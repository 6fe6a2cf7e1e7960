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


@dataclass(frozen=True)
class Artifacts:
    """Directories as they stand in /var/task."""

    built: Path
    without_bytecode: Path
    bare: Path
    """Bare handlers beside the same libraries, with bytecode."""


def build() -> Artifacts:
    """Make them anew."""
    shutil.rmtree(BUILD, ignore_errors=True)
    built, plain, bare = (BUILD / name for name in ("built", "without-bytecode", "bare"))
    subprocess.run(
        [
            "make",
            "-s",
            "-C",
            ROOT / "functions",
            "build-AcceptFunction",
            f"ARTIFACTS_DIR={built}",
            f"RUNTIME={sys.executable}",
            # What the functions are compared with makes clients of DynamoDB; the functions do not.
            "AWS_SERVICES=dynamodb secretsmanager sqs",
        ],
        check=True,
    )
    shutil.copytree(built, plain, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(built, bare)
    for handler in (Path(__file__).parent / "bare").glob("*.py"):
        shutil.copy(handler, bare / f"bare_{handler.name}")
    compileall.compile_dir(bare, maxlevels=0, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    return Artifacts(built, plain, bare)

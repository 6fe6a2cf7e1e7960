"""The SAM CLI for `make` in this suite: what it builds is laid over (overlay.py), all else is as it is.

The same sources are built once: a second build takes half a minute, and gives the same (tests/e2e/test_build.py).

python -m tests.deployment.sam … (SAM_ITSELF: the SAM CLI; AWS_ENDPOINT_URL: the emulator)
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from cfnlint.decode import cfn_yaml

from functions.once import fingerprint
from tests.deployment.overlay import overlaid

SOURCES = (Path("functions"), Path("template.yaml"))
BUILT = Path(".aws-sam/build")
MARK = BUILT / "sources"


def main(arguments: list[str]) -> int:
    """Run SAM; the exit status is its own."""
    if arguments[0] != "build":
        return run(arguments)
    sources = fingerprint([*SOURCES], arguments)
    if MARK.exists() and MARK.read_text() == sources:
        return 0
    status = run(arguments)
    if status == 0:
        lay_over()
        MARK.write_text(sources)
    return status


def run(arguments: list[str]) -> int:
    """SAM itself, without what is ours in the environment."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([variables["SAM_ITSELF"], *arguments], env=variables, check=False).returncode


def lay_over() -> None:
    """Change what was built in the current directory."""
    template = BUILT / "template.yaml"
    source = json.loads(json.dumps(cfn_yaml.load(str(template))))
    # The artifact that all functions are: SAM would pack it seven times, with the same result.
    artifact = shutil.make_archive(str(BUILT.resolve() / "artifact"), "zip", BUILT / "AcceptFunction")
    template.write_text(json.dumps(overlaid(source, os.environ["AWS_ENDPOINT_URL"], artifact)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

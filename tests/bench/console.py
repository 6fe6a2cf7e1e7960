"""The operators' page with a full log, measured in the development environment (`pages.py`)."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from typing import TYPE_CHECKING

from tests.bench import artifact
from tests.bench.table import Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.artifact import Artifacts

MOST_SECONDS = 0.5


def console(_: Artifacts) -> Iterator[Line]:
    """Each page, from the browser's call to its answer."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{artifact.ROOT}:{artifact.ROOT / 'functions'}"}
    command = [str(artifact.ROOT / ".venv/bin/python"), "-m", "tests.bench.pages"]
    done = subprocess.run(command, cwd=artifact.ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    part = "The operators' page, 100,000 messages in 200 campaigns, on `make run`'s AWS"
    for page, seconds in json.loads(done.stdout).items():
        figure = f"{statistics.median(seconds) * 1_000:.0f} ms, at most {max(seconds) * 1_000:.0f}"
        yield Line(part, page, figure, target="≤ 500 ms", met=max(seconds) <= MOST_SECONDS)

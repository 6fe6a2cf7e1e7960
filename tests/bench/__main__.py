"""`make bench`: the figures of docs/performance.md, each beside what it is compared with. All of them are written into
that document, and into bench.json; `make bench PART=dispatch` measures a part alone and writes nothing.

Absolute figures are this machine's, and those of this moment; the ratios are what can be repeated.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench import artifact
from tests.bench.document import with_figures
from tests.bench.parts import ALONE, NEEDED, PARTS
from tests.bench.table import Line, text

RESULT = artifact.ROOT / "bench.json"
DOCUMENT = artifact.ROOT / "docs/performance.md"
RUNTIME = (3, 13)


def machine() -> dict[str, Any]:
    """What it ran on."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "is_the_runtime": sys.version_info[:2] == RUNTIME,
        "load_average": os.getloadavg()[0],
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def main(names: list[str]) -> None:
    """Measure the parts of these names, and print; all, without any, and write."""
    parts = PARTS | ALONE
    if unknown := {*names} - {*parts}:
        sys.exit(f"no such part: {', '.join(sorted(unknown))}. There are: {', '.join(parts)}")
    begun, found = time.monotonic(), machine()
    on = f"{found['processor']}, {found['cores']} cores, {found['system']}, Python {found['python']}"
    _say(on)
    if not found["is_the_runtime"]:
        _say("This is not the functions' runtime, Python 3.13: put python3.13 on the PATH for figures that hold there.")
    if found["load_average"] > 0.5 * (found["cores"] or 1):
        _say(f"Others use this machine as well (load average {found['load_average']:.1f}): trust ratios, not figures.")
    built = artifact.build()
    wanted = [part for name in names or PARTS for part in (*(NEEDED.get(name, ()) if names else ()), name)]
    lines: list[Line] = []
    for name in dict.fromkeys(wanted):
        _say(f"… {name} ({time.monotonic() - begun:.0f} s)")
        lines += parts[name](built)
    minutes = (time.monotonic() - begun) / 60
    _say(f"\n{text(lines)}\n\n{minutes:.1f} minutes")
    if not names:
        result = {"machine": found, "minutes": minutes, "lines": [asdict(line) for line in lines]}
        RESULT.write_text(json.dumps(result, indent=1))
        how = f"{on}, {found['at'][:10]}, load average {found['load_average']:.1f} when it began, {minutes:.1f} minutes"
        DOCUMENT.write_text(with_figures(DOCUMENT.read_text(), f"{how}:\n\n{text(lines)}"))


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])

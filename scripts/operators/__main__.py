"""`scripts/bridge`."""

from __future__ import annotations

import sys

from scripts.operators.cli import main

if __name__ == "__main__":
    sys.exit(main())

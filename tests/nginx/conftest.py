"""Starts nginx, and the Message Central behind it, for each test."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.nginx.world import Backend, Bridge, nginx_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.nginx.server import Nginx


@pytest.fixture
def backend() -> Iterator[Backend]:
    server = Backend()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def nginx(backend: Backend, tmp_path: Path) -> Iterator[Nginx]:
    started = nginx_before(backend, tmp_path)
    yield started
    started.stop()


@pytest.fixture
def bridge(nginx: Nginx) -> Callable[[str], Bridge]:
    return lambda location: Bridge(f"http://127.0.0.1:{nginx.port}/{location}")

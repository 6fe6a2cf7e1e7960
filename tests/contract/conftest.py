"""The running bridge, with free ports, as `make run` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.bridge import Bridge, Options
from local.simulator import Simulator
from local.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    logs = tmp_path_factory.mktemp("logs")
    with Simulator() as vendor, Sink() as clevertap:
        options = Options(message_central_url=vendor.url, callback_url=clevertap.callback_url, logs=logs)
        with Bridge(options) as running:
            yield running

"""The fault suite's fixtures: one AWS for all tests, a world of its own for each, a seed, and the table at the end."""

from __future__ import annotations

import logging
import os
import secrets
from contextlib import ExitStack
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from local.aws import LocalAws
from tests.faults.gateway import Gateway
from tests.faults.scoreboard import Scoreboard
from tests.faults.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEED = pytest.StashKey[str]()
SCOREBOARD = pytest.StashKey[Scoreboard]()


def pytest_configure(config: pytest.Config) -> None:
    # Into the environment: the processes among which xdist deals out the tests have the same.
    os.environ["SEED"] = config.stash[SEED] = os.environ.get("SEED") or str(secrets.randbelow(1_000_000))
    config.stash[SCOREBOARD] = Scoreboard()


def pytest_report_header(config: pytest.Config) -> str:
    return f"faults: SEED={config.stash[SEED]} (set it to repeat a run)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report: pytest.TestReport = yield
    if report.failed:
        report.sections.append(("seed", f"SEED={item.config.stash[SEED]}"))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of xdist's processes hands over its table."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["faults"] = session.config.stash[SCOREBOARD].lines()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[SCOREBOARD].join(getattr(node, "workeroutput", {}).get("faults", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    scoreboard = config.stash[SCOREBOARD]
    if scoreboard:
        terminalreporter.section(f"faults, SEED={config.stash[SEED]}")
        for line in scoreboard.table():
            terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def _quiet_clients():
    """Our own calls to AWS are not what is tested: their debug lines would take half of the suite's time."""
    loggers = [logging.getLogger(name) for name in ("botocore", "boto3", "urllib3", "asyncio")]
    for one in loggers:
        one.setLevel(logging.WARNING)
    yield
    for one in loggers:
        one.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory):
    with LocalAws(log=tmp_path_factory.mktemp("aws") / "moto.log") as running:
        yield running


@pytest.fixture
def random(request: pytest.FixtureRequest) -> Random:
    return Random(f"{request.config.stash[SEED]}/{request.node.name}")


@pytest.fixture
def make_world(aws, request, random, tmp_path):
    """Worlds with settings of their own; they end with the test."""
    with ExitStack() as worlds:
        yield partial(_world, worlds, aws, request.config.stash[SCOREBOARD], tmp_path, random)


@pytest.fixture(scope="module")
def make_module_world(aws, request, tmp_path_factory):
    """The same for worlds that end with the module."""
    seed, logs = request.config.stash[SEED], tmp_path_factory.mktemp("worlds")
    with ExitStack() as worlds:
        yield partial(_world, worlds, aws, request.config.stash[SCOREBOARD], logs, Random(seed))


@pytest.fixture
def gateway(tmp_path) -> Iterator[Gateway]:
    """A real nginx, which `make_world(front=gateway.before)` puts before the vendor."""
    directory = tmp_path / "nginx"
    directory.mkdir()
    one = Gateway(directory)
    yield one
    one.stop()


@pytest.fixture
def world(make_world) -> World:
    return make_world()


def _world(
    worlds: ExitStack, aws: LocalAws, scoreboard: Scoreboard, logs: Path, random: Random, **options: Any
) -> World:
    world = World(f"w{secrets.token_hex(4)}", aws, Random(random.random()), scoreboard, logs, **options)
    worlds.callback(world.stop)
    return world.start()

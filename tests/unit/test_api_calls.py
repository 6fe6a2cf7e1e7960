"""The reader of API calls finds all that a handler can reach, by way of App and Settings, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit import api_calls

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "handlers/__init__.py": "",
    "handlers/accept.py": """
from functools import partial
from bridge.app import App

def accept(rules, event):
    return rules.take(event, event.report)

handler = partial(accept, App.from_environment().accept)
""",
    "handlers/report.py": """
from bridge.app import App

app = App.from_environment()

def handler(event, context):
    return app.report.read(event)
""",
    "bridge/__init__.py": "",
    "bridge/settings.py": """
import os

class Settings:
    def __init__(self, environ):
        self._environ = environ

    @classmethod
    def from_environment(cls):
        return cls(os.environ)

    @property
    def log_table(self):
        return self._environ["LOG_TABLE"]

    @property
    def report(self):
        return self._environ["REPORT"]
""",
    "bridge/app.py": """
from functools import cached_property
from bridge.settings import Settings

class App:
    def __init__(self, settings):
        self._settings = settings

    @classmethod
    def from_environment(cls):
        return cls(Settings.from_environment())

    @cached_property
    def accept(self):
        from bridge.accept import Acceptor
        return Acceptor(self._log)

    @cached_property
    def _log(self):
        from bridge.log import Log
        return Log(self._settings.log_table)

    @cached_property
    def report(self):
        from bridge.report import Reporter as Rules
        return Rules(self._settings.report)
""",
    "bridge/accept.py": """
class Acceptor:
    def __init__(self, log):
        self._log = log

    def take(self, event, report):
        self._log.claim(event)
""",
    "bridge/log.py": """
class Log:
    def claim(self, row):
        self._client.put_item(Item=row)

    def read(self, row):
        self._client.query(Key=row)
""",
    "bridge/report.py": """
class Reporter:
    def read(self, event):
        _send(self._queue)

def _send(queue):
    queue.send_message_batch(Entries=[])
""",
}


@pytest.fixture
def handlers(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path / "handlers"


def test_a_handlers_calls_are_those_of_the_part_of_the_app_that_it_asks_for(handlers):
    assert api_calls.actions_of(handlers / "accept.py") == {"dynamodb:PutItem"}
    assert api_calls.actions_of(handlers / "report.py") == {"sqs:SendMessage"}


def test_a_handlers_variables_are_those_of_the_settings_that_its_part_reads(handlers):
    assert api_calls.variables_of(handlers / "accept.py") == {"LOG_TABLE"}
    assert api_calls.variables_of(handlers / "report.py") == {"REPORT"}

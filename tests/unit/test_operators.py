"""The operators' command line: where it works, what it asks and prints, and how it ends."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bridge.campaigns.control import State
from bridge.campaigns.keys import WHOLE_ACCOUNT, campaign_key
from scripts.operators import output, target
from scripts.operators.cli import hoisted, main
from scripts.operators.output import fields, table
from tests.fakes.dynamodb import CAMPAIGNS
from tests.fakes.faults import DENIED
from tests.fakes.values import ACCOUNT_ID
from tests.unit.operators import WHO, Operators

if TYPE_CHECKING:
    from tests.unit.harness import Bridge


@pytest.fixture
def operators(bridge: Bridge, capsys: pytest.CaptureFixture[str]) -> Operators:
    return Operators(bridge, capsys)


class Terminal(io.StringIO):
    """A person's, with what is going to be typed."""

    def isatty(self) -> bool:
        return True


def count(bridge: Bridge, campaign: str | None, **counters: int) -> None:
    """Lay a campaign's counters into the table."""
    item = {"account": {"S": ACCOUNT_ID}, "campaign": {"S": campaign_key(campaign)}}
    item |= {name: {"N": str(number)} for name, number in counters.items()}
    item["lastAt"] = {"S": "2026-11-28T10:00:00.000Z"}
    bridge.dynamodb.tables[CAMPAIGNS][ACCOUNT_ID, campaign_key(campaign)] = item


def control(bridge: Bridge, key: str) -> tuple[State, str | None, str | None]:
    found = bridge.app_now.controls.read([(ACCOUNT_ID, key)])[ACCOUNT_ID, key]
    return found.state, found.changed_by, found.note


# The command line


@pytest.mark.parametrize(
    ("words", "moved"),
    [
        (["campaigns", "--local"], ["--local", "campaigns"]),
        (["stop", "42", "--account", "A", "--yes", "--json"], ["--account", "A", "--json", "stop", "42", "--yes"]),
        (["campaigns", "--stack=sms"], ["--stack=sms", "campaigns"]),
        (["stop", "--", "--json"], ["stop", "--", "--json"]),
        (["campaigns", "--account"], ["--account", "campaigns"]),
        ([], []),
    ],
)
def test_options_of_all_commands_may_stand_anywhere(words: list[str], moved: list[str]):
    assert hoisted(words) == moved


@pytest.mark.parametrize("words", [["campaigns"], ["--stack", "sms", "--local", "campaigns"]])
def test_it_wants_to_know_where_to_work(words: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(words) == 2
    assert capsys.readouterr().err == "Say where: --stack NAME, or --local for `make run`.\n"


@pytest.mark.parametrize("words", [["nonsense"], ["campaign"], ["stop", "42", "43"], ["campaigns", "--nonsense"]])
def test_what_cannot_be_read_is_a_wrong_usage(operators: Operators, words: list[str]):
    ended = operators(*words)

    assert (ended.code, ended.out) == (2, "")
    assert "Error" in ended.err


def test_without_make_run_it_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(target, "_listens", lambda _port: False)
    monkeypatch.setenv("PORT", "3999")

    assert main(["--local", "campaigns"]) == 1
    assert "Nothing listens on port 3999" in capsys.readouterr().err


def test_make_run_is_found_by_its_variables(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(target, "_listens", lambda _port: True)
    monkeypatch.setenv("PORT", "3999")
    monkeypatch.setenv("AWS_PORT", "4999")

    found = target.local()

    assert found.base_url == "http://127.0.0.1:3999"
    assert found.settings.log_table == "local-SmsLogTable"
    assert found.settings.single_queue_url == "http://127.0.0.1:4999/123456789012/local-SingleQueue"
    assert found.who().startswith("local/")


def test_of_several_accounts_one_has_to_be_named(operators: Operators):
    operators.target = replace(operators.target, names=("A", "B"))

    assert operators("campaigns").code == 2
    assert operators("campaigns").err == "The stack has 2 accounts: choose with --account (A, B).\n"
    assert operators("campaigns", "--account", "A").code == 0


def test_a_stack_without_an_account_says_so(operators: Operators):
    operators.target = replace(operators.target, names=())

    assert operators("campaigns").code == 1


def test_what_aws_refuses_is_said_by_its_code(operators: Operators, bridge: Bridge):
    bridge.dynamodb.fail("query", DENIED)

    ended = operators("campaigns")

    assert ended.code == 1
    assert "AccessDenied" in ended.err


# Looking


def test_campaigns_are_listed_with_what_was_decided(operators: Operators, bridge: Bridge):
    count(bridge, "42", accepted=1_200, n_sent=1_100, n_unknown=2)
    count(bridge, None, accepted=3, n_delivered=3)
    operators("stop", "42", "--yes")

    ended = operators("campaigns")

    heads, *rows = (line.split() for line in ended.out.splitlines())
    assert heads[:4] == ["campaign", "state", "accepted", "sent"]
    assert [row[:4] for row in rows] == [["42", "stopped", "1,200", "1,100"], ["-", "running", "3", "0"]]
    assert [one["id"] for one in operators("campaigns", "--json").document()] == ["42", None]


def test_no_campaign_is_no_error(operators: Operators):
    assert operators("campaigns").out == "No campaign yet.\n"
    assert operators("--json", "campaigns").document() == []


def test_one_campaign_shows_its_statuses_codes_and_decision(operators: Operators, bridge: Bridge):
    count(bridge, "42", accepted=3, acceptedParts=6, n_sent=2, parts_sent=4, n_rejected=1, parts_rejected=2, code_910=1)
    operators("pause", "--yes", "--note", "look first")

    ended = operators("campaign", "42")

    assert "whole account  paused by" in ended.out
    assert "(look first)" in ended.out
    assert [line.split() for line in ended.out.splitlines()][-5:] == [
        ["sent", "2", "4"],
        ["rejected", "1", "2"],
        [],
        ["code", "messages"],
        ["910", "1"],
    ]
    document = operators("campaign", "42", "--json").document()
    assert (document["statuses"], document["codes"]) == ({"sent": 2, "rejected": 1}, {"910": 1})
    assert document["control"]["state"] == "paused"


def test_messages_without_a_campaign_are_one_too(operators: Operators, bridge: Bridge):
    count(bridge, None, accepted=3)

    assert operators("campaign", "-").code == 0


def test_an_unknown_campaign_is_an_error(operators: Operators):
    ended = operators("campaign", "43")

    assert (ended.code, ended.out) == (1, "")
    assert "Nothing is known of a campaign 43" in ended.err


# Steering


@pytest.mark.parametrize(("word", "state"), [("pause", "paused"), ("stop", "stopped"), ("resume", "running")])
@pytest.mark.parametrize(
    ("campaign", "key"), [(["42"], "42"), ([], WHOLE_ACCOUNT), (["-"], "-"), (["*"], "~*"), (["--", "-x"], "-x")]
)
def test_a_campaign_or_the_account_is_steered_by_the_person_who_calls(
    operators: Operators, bridge: Bridge, word: str, state: str, campaign: list[str], key: str
):
    ended = operators(word, "--yes", "--note", "wrong price", *campaign)

    assert ended.code == 0
    assert control(bridge, key) == (State(state), WHO, "wrong price")
    assert f"is {state}" in ended.out


def test_nothing_is_changed_where_nobody_can_be_asked(
    operators: Operators, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(output.sys, "stdin", io.StringIO("y\n"))

    ended = operators("stop", "42")

    assert (ended.code, ended.out) == (3, "")
    assert "say --yes" in ended.err
    assert not bridge.dynamodb.tables[CAMPAIGNS]


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 3), ("\n", 3), ("", 3)])
def test_a_person_is_asked(
    operators: Operators, bridge: Bridge, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
):
    monkeypatch.setattr(output.sys, "stdin", Terminal(answer))

    ended = operators("stop", "42")

    assert ended.code == code
    assert "Stop campaign 42" in ended.err
    assert bool(bridge.dynamodb.tables[CAMPAIGNS]) is (code == 0)


# What is printed


def test_a_table_is_as_wide_as_its_cells():
    assert table(("name", "count"), [("a", 7), ("longer", 1_234)]) == "name    count\na           7\nlonger  1,234"


def test_what_others_wrote_cannot_steer_the_terminal():
    assert table(("id",), [("a\x1b[2Jb\nc",)]) == "id\na�[2Jb�c"
    assert fields([("note", "x\x07"), ("absent", None)]) == "note  x�"

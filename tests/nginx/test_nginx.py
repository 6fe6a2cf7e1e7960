"""What a real nginx says in Message Central's place is never taken for the vendor's word, and nothing is sent twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.message import Cause, Status
from tests.fakes.values import account, number
from tests.nginx import world as vendor

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.nginx.world import Backend, Bridge

    At = Callable[[str], Bridge]

NUMBER = number(1)[3:]


def test_through_nginx_a_message_is_sent(bridge: At, backend: Backend):
    outcome = bridge("forwarded").send()

    assert (outcome.status, outcome.verification_id) == (Status.SENT, "4711")
    assert backend.took == [NUMBER]


@pytest.mark.parametrize(
    ("afterwards", "code"),
    [
        (vendor.closes, "HTTP 502"),
        (vendor.resets, "HTTP 502"),
        (vendor.hangs, "HTTP 504"),
        (vendor.fails, "500"),
    ],
)
def test_a_vendor_that_takes_a_message_and_dies_leaves_it_unknown(
    bridge: At, backend: Backend, afterwards: Callable[..., None], code: str
):
    backend.afterwards = afterwards

    outcome = bridge("forwarded").send()

    assert (outcome.status, outcome.vendor_code, outcome.outage) == (Status.UNKNOWN, code, True)
    assert backend.took == [NUMBER]


def test_a_vendor_that_dies_while_it_answers_leaves_the_message_unknown(bridge: At, backend: Backend):
    backend.afterwards = vendor.dies_while_answering

    outcome = bridge("forwarded").send()

    assert (outcome.status, outcome.outage) == (Status.UNKNOWN, True)
    assert backend.took == [NUMBER]


def test_a_vendor_that_is_gone_leaves_the_message_unknown(bridge: At, backend: Backend):
    # Here nothing was sent, but nginx says the same as of a vendor that took it: nobody can tell them apart.
    outcome = bridge("gone").send()

    assert (outcome.status, outcome.vendor_code, outcome.outage) == (Status.UNKNOWN, "HTTP 502", True)
    assert backend.took == []


def test_an_nginx_that_hangs_up_leaves_the_message_unknown(bridge: At, backend: Backend):
    outcome = bridge("hanging-up").send()

    assert (outcome.status, outcome.outage) == (Status.UNKNOWN, True)
    assert backend.took == []


def test_a_maintenance_page_makes_the_message_wait_as_long_as_it_says(bridge: At, backend: Backend):
    outcome = bridge("maintenance").send()

    assert (outcome.status, outcome.cause, outcome.outage) == (Status.RETRYING, Cause.BUSY, True)
    assert outcome.retry_after == 120
    assert backend.took == []


@pytest.mark.parametrize(("location", "code"), [("missing", "HTTP 404"), ("moved", "HTTP 302"), ("small", "HTTP 413")])
def test_nginxs_own_page_never_rejects_a_message(bridge: At, backend: Backend, location: str, code: str):
    outcome = bridge(location).send()

    assert (outcome.status, outcome.cause, outcome.outage) == (Status.RETRYING, Cause.GATEWAY, True)
    assert (outcome.failure, outcome.vendor_code) == (None, code)
    assert backend.took == []


def test_nginxs_own_bad_request_says_nothing_of_the_number(bridge: At, backend: Backend):
    refused = bridge("forwarded")
    refused.account = account(auth_token="t" * 2_000)  # more than its buffer for headers takes

    outcome = refused.send()

    assert (outcome.status, outcome.cause, outcome.outage) == (Status.RETRYING, Cause.GATEWAY, True)
    assert (outcome.failure, outcome.vendor_code) == (None, "HTTP 400")
    assert backend.took == []


def test_a_page_with_status_200_is_no_success(bridge: At, backend: Backend):
    outcome = bridge("holiday").send()

    assert (outcome.status, outcome.vendor_code) == (Status.UNKNOWN, "HTTP 200")
    assert backend.took == []


def test_a_forbidden_page_holds_the_message_as_refused_credentials_do(bridge: At, backend: Backend):
    outcome = bridge("forbidden").send()

    assert (outcome.status, outcome.cause, outcome.outage) == (Status.RETRYING, Cause.CREDENTIALS, True)
    assert backend.took == []


def test_a_rate_limit_is_a_rate_and_no_outage(bridge: At, backend: Backend):
    limited = bridge("limited")

    first, second = limited.send(1), limited.send(2)

    assert first.status is Status.SENT
    assert (second.status, second.cause, second.outage) == (Status.RETRYING, Cause.RATE, False)
    assert backend.took == [NUMBER]


# The token call


@pytest.mark.parametrize(
    ("location", "cause"),
    [
        ("maintenance", Cause.BUSY),
        ("gone", Cause.BUSY),
        ("missing", Cause.GATEWAY),
        ("moved", Cause.GATEWAY),
        ("holiday", Cause.GATEWAY),
        ("forbidden", Cause.GATEWAY),
        ("hanging-up", Cause.UNREACHABLE),
    ],
)
def test_a_page_in_the_tokens_place_says_nothing_of_the_credentials(bridge: At, location: str, cause: Cause):
    asking = bridge(location)
    asking.account = account()

    outcome = asking.send()

    assert (outcome.status, outcome.cause, outcome.outage) == (Status.RETRYING, cause, True)


@pytest.mark.parametrize("location", ["maintenance", "gone", "missing", "moved", "holiday", "forbidden", "hanging-up"])
def test_a_probe_finds_that_the_vendor_does_not_answer(bridge: At, location: str):
    assert not bridge(location).probe()


def test_a_probe_finds_that_the_vendor_answers_and_sends_nothing(bridge: At, backend: Backend):
    assert bridge("forwarded").probe()
    assert backend.took == []

"""Links into Logs Insights: what its console reads out of them, and that they are like those that it makes itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.operations.logs_insights import REQUEST, WHAT_BECAME_OF_A_REQUEST, LogsInsights
from tests.unit.logs_console import decoded, read
from tests.unit.test_template import TEMPLATE

BEGIN, END = "2026-11-28T10:00:00.000Z", "2026-11-28T11:00:00.000Z"
LOGS = LogsInsights("ap-south-1", ["/aws/lambda/bridge-accept", "/aws/lambda/bridge-dispatch"])

# As the console writes such a query into the address itself (seen in the public, the region and the group changed).
SEEN_QUERY = "fields @timestamp, @message, @logStream, @log\n| sort @timestamp desc\n| limit 10000"
SEEN = (
    "~(end~'2025-05-30T05*3a00*3a00.000Z~start~'2025-05-30T04*3a00*3a00.000Z~timeType~'ABSOLUTE~tz~'UTC"
    "~editorString~'fields*20*40timestamp*2c*20*40message*2c*20*40logStream*2c*20*40log*0a*7c*20sort*20*40timestamp"
    "*20desc*0a*7c*20limit*2010000~source~(~'*2faws*2flambda*2fbridge))"
)


def test_a_link_is_as_the_console_makes_it():
    link = LogsInsights("us-west-2", ["/aws/lambda/bridge"]).link(
        SEEN_QUERY, "2025-05-30T04:00:00.000Z", "2025-05-30T05:00:00.000Z"
    )
    assert link == (
        "https://us-west-2.console.aws.amazon.com/cloudwatch/home?region=us-west-2"
        f"#logsV2:logs-insights$3FqueryDetail$3D{SEEN}"
    )


@given(st.text(st.characters(min_codepoint=1, max_codepoint=0xFFFF, exclude_categories=["Cs"])))
def test_whatever_a_query_says_is_what_the_console_reads(query: str):
    region, asked = decoded(LOGS.link(query, BEGIN, END))

    assert (region, asked["editorString"]) == ("ap-south-1", query)
    assert (asked["start"], asked["end"], asked["source"]) == (BEGIN, END, LOGS.groups)


def test_the_lines_of_a_request_are_asked_for_as_the_saved_query_does():
    link = LOGS.of_request("5b56e810-b084", BEGIN, END)

    assert link is not None
    saved = TEMPLATE["Resources"]["WhatBecameOfARequest"]["Properties"]["QueryString"]
    assert saved == WHAT_BECAME_OF_A_REQUEST
    assert decoded(link)[1]["editorString"] == saved.replace(REQUEST, "5b56e810-b084")


@pytest.mark.parametrize("written", ["", 'a" | x', "a b", "a\n", "ä"])
def test_what_is_no_id_is_in_no_query(written: str):
    assert LOGS.of_request(written, BEGIN, END) is None


def test_the_reader_of_these_tests_refuses_what_is_not_escaped():
    for wrong in ("~(a~'b c)", "~(a~'b|c)", "~(a~'b", "(a~'b)", "~(a~'b))"):
        with pytest.raises((ValueError, IndexError)):
            read(wrong)

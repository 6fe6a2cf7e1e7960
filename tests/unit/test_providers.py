"""What CleverTap writes when set up as public pages tell it for ten providers: read, or refused in clear words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import yaml

from tests.fakes.values import message_id, number, text
from tests.unit.harness import taken_out

if TYPE_CHECKING:
    from tests.unit.harness import Handlers

PROVIDERS = yaml.safe_load((Path(__file__).parents[1] / "vectors" / "providers.yaml").read_text())
MACROS = {
    "$$To": number()[1:],
    "$$Body": text(),
    "$$MessageID": message_id(),
    "$$CampaignID": "1656678144",
    "$$TemplateID": "1107160000000000001",
}
"""What CleverTap puts into their places. Others, boxes of a campaign that stayed empty, it leaves as they are."""


def written(value: Any, names: dict[str, str]) -> Any:
    """A payload as CleverTap writes it, with these fields renamed."""
    if isinstance(value, dict):
        return {names.get(name, name): written(one, names) for name, one in value.items()}
    if isinstance(value, list):
        return [written(one, names) for one in value]
    return MACROS.get(value, value)


def answer(handlers: Handlers, provider: dict[str, Any], names: dict[str, str]) -> str:
    document = written(provider["payload"], names)
    status, body = handlers.post(urlencode(document) if provider.get("form") else json.dumps(document))
    return f"{status} {body['status'] if status == 200 else body.get('reason') or body['error']}"


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: one["provider"])
def test_the_payload_of_another_provider_is_read_or_refused_in_clear_words(
    handlers: Handlers, provider: dict[str, Any]
):
    assert re.match(provider["answer"], answer(handlers, provider, {}))


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: one["provider"])
def test_the_same_shape_with_our_names_is_sent_with_all_that_it_gives(handlers: Handlers, provider: dict[str, Any]):
    names = provider.get("ours", {})

    assert answer(handlers, provider, names) == "200 sent"

    assert taken_out(handlers.sqs) == ()
    [row] = handlers.dynamodb.rows()
    assert (row.recipient, row.text) == (number(), text())
    given = {*names.values()}
    if "messageId" in given:
        assert row.message_id == message_id()
    if "templateId" in given:
        assert row.template_id == MACROS["$$TemplateID"]
    if "campaignId" in given:
        assert row.campaign_id == MACROS["$$CampaignID"]


def test_there_are_ten():
    assert len({one["provider"] for one in PROVIDERS}) == 10

"""What workers share, over a fake table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.campaigns.control import Controls
from bridge.campaigns.keys import WHOLE_ACCOUNT
from bridge.campaigns.shared_breaker import BreakerState, SharedBreaker, breaker_of
from bridge.campaigns.table import CampaignTable
from bridge.errors import LogUnavailable
from tests.fakes.dynamodb import CAMPAIGNS
from tests.fakes.values import ACCOUNT_ID

if TYPE_CHECKING:
    from bridge.breaker import Breaker
    from tests.fakes.clock import Clock


def campaign_table(dynamodb: Any) -> CampaignTable:
    return CampaignTable(CAMPAIGNS, dynamodb)


def shared_breaker(dynamodb: Any) -> SharedBreaker:
    return SharedBreaker(campaign_table(dynamodb))


def controls_of(dynamodb: Any, clock: Clock) -> Controls:
    return Controls(campaign_table(dynamodb), clock)


def breaker_in(dynamodb: Any, account: str = ACCOUNT_ID) -> BreakerState | None:
    """How an account's breaker stands in the table."""
    key = account, WHOLE_ACCOUNT
    return breaker_of(campaign_table(dynamodb).read([key]).get(key, {}))


def look(breaker: Breaker, *, may_probe: bool) -> None:
    """Have a breaker look at its item, as the engine does when a worker begins."""
    key = breaker._account, WHOLE_ACCOUNT
    try:
        item = breaker._shared._table.read([key]).get(key, {})
    except LogUnavailable:
        item = None
    breaker.look(item, may_probe=may_probe)

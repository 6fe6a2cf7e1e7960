"""The sort keys of `CampaignTable`: what a campaign is called there, and what stands beside the campaigns.

Campaign ids are CleverTap's, so anybody who may send chooses them: none of them is a key that has a meaning here.
"""

from __future__ import annotations

import hashlib

WHOLE_ACCOUNT = "*"
"""The account as a whole: its control, its breaker, its rate."""

NO_CAMPAIGN = "-"
"""The messages of an account that came without a campaign id."""

LONGEST_BYTES = 1_024  # of a sort key, DynamoDB's limit

_ESCAPE = "~"
_DAY = f"{WHOLE_ACCOUNT}#"
_SHORTENED_BYTES = 900


def campaign_key(campaign_id: str | None) -> str:
    """The key of a campaign's item; without an id, that of the messages without one."""
    if not campaign_id:
        return NO_CAMPAIGN
    campaign_id = _short(campaign_id)
    meant = campaign_id == NO_CAMPAIGN or campaign_id.startswith((WHOLE_ACCOUNT, _ESCAPE))
    return _ESCAPE + campaign_id if meant else campaign_id


def campaign_id_of(key: str) -> str | None:
    """The id of the campaign under a key that is a campaign's; None: of the messages without one."""
    return None if key == NO_CAMPAIGN else key.removeprefix(_ESCAPE)


def day_key(day: str) -> str:
    """The key of one day (`2026-11-28`) of an account."""
    return _DAY + day


def date_of(key: str) -> str:
    """The day of a key that `day_key` made."""
    return key.removeprefix(_DAY)


def is_campaign(key: str) -> bool:
    """Whether it is a campaign's, and not the account's own or that of one of its days."""
    return not key.startswith(WHOLE_ACCOUNT)


def _short(campaign_id: str) -> str:
    """An id that fits into a key. CleverTap's have half as many bytes (`clevertap/requests.py`); where a longer one is
    typed, its beginning and a hash stand for it, and what stands for it is its own short form.
    """
    encoded = campaign_id.encode("utf-8", "replace")
    if len(encoded) < LONGEST_BYTES:
        return campaign_id
    beginning = encoded[:_SHORTENED_BYTES].decode("utf-8", "ignore")
    return f"{beginning}…{hashlib.sha256(encoded).hexdigest()[:32]}"

"""What CleverTap calls a campaign is a key of its own in CampaignTable, whatever it is."""

from hypothesis import example, given
from hypothesis import strategies as st

from bridge.campaigns.keys import NO_CAMPAIGN, WHOLE_ACCOUNT, campaign_id_of, campaign_key, day_key, is_campaign

ids = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400),
    st.text("*-~#", min_size=1, max_size=6),
)


@given(ids)
@example("*")
@example("-")
@example("~")
@example("~*")
@example("*#2026-11-28")
def test_an_id_is_none_of_the_keys_with_a_meaning_and_comes_back(campaign_id):
    key = campaign_key(campaign_id)

    assert key not in (NO_CAMPAIGN, WHOLE_ACCOUNT)
    assert is_campaign(key)
    assert campaign_id_of(key) == campaign_id


@given(ids, ids)
def test_two_ids_have_two_keys(one, other):
    assert (campaign_key(one) == campaign_key(other)) == (one == other)


@given(st.text(min_size=1), st.integers(900, 1_500))
@example("é", 512)
@example("*", 1_023)
@example("*", 1_022)
def test_a_key_fits_into_the_table_and_an_id_that_does_not_has_a_short_form_of_its_own(text, times):
    key = campaign_key(text * times)

    assert 1 <= len(key.encode("utf-8", "surrogatepass")) <= 1_024
    assert campaign_key(campaign_id_of(key)) == key


def test_long_ids_with_the_same_beginning_are_two_campaigns():
    assert campaign_key("x" * 2_000) != campaign_key("x" * 2_001)


def test_messages_without_an_id_are_a_campaign_and_days_are_none():
    assert campaign_key(None) == campaign_key("") == NO_CAMPAIGN
    assert campaign_id_of(NO_CAMPAIGN) is None
    assert is_campaign(NO_CAMPAIGN)
    assert not is_campaign(WHOLE_ACCOUNT)
    assert not is_campaign(day_key("2026-11-28"))

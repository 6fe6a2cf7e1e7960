"""Whatever a person has made of a row, the others are reported."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.values import message_id
from tests.unit.receipt_harness import ReceiptHarness, change, row


def delivered(index: int, **attributes: Any) -> dict[str, Any]:
    """A message's delivery, in the stream; `attributes` as a person left them."""
    new, old = row(index, "delivered"), row(index, "sent")
    return change(new, old, index + 1, **attributes)


VALUES = st.one_of(
    st.builds(dict, S=st.text()),
    st.builds(dict, N=st.floats().map(str) | st.integers().map(str)),
    st.builds(dict, BOOL=st.booleans()),
    st.just({"NULL": True}),
    st.just({"L": []}),
    st.just({"M": {}}),
    st.none(),
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*row(0, "delivered").to_item()]), VALUES, min_size=1))
def test_whatever_a_person_has_made_of_a_row_the_others_are_reported(attributes: dict[str, Any]):
    harness = ReceiptHarness()

    assert harness.stream(delivered(0), delivered(1, **attributes), delivered(2)) == []

    assert {message_id(0), message_id(2)} <= {*harness.clevertap.metas}

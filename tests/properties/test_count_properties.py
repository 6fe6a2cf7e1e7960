"""Whatever is written, delivered twice, cut differently or cut short: at rest the counters are the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.invocation import Invocation
from bridge.log.change import RowChange
from bridge.message import Status
from bridge.operations.audit import Auditor
from bridge.telemetry import InvocationMetrics
from tests.fakes.campaigns import campaign_table
from tests.fakes.dynamodb import CAMPAIGNS, LOG
from tests.fakes.faults import LOST_AFTER, UNREACHED, Crash
from tests.fakes.log import row
from tests.fakes.stream import OTHER_SHARD, SHARD, record
from tests.fakes.values import ACCOUNT_ID
from tests.unit.harness import Fakes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.log.row import Row

SHARDS = (SHARD, OTHER_SHARD)
CODES = (None, "904", "910")
statuses = st.sampled_from([*Status])
campaigns = st.sampled_from([None, "1", "*"])
writes = st.lists(
    st.tuples(st.integers(0, 5), statuses, campaigns, st.sampled_from(CODES), st.integers(0, 3)), max_size=40
)


@given(writes, st.data())
def test_at_rest_the_counters_are_the_rows(written: list[Any], data: st.DataObject):
    fakes = Fakes()
    shards = {shard: [*_records(fakes, written, place)] for place, shard in enumerate(SHARDS)}

    for shard, records in shards.items():
        for batch, fault in _deliveries(records, data):
            _deliver(fakes, shard, batch, fault)
        _deliver(fakes, shard, records, None)  # at the latest now all were given once

    auditor = Auditor(LOG, fakes.dynamodb, campaign_table(fakes.dynamodb), fakes.clock)  # type: ignore[arg-type] # the fake
    assert auditor.audit(ACCOUNT_ID).differences == []


ALONE, COPY, AGAIN = {"waited_for": True}, {}, {"resent_by": "a person"}
"""How a row looks whose message accept sends at once; that of another copy of it; and when a person sends it again."""
REFUSED = row(0, "rejected", attempts=0, code="904")
steps = st.lists(
    st.tuples(st.sampled_from([ALONE, COPY, AGAIN, None]), st.sampled_from(["sending", "retrying", "unknown", "sent"])),
    max_size=12,
)


@given(steps, st.data())
def test_what_counts_itself_is_accepted_or_refused(drawn: list[Any], data: st.DataObject):
    """None: it is refused, as accept does where it cannot have it tried again."""
    rows: list[Row] = []
    for mark, status in drawn:
        begins = not rows or rows[-1] == REFUSED
        first = ALONE if not rows or mark == COPY else mark  # of what was not accepted there are no other copies
        if mark is not None:
            rows.append(row(0, status, **(first if begins else mark)))
        elif begins or rows[-1].waited_for:
            rows.append(REFUSED)
    fakes = Fakes()
    records = [record(nth, new, old) for nth, (old, new) in enumerate(zip([None, *rows], rows, strict=False))]

    for batch, fault in _deliveries(records, data):
        _deliver(fakes, SHARD, batch, fault)
    _deliver(fakes, SHARD, records, None)

    item = fakes.dynamodb.tables[CAMPAIGNS].get((ACCOUNT_ID, "-"), {})
    accepted, refused = (int(item.get(name, {"N": "0"})["N"]) for name in ("accepted", "refused"))
    assert (accepted, refused) == (int(bool(rows) and rows[-1] != REFUSED), int(rows[-1:] == [REFUSED]))


def _records(fakes: Fakes, written: list[Any], place: int) -> Iterator[dict[str, Any]]:
    """The records of one shard: those of every other number. What they tell is in the log as well."""
    rows: dict[int, Row] = {}
    for nth, (number, status, campaign, code, segments) in enumerate(written):
        if number % len(SHARDS) == place:
            new = row(number, status, campaign_id=campaign, code=code, segments=segments or None)
            fakes.dynamodb.put(new)
            yield record(nth, new, rows.get(number))
            rows[number] = new


def _deliveries(records: list[dict[str, Any]], data: st.DataObject) -> Iterator[tuple[list[dict[str, Any]], Any]]:
    """Batches as a stream gives them: each begins at, or anywhere before, where the ones before it have got to."""
    reached = 0
    while reached < len(records):
        start = data.draw(st.integers(0, reached))
        end = data.draw(st.integers(start + 1, len(records)))
        fault = data.draw(st.sampled_from([None, None, UNREACHED, LOST_AFTER, Crash]))
        yield records[start:end], fault
        if fault is None:
            reached = max(reached, end)
        elif data.draw(st.booleans()):
            return


def _deliver(fakes: Fakes, shard: str, records: list[dict[str, Any]], fault: Any) -> None:
    """Give a batch to a new reader, which meets a fault at its second update, or dies there."""
    if fault is Crash:
        updates = iter(range(100))

        def die(point: str) -> None:
            if point == "before update_item" and next(updates) == 1:
                raise Crash

        fakes.dynamodb.around = die
    elif fault:
        fakes.dynamodb.fail("update_item", None, fault)
    changes = [RowChange.from_record(one["dynamodb"]) for one in records]
    try:
        fakes.app().count.count(shard, changes, Invocation("id", fakes.clock.deadline(59), InvocationMetrics()))
    except Crash:
        pass
    finally:
        fakes.dynamodb.around = lambda _point: None
        fakes.dynamodb.heal()

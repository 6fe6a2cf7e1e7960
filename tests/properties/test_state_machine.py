"""Everything at once: posts, chunks, crashes between any two calls, lost answers, two workers, receipts in any order.

One worker may die, or another may step in, at every point where something leaves the worker: before and after each call
of the log, the queue and the vendor. What has to hold all the while:
* the vendor takes no message twice;
* no message's status goes back;
* what was accepted with a 200 is in the log or on the queue, and in the end comes to rest;
* the log does not say of a message that was sent that it was not, nor the other way round.

In `ResendMachine` a person sends messages again that came to an end, at random moments, cut short or twice. Only on the
word that a message be sent that may be out already does the vendor take it once more: once for each doubt that the
person saw.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from weakref import WeakKeyDictionary

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bridge import times
from bridge.chunk import decode
from bridge.errors import NothingAccepted
from bridge.log import log
from bridge.message_central import verdicts
from bridge.receive import ReceiptCall
from tests.fakes.faults import BROKEN_AFTER, LOST_AFTER, LOST_BEFORE, THROTTLED, UNREACHED, Crash, Fault
from tests.fakes.log import row
from tests.fakes.values import ACCOUNT_ID, RECEIPT_KEY, START, message, message_id, number, text
from tests.fakes.vendor import LOST_BUT_SENT
from tests.unit.harness import Bridge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.log.row import Row
    from bridge.message import Message
    from tests.fakes.sqs import Entry

PEOPLE = 10  # few, so that they meet often

ENDINGS = [verdicts.SENT, LOST_BUT_SENT, verdicts.LOST, verdicts.BUSY, verdicts.TOO_SOON, verdicts.BAD_NUMBER]
FAULTS = [LOST_AFTER, LOST_BEFORE, BROKEN_AFTER, THROTTLED, UNREACHED]
# How one thing asked of AWS goes, with the repetitions that our own rules make of it.
AWS = [*[[None]] * 8, *([fault] for fault in FAULTS), *([fault, UNREACHED, UNREACHED] for fault in FAULTS)]

# What may follow on a status. `sending` follows on itself where a claim is known to have sent nothing, and on `unknown`
# where somebody had called it so who did not know that.
MAY_FOLLOW: dict[str | None, set[str]] = {
    None: {"sending", "expired", "rejected"},
    "sending": {"sending", "sent", "rejected", "retrying", "unknown", "expired", "delivered", "undelivered"},
    "retrying": {"sending", "expired", "retrying", "rejected"},
    "unknown": {"unknown", "sending", "expired", "sent", "rejected", "delivered", "undelivered"},
    "sent": {"sent", "delivered", "undelivered"},
    # The latter two where CleverTap was told that nothing was accepted, or a person had it sent again.
    "rejected": {"rejected", "sending", "expired"},
    "expired": {"expired", "sending"},
    "delivered": set(),
    "undelivered": set(),
}
AT_REST = {"sent", "rejected", "unknown", "expired", "delivered", "undelivered"}

Key = tuple[str, str]


@dataclass(frozen=True)
class Turn:
    """What is special about one invocation: how its neighbours end, and what happens at its n-th boundary."""

    endings: list[Any]
    default: Any
    puts: list[Fault | None]
    batches: list[Fault | None]
    unprocessed: list[int]
    sends: list[Fault | None]
    boundary: int
    happens: str  # at the boundary: nothing, crash, or another worker


CALM = Turn([], verdicts.SENT, [], [], [], [], -1, "nothing")


def flat(lists: list[list[Fault | None]]) -> list[Fault | None]:
    return [fault for one in lists for fault in one]


turns = st.builds(
    Turn,
    endings=st.lists(st.sampled_from(ENDINGS), max_size=2),
    default=st.sampled_from(ENDINGS),
    puts=st.lists(st.sampled_from(AWS), max_size=5).map(flat),
    batches=st.lists(st.sampled_from(AWS), max_size=2).map(flat),
    unprocessed=st.lists(st.integers(0, 2), max_size=2),
    sends=st.lists(st.sampled_from(AWS), max_size=3).map(flat),
    boundary=st.integers(0, 12),
    happens=st.sampled_from(["nothing", "nothing", "crash", "another"]),
)
people = st.lists(st.integers(0, PEOPLE - 1), min_size=1, max_size=3)


class Life:
    """One worker's, from its first call to its last. When it has crashed, nothing it does has any effect."""

    def __init__(self, machine: BridgeMachine, turn: Turn) -> None:
        self._machine, self._turn = machine, turn
        self._points = 0
        self.dead = False

    def reach(self) -> None:
        if self.dead:
            raise Crash
        self._points += 1
        if self._points - 1 != self._turn.boundary:
            return
        if self._turn.happens == "crash":
            self.dead = True
            raise Crash
        if self._turn.happens == "another":
            self._machine.step_in()


class BridgeMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.bridge = Bridge()
        self.accepted: set[Key] = set()
        self.refused: set[Key] = set()
        """Posted once, and answered that nothing was accepted."""
        self.doubts: dict[Key, set[str | None]] = defaultdict(set)
        """The claims of which a person said: it may be out, and be sent again anyway."""
        self.lives: list[Life] = []
        self.moved = 0
        for neighbour in (self.bridge.dynamodb, self.bridge.sqs, self.bridge.vendor):
            neighbour.around = self.reach
        self.owners: WeakKeyDictionary[threading.Thread, Life] = WeakKeyDictionary()
        # One thread at a time, so that a run can be run again.
        self.threads = patch.object(log, "RECORD_THREADS", 1)
        self.threads.start()
        self.receiver = self.bridge.app_now.receive

    def reach(self, _point: str) -> None:
        """Something leaves a worker. The threads of one that died do not get another life."""
        thread = threading.current_thread()
        if thread is threading.main_thread():
            if self.lives:
                self.lives[-1].reach()
            return
        if thread not in self.owners:
            if not self.lives:
                raise Crash
            self.owners[thread] = self.lives[-1]
        self.owners[thread].reach()

    @contextmanager
    def worker(self, turn: Turn) -> Iterator[Life]:
        """An invocation. Its thread pools end with it, so that the dead do not come back."""
        bridge = self.bridge
        bridge.vendor.script.extend(turn.endings)
        bridge.vendor.default = turn.default
        bridge.dynamodb.fail("put_item", *turn.puts)
        bridge.dynamodb.fail("batch_write_item", *turn.batches)
        bridge.dynamodb.unprocessed.extend(turn.unprocessed)
        bridge.sqs.fail("send_message_batch", *turn.sends)
        life = Life(self, turn)
        self.lives.append(life)
        try:
            yield life
        except Crash:
            life.dead = True
        finally:
            self.lives.remove(life)
            if not self.lives:
                bridge.vendor.script.clear()
                bridge.dynamodb.heal()
                bridge.dynamodb.unprocessed.clear()
                bridge.sqs.heal()

    def post(self, *messages: Message) -> dict[str, Any]:
        records = [{"to": one.recipient, "text": one.text, "messageId": one.message_id} for one in messages]
        return self.bridge.post(records).body

    # What happens

    @rule(person=st.integers(0, PEOPLE - 1), turn=turns)
    def post_one(self, person: int, turn: Turn) -> None:
        given = message(person, accepted_at=self.bridge.clock.now)
        key = (given.recipient, given.message_id)
        first = self.is_new(key)
        self.refused.discard(key)  # posted again, it may be sent
        with self.worker(turn) as life:
            try:
                answer = self.post(given)
            except NothingAccepted:
                # Where the log is away as well as the queue, a chunk in doubt stays one; an error line says so.
                if first and (key not in self.queued() or self.status(key) == "rejected"):
                    self.refused.add(key)
                return
            # A duplicate of a request that died shows as `sending` for good; so does a message whose outcome neither
            # table nor queue took, of which an error line tells.
            in_log = key in self.queued() or self.status(key) != "sending"
            if not life.dead and answer["status"] != "rejected" and answer.get("was") != "sending" and in_log:
                self.accepted.add(key)

    @rule(persons=people, turn=turns)
    def post_many(self, persons: list[int], turn: Turn) -> None:
        given = [message(person, accepted_at=self.bridge.clock.now) for person in persons]
        self.refused -= {(one.recipient, one.message_id) for one in given}
        with self.worker(turn) as life:
            try:
                answer = self.post(*given)
            except NothingAccepted:
                return
            if not life.dead and len(given) > 1:
                lost = {rejected["messageId"] for rejected in answer["rejected"]}
                keys = {(one.recipient, one.message_id) for one in given if one.message_id not in lost}
                self.accepted |= keys

    @precondition(lambda self: self.bridge.sqs.entries)
    @rule(turn=turns, which=st.integers(0, 20), again=st.booleans(), early=st.booleans())
    def deliver(self, turn: Turn, which: int, again: bool, early: bool) -> None:  # noqa: FBT001
        """SQS delivers a chunk; `again`: and will once more, `early`: it was in the queue for longer than it seems."""
        entry = self.bridge.sqs.entries[which % len(self.bridge.sqs.entries)]
        if early or entry.due <= self.bridge.clock.now:
            self.work(entry, turn, again=again)

    @rule(seconds=st.sampled_from([1, 16, 16, 70, 70, 400, 900, 900, 86_500]))
    def time_passes(self, seconds: float) -> None:
        self.bridge.clock.sleep(seconds)

    @precondition(lambda self: any(row.verification_id for row in self.bridge.dynamodb.rows()))
    @rule(which=st.integers(0, 20), word=st.sampled_from(["DELIVRD", "UNDELIV", "ENROUTE"]))
    def receipt(self, which: int, word: str) -> None:
        rows = [row for row in self.bridge.dynamodb.rows() if row.verification_id]
        row = rows[which % len(rows)]
        self.receive(row.verification_id or "", row.recipient, word)

    @rule(person=st.integers(0, PEOPLE - 1))
    def receipt_of_something_else(self, person: int) -> None:
        """Its message may be one whose answer was lost, or none of ours; the log must stay true to its order."""
        self.receive("never given", message(person).recipient, "DELIVRD")

    def receive(self, verification_id: str, recipient: str, word: str) -> None:
        parked = [*self.bridge.sqs.entries]
        receipt = {"verificationId": verification_id, "mobileNumber": recipient, "status": word}
        with self.worker(CALM):
            call = ReceiptCall(ACCOUNT_ID, json.dumps(receipt).encode(), "", "POST", "application/json")
            self.receiver.take(call, RECEIPT_KEY, self.bridge.invocation(9))
        self.bridge.sqs.entries = parked  # a queue of their own, tried again by other rules

    def work(self, entry: Entry, turn: Turn, *, again: bool = False) -> None:
        with self.worker(turn) as life:
            # Each invocation in an environment of its own: one environment never has two at once.
            self.bridge.new_environment()
            [done] = self.bridge.dispatch(decode(entry.body))
            if done and not life.dead and not again and entry in self.bridge.sqs.entries:
                self.bridge.sqs.entries.remove(entry)

    def step_in(self) -> None:
        """Another worker has the newest chunk while this one stands where it is."""
        if self.bridge.sqs.entries and len(self.lives) == 1:
            self.work(self.bridge.sqs.entries[-1], CALM, again=True)

    def status(self, key: Key) -> Any:
        row = self.bridge.dynamodb.row(key)
        return row and row.status.value

    def is_new(self, key: Key) -> bool:
        return key not in self.logged() and key not in self.queued() and key not in self.accepted

    def logged(self) -> set[Key]:
        return {(row.recipient, row.message_id) for row in self.bridge.dynamodb.rows()}

    def queued(self) -> set[Key]:
        chunks = [decode(entry.body) for entry in self.bridge.sqs.entries]
        messages = {(one.recipient, one.message_id) for chunk in chunks for one in chunk.messages}
        rows = {(row.recipient, row.message_id) for chunk in chunks for row in chunk.outcomes}
        return messages | rows

    # What holds

    @invariant()
    def nothing_is_sent_twice(self) -> None:
        for key, count in self.bridge.vendor.sent.items():
            assert count <= 1 + len(self.doubts[key]), (key, count)

    @invariant()
    def no_status_goes_back(self) -> None:
        history = self.bridge.dynamodb.history
        for key, before, after in history[self.moved :]:
            assert after in MAY_FOLLOW[before], f"{key[1]}: {before} -> {after}"
        self.moved = len(history)

    @invariant()
    def nothing_accepted_is_lost(self) -> None:
        lost = self.accepted - self.logged() - self.queued()
        assert not lost, lost

    @invariant()
    def the_log_is_true(self) -> None:
        for key in self.logged():
            status = self.status(key)
            if status == "sent":
                assert self.bridge.vendor.sent[key] >= 1
            # Of one that was sent again in doubt, a rejection speaks of that time only.
            if status in ("retrying", "expired") or (status == "rejected" and not self.doubts[key]):
                assert self.bridge.vendor.sent[key] == 0, status

    @invariant()
    def what_was_not_accepted_is_not_sent(self) -> None:
        assert not self.refused & {*self.bridge.vendor.sent}

    def teardown(self) -> None:
        """In the end nothing fails any more, and every accepted message comes to rest."""
        self.threads.stop()
        for _ in range(1_000):  # a half-open breaker to which a chunk shows nothing lets the next try in a minute
            if not self.bridge.sqs.entries:
                break
            entry = min(self.bridge.sqs.entries, key=lambda waiting: waiting.due)
            self.bridge.clock.now = max(self.bridge.clock.now, entry.due)
            self.work(entry, CALM)
            self.nothing_is_sent_twice()
            self.no_status_goes_back()
        assert not self.bridge.sqs.entries, "chunks go round for ever"
        self.the_log_is_true()
        self.what_was_not_accepted_is_not_sent()
        restless = {key[1]: self.status(key) for key in self.accepted if self.status(key) not in AT_REST}
        assert not restless, restless


class ResendMachine(BridgeMachine):
    """Messages that came to an end, and a person; the vendor's answers are often lost."""

    post_one = post_many = receipt_of_something_else = None  # type: ignore[assignment] # nothing new comes

    def __init__(self) -> None:
        super().__init__()
        self.previews: list[list[Row]] = []
        """What a person saw, and may yet have sent again."""

    @initialize(
        ends=st.lists(st.sampled_from(["expired", "rejected", "unknown", "out", "out"]), min_size=2, max_size=4)
    )
    def begin(self, ends: list[str]) -> None:
        for index, end in enumerate(ends):
            status = "unknown" if end == "out" else end
            final = {} if status == "unknown" else {"final_at": times.iso(START - 1), "code": "904"}
            self.bridge.dynamodb.put(row(index, status, text=text(), **final))
            self.bridge.vendor.sent[number(index), message_id(index)] = int(end == "out")
        self.moved = len(ends)

    @precondition(lambda self: len(self.bridge.sqs.entries) < 2)  # it is what became of them that matters
    @rule(unknown=st.sampled_from([True, True, False]), turn=turns, later=st.booleans())
    def send_again(self, unknown: bool, turn: Turn, later: bool) -> None:  # noqa: FBT001
        """A person looks, and says it at once; perhaps once more some time later."""
        preview = self.bridge.app_now.resend.preview(self.bridge.dynamodb.rows(), unknown=unknown)
        if later:
            self.previews.append(preview.rows)
        self.resend(preview.rows, turn)

    @precondition(lambda self: self.previews)
    @rule(turn=turns)
    def send_again_what_was_seen_before(self, turn: Turn) -> None:
        self.resend(self.previews.pop(), turn)

    @precondition(lambda self: self.bridge.sqs.entries)
    @rule(ending=st.sampled_from([LOST_BUT_SENT, verdicts.LOST, verdicts.BUSY]), which=st.integers(0, 20))
    def deliver_twice(self, ending: Any, which: int) -> None:
        entry = self.bridge.sqs.entries[which % len(self.bridge.sqs.entries)]
        self.work(entry, replace(CALM, default=ending), again=True)
        self.work(entry, CALM)

    def resend(self, rows: list[Row], turn: Turn) -> None:
        for one in rows:
            if one.status == "unknown":
                self.doubts[one.recipient, one.message_id].add(one.claimed_by)
        with self.worker(turn):
            self.bridge.app_now.resend.resend(rows, "a person")


TestBridge = BridgeMachine.TestCase
TestBridge.settings = settings(
    derandomize=True,  # the same in every run; without it, with more examples, it is a hunt
    phases=[Phase.generate],  # with Phase.shrink, too, it takes minutes to say what failed in fewer steps
    max_examples=300,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[*HealthCheck],
)
TestResend = ResendMachine.TestCase
TestResend.settings = settings(TestBridge.settings, max_examples=150, stateful_step_count=15)

"""What CleverTap asked for: one message is sent while it waits, many go to the queue.

One message is a chunk of one: it goes through the same engine as a batch, and what is left of it goes to the queue.
What the engine says is worded here, for docs/contracts/clevertap.md §3.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge.aws import CALL_SECONDS
from bridge.batch import Batch
from bridge.campaigns.control import State
from bridge.campaigns.keys import campaign_key
from bridge.chunk import Chunk, Lane
from bridge.clevertap.codes import CODES
from bridge.clevertap.encryption import is_encrypted
from bridge.clevertap.requests import parse_records, parse_request
from bridge.errors import LogUnavailable, NothingAccepted
from bridge.forbid import deadline_for_sqs, not_queued
from bridge.leftovers import Leftovers
from bridge.message import Cause, Status
from bridge.promotional_hours import until, wait_of
from bridge.send import STOPPED, Ending
from bridge.sqs import Queued
from bridge.steering import keys_of
from bridge.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bridge.account import Account
    from bridge.campaigns.counting import Counters
    from bridge.campaigns.table import Key
    from bridge.chunk import ChunkQueue
    from bridge.clevertap.encryption import Opener
    from bridge.clevertap.requests import ParsedRequest
    from bridge.engine import Engine
    from bridge.forbid import Forbidder
    from bridge.invocation import Invocation
    from bridge.message import Message, Rejection
    from bridge.send import SendResult

LOOK_SECONDS = 5.0
"""How long accept goes on with what it read of an account's breaker, and of what people decided."""

MOST_LOOKS = 1_000
"""How many campaigns it remembers to have looked at before it drops those whose time is over."""

LOG_PAUSE_SECONDS = 5.0
"""How long single messages go to the queue unclaimed after the log did not answer: the next would wait as long."""


class Post(NamedTuple):
    """What CleverTap posts. The headers' names are in lower case."""

    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """An HTTP status and a JSON body for CleverTap."""

    status: int
    body: dict[str, Any]


class Acceptor:
    """Takes what CleverTap posts."""

    def __init__(
        self,
        engine: Engine,
        forbidder: Forbidder,
        queue: ChunkQueue,
        opener: Opener,
        counters: Counters,
        *,
        clock: Callable[[], float],
    ) -> None:
        """`clock` gives epoch seconds."""
        self._engine = engine
        self._log = engine.log
        self._forbidder = forbidder
        self._queue = queue
        self._opener = opener
        self._counters = counters
        self._clock = clock
        self._looked_at: dict[Key, float] = {}
        self._log_silent_until = 0.0

    def accept(self, post: Post, account: Account, invocation: Invocation) -> Answer:
        """Take one request.

        Raises:
            RequestError: it holds no messages that could be read.
            NothingAccepted: nothing of it was sent or queued, and nothing will be.
        """
        parsed = self._read(post, account)
        if not parsed.single:
            return self._accept_many(parsed, account, invocation)
        if parsed.rejections:
            return self._reject_one(parsed.rejections[0], account, invocation)
        return self._accept_one(next(iter(parsed.messages.values())), account, invocation)

    def _read(self, post: Post, account: Account) -> ParsedRequest:
        if not is_encrypted(post.headers):
            return parse_request(parse_records(post.body), account, self._clock())
        records, seal = self._opener.open(post.headers, post.body, account)
        return parse_request(records, account, self._clock(), str(seal))

    # ── One message ───────────────────────────────────────────────────────────────────────────────────────────────

    def _reject_one(self, rejection: Rejection, account: Account, invocation: Invocation) -> Answer:
        """Log one record that cannot be a message; CleverTap is told by the answer."""
        self._record_rejections([rejection], account, invocation, report=False)
        return _rejected(CODES[rejection.failure], rejection.reason)

    def _accept_one(self, message: Message, account: Account, invocation: Invocation) -> Answer:
        message = replace(message, waited_for=True)
        chunk = Chunk(account.id, message.accepted_at, 0, [message], request=invocation.id, lane=Lane.SINGLE)
        leftovers = Leftovers(chunk)
        result = self._try(message, account, leftovers, invocation)
        leftovers.failed = False  # there is no chunk that would come again: what is left has to be queued
        queued = self._put_back(leftovers, invocation)
        waits = result.ending is Ending.NOT_ATTEMPTED or _retries(result)
        answer = self._answer_waiting(result, queued, invocation) if waits else _word(result)
        if answer.body["status"] in ("sent", "queued", "unknown"):
            invocation.metrics.add(account.id, "MessagesAccepted")
        return answer

    def _try(self, message: Message, account: Account, leftovers: Leftovers, invocation: Invocation) -> SendResult:
        batch = Batch(self._engine, invocation, waited_for=True)
        if self._clock() < self._log_silent_until:
            batch.postpone(message, leftovers, Cause.LOG)
        else:
            self._look(message)
            self._add(message, account, leftovers, batch)
            batch.run()
        [result] = batch.results
        if result.cause in (Cause.LOG, Cause.LOG_REFUSED):
            self._log_silent_until = max(self._log_silent_until, self._clock() + LOG_PAUSE_SECONDS)
        return result

    def _add(self, message: Message, account: Account, leftovers: Leftovers, batch: Batch) -> None:
        state = self._engine.steering.state_of(message)
        if state is State.STOPPED:
            batch.end(message, leftovers, STOPPED)
        elif state is State.PAUSED:
            batch.postpone(message, leftovers, Cause.PAUSED)
        elif wait := wait_of(message, account, self._clock(), batch.sending.remaining()):
            batch.postpone(message, leftovers, Cause.HOURS, wait)
        else:
            batch.send(message, account, leftovers)

    def _look(self, message: Message) -> None:
        """Read what was decided about the message's campaign and account, and the account's breaker, unless that was
        done just now. Probing is left to dispatch.
        """
        now = self._clock()
        if len(self._looked_at) >= MOST_LOOKS:
            self._looked_at = {key: at for key, at in self._looked_at.items() if at > now - LOOK_SECONDS}
        due = [key for key in keys_of([message]) if self._looked_at.get(key, 0.0) <= now - LOOK_SECONDS]
        if due:
            self._looked_at |= dict.fromkeys(due, now)
            self._engine.look(due, may_probe=False)

    def _put_back(self, leftovers: Leftovers, invocation: Invocation) -> Queued:
        """Queue what is left; tells whether the message is queued."""
        chunks = leftovers.chunks()
        deadline = deadline_for_sqs(invocation.deadline) if leftovers.messages else invocation.deadline
        parts = [part for parts in self._queue.put(chunks, deadline) for part in parts]
        self._note_unrecorded(parts, invocation)
        return next((queued for part, queued in parts if part.messages), Queued.NO)

    def _answer_waiting(self, result: SendResult, queued: Queued, invocation: Invocation) -> Answer:
        message = result.message
        if queued is Queued.YES:
            if result.claim and result.outcome:
                # For who looks: the message on the queue names this claim, so it passes without.
                self._log.record([self._log.outcome_row(result.claim, result.outcome)], invocation.deadline)
            if not message.unsent_claims:  # else its claim's row is counted
                self._count([message], invocation)
            return _held(result, self._clock()) if result.cause is Cause.HOURS else _accepted(message, "queued")
        doubtful = [not_queued(message, 0)]
        forbidden = self._forbidder.forbid(doubtful, message.account, invocation.deadline, report=False)
        if forbidden.known:
            return _duplicate(message, forbidden.known[0][1].status)
        raise NothingAccepted("neither Message Central nor the queue could be reached")

    # ── Many ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _accept_many(self, parsed: ParsedRequest, account: Account, invocation: Invocation) -> Answer:
        """Queue many messages and log the rejected records."""
        lost = self._queue_many(parsed.messages, account, invocation) if parsed.messages else []
        places = {rejection.index for rejection in lost}
        accepted = [message for place, message in parsed.messages.items() if place not in places]
        self._count(accepted, invocation)
        rejected = sorted([*parsed.rejections, *lost], key=lambda rejection: rejection.index)
        # Without a single message the answer is a 422, and CleverTap needs no report.
        self._record_rejections(rejected, account, invocation, report=bool(parsed.messages))
        invocation.metrics.add(account.id, "MessagesAccepted", len(accepted))
        if accepted:
            body = {"status": "queued", "accepted": len(accepted), "rejected": [_about(item) for item in rejected]}
            return Answer(HTTPStatus.OK, body)
        answer = _rejected(CODES[rejected[0].failure], rejected[0].reason)
        return Answer(answer.status, answer.body | {"rejected": [_about(item) for item in rejected]})

    def _queue_many(self, messages: dict[int, Message], account: Account, invocation: Invocation) -> list[Rejection]:
        """Queue messages, named by their places in the request; those that could not be queued come back.

        Raises:
            NothingAccepted: none could be queued.
        """
        accepted_at = next(iter(messages.values())).accepted_at
        chunk = Chunk(account.id, accepted_at, 0, list(messages.values()), request=invocation.id)
        [parts] = self._queue.put([(chunk, 0)], deadline_for_sqs(invocation.deadline))
        places = iter(messages)
        refused: dict[Queued, list[Rejection]] = {Queued.NO: [], Queued.IN_DOUBT: []}
        for part, queued in parts:
            numbered = [*zip(part.messages, places, strict=False)]  # the places after these are other parts'
            if queued is not Queued.YES:
                refused[queued] += [not_queued(message, place) for message, place in numbered]
        # Not yet to be reported: where all are lost, CleverTap is told by a 503.
        doubtful = refused[Queued.IN_DOUBT]
        forbidden = self._forbidder.forbid(doubtful, account.id, invocation.deadline, report=False)
        lost = refused[Queued.NO] + forbidden.rejections
        if len(lost) == len(messages):
            raise NothingAccepted("the queue could not be reached")
        return lost

    def _count(self, queued: Sequence[Message], invocation: Invocation) -> None:
        """Count messages that are queued as accepted, by campaign. They are, whether or not they can be counted."""
        campaigns: dict[Key, list[Message]] = defaultdict(list)
        for message in queued:
            campaigns[message.account, campaign_key(message.campaign_id)].append(message)
        reason = "no time left"
        while campaigns and invocation.deadline.allows(CALL_SECONDS):
            key, messages = next(iter(campaigns.items()))
            try:
                self._counters.accept(key, len(messages), sum(message.segments for message in messages))
            except LogUnavailable as error:
                reason = str(error)
                break
            del campaigns[key]
        for key, messages in campaigns.items():
            logger.warning("accepted messages are not counted", account=key[0], reason=reason, count=len(messages))
            invocation.metrics.add(key[0], "AcceptedUncounted", len(messages))

    def _record_rejections(
        self, rejections: Sequence[Rejection], account: Account, invocation: Invocation, *, report: bool
    ) -> None:
        """Write rejections to the log, or else to the queue, from where they are written later."""
        invocation.metrics.add_status(account.id, Status.REJECTED, len(rejections))
        invocation.metrics.failures.update(item.failure for item in rejections)
        rows = [self._log.rejection_row(item, account.id, report=report) for item in rejections]
        # The queue needs some time, too, if there is enough for both.
        deadline = invocation.deadline
        until = deadline.before(CALL_SECONDS) if deadline.allows(2 * CALL_SECONDS) else deadline
        unwritten = self._log.record(rows, until).unwritten
        if unwritten:
            leftovers = Leftovers(Chunk(account.id, self._clock(), 0, [], request=invocation.id), rows=unwritten)
            [parts] = self._queue.put(leftovers.chunks(), deadline)
            self._note_unrecorded(parts, invocation)

    @staticmethod
    def _note_unrecorded(parts: Sequence[tuple[Chunk, Queued]], invocation: Invocation) -> None:
        """Log and count rows that are neither in the log nor on the queue."""
        for part, queued in parts:
            if part.outcomes and queued is not Queued.YES:
                count = len(part.outcomes)
                logger.error("outcomes could not be recorded: the log lacks them", account=part.account, count=count)
                invocation.metrics.add(part.account, "OutcomesUnrecorded", count)


def _retries(result: SendResult) -> bool:
    return result.outcome is not None and result.outcome.status is Status.RETRYING


def _word(result: SendResult) -> Answer:
    """The answer about a message that is not waiting to be sent."""
    message, outcome = result.message, result.outcome
    if outcome is None:
        # Without `was` it is our own call that has not ended.
        return _duplicate(message, result.was) if result.was else _accepted(message, Status.UNKNOWN)
    if outcome.failure:
        return _rejected(CODES[outcome.failure], outcome.reason)
    return _accepted(message, outcome.status, outcome.verification_id)


def _accepted(message: Message, status: str, verification_id: str | None = None) -> Answer:
    body = {"status": str(status), "messageId": message.message_id}
    return Answer(HTTPStatus.OK, body | ({"verificationId": verification_id} if verification_id else {}))


def _held(result: SendResult, now: float) -> Answer:
    answer = _accepted(result.message, "queued")
    return Answer(answer.status, answer.body | {"until": until(now, result.busy_for)})


def _duplicate(message: Message, was: Status) -> Answer:
    return Answer(HTTPStatus.OK, {"status": "duplicate", "messageId": message.message_id, "was": str(was)})


def _rejected(code: str, reason: str | None) -> Answer:
    return Answer(HTTPStatus.UNPROCESSABLE_ENTITY, {"status": "rejected", "code": code, "reason": reason})


def _about(rejection: Rejection) -> dict[str, Any]:
    return {
        "index": rejection.index,
        "messageId": rejection.message_id,
        "code": CODES[rejection.failure],
        "reason": rejection.reason,
    }

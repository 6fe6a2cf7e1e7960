"""What CleverTap posts: one message is sent while CleverTap waits, many go to the queue.

One message is a chunk of one: it goes through the same engine as a batch, and what is left of it goes to the queue.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from bridge import answers, times
from bridge.accept_log import note_unrecorded
from bridge.aws import CALL_SECONDS
from bridge.batch import Batch
from bridge.chunk import Chunk, Lane
from bridge.clevertap.encryption import is_encrypted
from bridge.clevertap.records import parse_records
from bridge.clevertap.requests import parse_request
from bridge.errors import NothingAccepted
from bridge.forbid import deadline_for_sqs, not_queued
from bridge.leftovers import Leftovers
from bridge.message import Cause, Status
from bridge.send import Ending
from bridge.sqs import Queued
from bridge.steering import keys_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.accept_log import AcceptLog
    from bridge.account import Account
    from bridge.answers import Answer
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


class Acceptor:
    """Takes what CleverTap posts."""

    def __init__(
        self,
        engine: Engine,
        *,
        queue: ChunkQueue,
        forbidder: Forbidder,
        accept_log: AcceptLog,
        opener: Opener,
        clock: Callable[[], float],
    ) -> None:
        """`clock` gives epoch seconds."""
        self._engine = engine
        self._log = engine.log
        self._forbidder = forbidder
        self._queue = queue
        self._opener = opener
        self._accept_log = accept_log
        self._clock = clock
        self._looked_at: dict[Key, float] = {}
        self._log_silent_until = 0.0

    def accept(self, post: Post, account: Account, invocation: Invocation) -> Answer:
        """Take one request.

        Raises:
            RequestError: it holds no messages that could be read.
            AccountError: it is encrypted, and the secret, read again for its key, cannot be used now.
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
        self._accept_log.record_rejections([rejection], account.id, invocation, report=False)
        return answers.rejected(rejection.failure, rejection.reason)

    def _accept_one(self, message: Message, account: Account, invocation: Invocation) -> Answer:
        message = replace(message, waited_for=True)
        chunk = Chunk(account.id, message.accepted_at, 0, [message], request=invocation.id, lane=Lane.SINGLE)
        leftovers = Leftovers(chunk)
        result = self._try(message, account, leftovers, invocation)
        leftovers.failed = False  # there is no chunk that would come again: what is left has to be queued
        queued = self._put_back(leftovers, invocation)
        waits = result.ending is Ending.NOT_ATTEMPTED or _retries(result)
        answer = self._answer_waiting(result, queued, invocation) if waits else answers.about(result)
        if answer.body["status"] in ("sent", "queued", "unknown"):
            invocation.metrics.add(account.id, "MessagesAccepted")
        if invocation.deadline.allows(CALL_SECONDS):  # what there was no time for before the message was queued
            self._engine.breaker(account.id).publish()
        return answer

    def _try(self, message: Message, account: Account, leftovers: Leftovers, invocation: Invocation) -> SendResult:
        batch = Batch(self._engine, invocation, waited_for=True)
        asks = self._clock() >= self._log_silent_until
        if asks:
            self._look(message)
            batch.add(message, account, leftovers)
            batch.run()
        else:
            batch.postpone(message, leftovers, Cause.LOG)
        [result] = batch.results
        if asks and result.cause in (Cause.LOG, Cause.LOG_REFUSED):  # else messages would prolong it for ever
            self._log_silent_until = self._clock() + LOG_PAUSE_SECONDS
        return result

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
        note_unrecorded(parts, invocation)
        return next((queued for part, queued in parts if part.messages), Queued.NO)

    def _answer_waiting(self, result: SendResult, queued: Queued, invocation: Invocation) -> Answer:
        message = result.message
        if queued is Queued.YES:
            if result.claim and result.outcome:
                # For people who look into the log; the message on the queue names this claim and needs no record.
                self._log.record([self._log.outcome_row(result.claim, result.outcome)], invocation.deadline)
            self._count(message, invocation)
            return answers.held(result, self._clock()) if result.cause is Cause.HOURS else answers.queued(message)
        doubtful = [not_queued(message, 0)]
        forbidden = self._forbidder.forbid(doubtful, message.account, invocation.deadline)
        if forbidden.known:
            [(_, there)] = forbidden.known
            if there.accepted_at == times.iso(message.accepted_at):  # it was queued: a worker has it already
                self._count(message, invocation)
            return answers.duplicate(message, there.status)
        raise NothingAccepted("neither Message Central nor the queue could be reached")

    def _count(self, message: Message, invocation: Invocation) -> None:
        """Count a message that is, or was, on the queue as accepted."""
        if not message.unsent_claims:  # else its claim's row is counted
            self._accept_log.count([message], invocation)

    # ── Many ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _accept_many(self, parsed: ParsedRequest, account: Account, invocation: Invocation) -> Answer:
        """Queue many messages and log the rejected records."""
        lost = self._queue_many(parsed.messages, account, invocation) if parsed.messages else []
        places = {rejection.index for rejection in lost}
        accepted = [message for place, message in parsed.messages.items() if place not in places]
        rejections = sorted([*parsed.rejections, *lost], key=lambda rejection: rejection.index)
        # A request may name as many campaigns as messages, and nobody but the log tells of its rejections.
        self._accept_log.count(accepted, invocation, spare=2 * CALL_SECONDS if rejections else 0.0)
        # Without a single message the answer is a 422, and CleverTap needs no report.
        self._accept_log.record_rejections(rejections, account.id, invocation, report=bool(parsed.messages))
        invocation.metrics.add(account.id, "MessagesAccepted", len(accepted))
        return answers.many(len(accepted), rejections)

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
        forbidden = self._forbidder.forbid(doubtful, account.id, invocation.deadline)
        lost = refused[Queued.NO] + forbidden.rejections
        if len(lost) == len(messages):
            raise NothingAccepted("the queue could not be reached")
        return lost


def _retries(result: SendResult) -> bool:
    return result.outcome is not None and result.outcome.status is Status.RETRYING

"""The bridge between its neighbours, on one clock: CleverTap, API Gateway, Lambda, SQS, DynamoDB, Message Central."""

from __future__ import annotations

import base64
import json
import os
import random
import sys
from collections import defaultdict, deque
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tests.fakes.environment import ENVIRONMENT

os.environ.update(ENVIRONMENT)  # the handlers read it when they are imported

from greenlet import GreenletExit, getcurrent

import bridge.allowance  # so that its log lines are seen
import bridge.log.table
import bridge.operations.resend
import bridge.receive  # so that its threads are replaced as well
import handlers.accept
import handlers.count
import handlers.dispatch
import handlers.entry
from bridge import secrets as bridge_secrets
from bridge.app import App
from bridge.campaigns.control import Controls, State, control_of
from bridge.campaigns.daily_cap import BY
from bridge.campaigns.keys import WHOLE_ACCOUNT, campaign_key
from bridge.campaigns.table import CampaignTable
from bridge.errors import LogUnavailable
from bridge.settings import Settings
from bridge.telemetry import InvocationMetrics
from tests.fakes import expressions
from tests.fakes.dynamodb import CAMPAIGNS
from tests.fakes.values import START
from tests.simulation.ledger import REST_SECONDS, Ledger
from tests.simulation.neighbours import Aws, Entry, LambdaQueue, SecretsManager, Sqs, Tables
from tests.simulation.people import Person, Resends
from tests.simulation.plan import MINUTE, Decision, Plan, Post, Trouble
from tests.simulation.runtime import Owner, Runtime, Task, first_ended
from tests.simulation.stream import Stream
from tests.simulation.vendor import POISON, Vendor, body_of, secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMEOUTS = {"accept": 14.0, "batch": 60.0, "single": 60.0, "count": 60.0}
CALLS = {"accept": 4, "batch": 60, "single": 60, "count": 2}
"""After how many on average an invocation dies that does."""
UNRECORDED = "outcomes not recorded: neither the log nor the queue took them"
REFUSED_ALL_THE_SAME = "messages may be sent though CleverTap was told otherwise: the log does not answer"
STOPPED_CODE = "915"
QUEUES = {"dispatch": "batch", "single": "single"}


class Environment(Owner):
    """One execution environment: what an `App` remembers, and one invocation at a time."""

    def __init__(self, world: World, kind: str, number: int) -> None:
        super().__init__()
        self.kind = kind
        self.name = f"{kind}-{number}"
        self.busy = False
        self.invocations = 0
        self.calls_left: float = float("inf")
        self.finished: Callable[[Any], None] = lambda _answer: None
        self.errors: list[str] = []
        self.hits: set[str] = set()
        """The neighbours whose calls failed in this invocation."""
        self.metrics: InvocationMetrics | None = None
        skew = world.rng.uniform(-world.plan.skew, world.plan.skew) if kind != "accept" else 0.0
        runtime = world.runtime
        app = App.build(
            world.settings,
            world.aws,
            lambda: runtime.now + skew,
            runtime.sleep,
            transport=world.vendor.factory,  # type: ignore[arg-type] # the fake
        )
        if kind == "accept":
            rules: Any = partial(handlers.accept.accept, app.accept, app.authenticator)
            self.handler = handlers.entry.lambda_handler(rules, handlers.accept.RESPONSE_MARGIN)
        elif kind == "count":
            rules = partial(handlers.count.count, app.count)
            self.handler = handlers.entry.lambda_handler(rules, handlers.count.RESPONSE_MARGIN)
        else:
            rules = partial(handlers.dispatch.dispatch, app.dispatch)
            self.handler = handlers.entry.lambda_handler(rules, handlers.dispatch.RESPONSE_MARGIN)


@dataclass
class Context:
    """Lambda's, as far as it is looked at."""

    aws_request_id: str
    milliseconds: int

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


class World:
    """One run."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self.plan = plan
        self.seed = seed
        self.rng = random.Random(f"world {seed}")
        self.runtime = Runtime(random.Random(f"threads {seed}"), START)
        self.begin = START
        self.vendor = Vendor(self)
        self.ledger = Ledger(self)
        self.tables = Tables(self)
        self.stream = Stream(self)
        self.resends = Resends(self)
        self.secrets = SecretsManager(self, {})
        self.queues = {
            "dispatch": LambdaQueue(self, "dispatch", plan.workers),
            "single": LambdaQueue(self, "single", plan.singles),
        }
        self.controls = Controls(CampaignTable(CAMPAIGNS, self.tables), self.runtime)  # type: ignore[arg-type]
        self.aws: Any = Aws(self.tables, Sqs(self, self.queues), self.secrets)
        self.settings = Settings(
            ENVIRONMENT
            | {"SEND_CONCURRENCY": str(plan.concurrency), "MESSAGE_VALIDITY_HOURS": str(plan.validity_hours)}
        )
        self._idle: dict[str, list[Environment]] = {kind: [] for kind in TIMEOUTS}
        self._numbers = count(1)
        self._messages = count()
        self._active: dict[str, list[Trouble]] = {}
        self._hits: list[tuple[float, str]] = []
        self._posting = 0
        self.deciding = 0
        """How many decisions are being written."""
        self._asked: dict[tuple[str, str], deque[object]] = defaultdict(deque)
        self._busy = 0
        self.dead: list[Entry] = []
        self._keys: list[str] = []
        for account in range(plan.accounts):
            self._set_secret(account, "first")
            self._keys.append(_key("first"))

    # ── Names ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @staticmethod
    def account(number: int) -> str:
        """An account's id."""
        return f"ACC-{number}"

    def _set_secret(self, account: int, word: str) -> None:
        customer, password = f"C-{account}", f"password-{word}"
        fields = secret(customer, password, _key(word)) | self.plan.limits.get(account, {})
        self.secrets.secrets[f"bridge/{self.account(account)}"] = fields
        self.vendor.passwords[customer] = base64.b64encode(password.encode()).decode()

    def who(self) -> str:
        """Who runs now."""
        task = getcurrent()
        return getattr(task.owner, "name", "world") if isinstance(task, Task) else "world"

    # ── Troubles ──────────────────────────────────────────────────────────────────────────────────────────────────

    def trouble(self, target: str, customer: str | None = None) -> Trouble | None:
        """What goes wrong with this call, if anything does."""
        for trouble in self._active.get(target, ()):
            if customer and trouble.options.get("customer", customer) != customer:
                continue
            if trouble.share == 1 or self.rng.random() < trouble.share:
                return trouble
        return None

    def hit(self, target: str) -> None:
        """A call of AWS failed."""
        owner = self.runtime.current.owner
        if not isinstance(owner, Environment):
            return
        owner.hits.add(target)
        if target == "campaigns" and owner.kind != "count":
            self._hits.append((self.runtime.now, target))

    def hits(self, trouble: Trouble, target: str) -> int:
        """How many calls of a neighbour failed during (or shortly before) a trouble."""
        start, end = self.begin + trouble.start - 120, self.begin + trouble.end
        return sum(1 for at, name in self._hits if name == target and start <= at <= end)

    def _play(self, trouble: Trouble) -> None:
        self.runtime.sleep(trouble.start)
        self.ledger.happen(f"begins: {trouble}")
        if trouble.kind == "logged-out":
            self.vendor.log_out()
            return
        if trouble.kind == "rotated":
            account = trouble.options["account"]
            word = f"at-{trouble.start:.0f}"
            self._set_secret(account, word)
            self.vendor.log_out()
            self.runtime.sleep(trouble.seconds)
            self._keys[account] = _key(word)
            self.ledger.happen(f"CleverTap has the new key of {self.account(account)}")
            return
        active = self._active.setdefault(trouble.target, [])
        active.insert(
            0 if trouble.leaves_doubt else len(active), trouble
        )  # of two at once it is the one that is judged
        self.runtime.sleep(trouble.seconds)
        self._active[trouble.target].remove(trouble)
        self.ledger.happen(f"ends: {trouble}")

    def calm_since(self, at: float, target: str | None = None) -> bool:
        """Whether nothing has been wrong (with one neighbour) since then."""
        return not any(
            self.begin + trouble.start < self.runtime.now and at < self.begin + trouble.end + MINUTE
            for trouble in self.plan.troubles
            if target in (None, trouble.target)
        )

    def limits(self, account: str) -> dict[str, str]:
        """The limits in an account's secret, by the account's id."""
        return self.plan.limits.get(int(account.rpartition("-")[2]), {})

    def midnight(self) -> float:
        """When the accounts' first day ends: they are in India."""
        offset = 5.5 * 3_600
        return self.begin + 86_400 - (self.begin + offset) % 86_400

    def longest_calm(self, start: float, end: float) -> float:
        """The longest time between two moments in which nothing was wrong, in seconds."""
        longest, at = 0.0, start
        for trouble in sorted(self.plan.troubles, key=lambda one: one.start):
            longest = max(longest, min(self.begin + trouble.start, end) - at)
            at = max(at, self.begin + trouble.end)
        return max(longest, end - at)

    # ── People ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _decide(self, decision: Decision) -> None:
        self.runtime.sleep(decision.at)
        key = campaign_key(decision.campaign) if decision.campaign else WHOLE_ACCOUNT
        self.change((self.account(decision.account), key), State(decision.state), "somebody")

    def change(self, key: tuple[str, str], state: State, by: str) -> None:
        """Have it written, however often the table has to be asked."""
        asked_at = self.runtime.now
        self.deciding += 1
        mine, asked = object(), self._asked[key]
        asked.append(mine)  # what was decided first is written first
        while asked[0] is not mine:
            self.runtime.sleep(1)
        while True:
            try:
                self.controls.change(key, state, by=by)
            except LogUnavailable:
                self.runtime.sleep(1)
            else:
                break
        asked.popleft()
        self.deciding -= 1
        self.ledger.decide(key, state, asked_at)

    def _overrule(self) -> None:
        """A person resumes what has paused itself."""
        while True:
            self.runtime.sleep(self.plan.overrule)
            for account in map(self.account, range(self.plan.accounts)):
                item = self.tables.tables[CAMPAIGNS].get((account, WHOLE_ACCOUNT), {})
                if control_of(item, self.runtime.now).state is State.PAUSED and item["changedBy"]["S"] == BY:
                    self.change((account, WHOLE_ACCOUNT), State.RUNNING, "somebody")

    # ── CleverTap ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _post(self, post: Post) -> None:
        self.runtime.sleep(post.at)
        records = []
        for place in range(post.count):
            number = next(self._messages)
            poison = place < post.poison
            recipient, name = f"+91{9_800_000_000 + number}", f"id-{number}"
            self.ledger.add(number, (recipient, name), self.account(post.account), post.campaign, poison=poison)
            words = f"{POISON} " if poison else ""
            record = {"to": recipient, "text": f"{words}Your code is {number}", "messageId": name}
            records.append(record | ({"campaignId": post.campaign} if post.campaign else {}))
        self._send(post, records)
        if post.again is not None:
            self._posting += 1
            self.runtime.sleep(post.again)
            self._send(post, records)

    def _send(self, post: Post, records: list[dict[str, str]]) -> None:
        self.ledger.posts.update(self.ledger.numbers[record["to"], record["messageId"]] for record in records)
        event = {
            "version": "2.0",
            "headers": {"account": self.account(post.account), "x-api-key": self._keys[post.account]},
            "body": body_of(records),
            "isBase64Encoded": False,
        }
        self.invoke("accept", event, partial(self._answered, records))

    def _answered(self, records: list[dict[str, str]], environment: Environment, answer: Any) -> None:
        """CleverTap has an answer, or none."""
        self._posting -= 1
        numbers = [self.ledger.numbers[record["to"], record["messageId"]] for record in records]
        self._count(numbers, environment, answer)
        if answer is None:
            self.ledger.happen(f"{environment.name} answers nothing")
            return
        status, body = answer["statusCode"], json.loads(answer["body"])
        if status == 200:
            lost = {one["index"] for one in body.get("rejected", ())}
            if len(records) > 1:
                taken = [number for place, number in enumerate(numbers) if place not in lost]
                self._refuse([number for place, number in enumerate(numbers) if place in lost], environment)
            else:
                taken = numbers if body["status"] in ("sent", "queued", "unknown") else []
                self.ledger.note(numbers[0], f"answered {body['status']}")
            if UNRECORDED in environment.errors and "log" in environment.hits:
                # The queue would do, unless it fails as well, or the vendor has used up the time.
                self.ledger.unrecordable.update(
                    taken if "queue" in environment.hits else self.vendor.doubtful & {*taken}
                )
            for number in taken:
                self.ledger.accepted.setdefault(number, self.runtime.now)
                self.ledger.refused.discard(number)
        elif status == 503:
            self._refuse(numbers, environment)
        self.ledger.counts[f"HTTP {status}"] += 1

    def _count(self, numbers: list[int], environment: Environment, answer: Any) -> None:
        """What was accepted, as the counters should have it."""
        campaign = self.ledger.steered_by[numbers[0]][1]
        body = json.loads(answer["body"]) if answer else {}
        again = self.ledger.posts[numbers[0]] > 1
        # What was never posted before is a duplicate of itself: a worker had taken it from the queue already.
        alone = body.get("status") in ("sent", "queued", "unknown", *(() if again else ("duplicate",)))
        self.ledger.counted[campaign] += body.get("accepted", int(alone or body.get("code") == STOPPED_CODE))
        # Died, asked the table in vain, or refused what may be sent all the same: it may be counted or not. What comes
        # alone is counted by its row, once.
        in_doubt = answer is None or "campaigns" in environment.hits or REFUSED_ALL_THE_SAME in environment.errors
        if in_doubt or (again and len(numbers) == 1):
            self.ledger.uncertain[campaign] += len(numbers)
        if again:
            self.ledger.again[campaign] += len(numbers)

    def _refuse(self, numbers: list[int], environment: Environment) -> None:
        if REFUSED_ALL_THE_SAME in environment.errors:
            return
        known = {*self.ledger.accepted, *self.ledger.said_again}
        self.ledger.refused.update(number for number in numbers if number not in known)
        for number in numbers:
            self.ledger.note(number, "answered that it was not accepted")

    # ── Lambda ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _environment(self, kind: str) -> Environment:
        idle = self._idle[kind]
        while idle and self.rng.random() < self.plan.recycled:
            self.runtime.kill(idle.pop(self.rng.randrange(len(idle))))
        if idle:
            return idle.pop()
        return Environment(self, kind, next(self._numbers))

    def invoke(self, kind: str, event: dict[str, Any], finished: Callable[[Environment, Any], None]) -> None:
        """Have an environment work on an event; `finished` gets its answer, or None where it failed or died."""
        environment = self._environment(kind)
        environment.invocations += 1
        environment.busy = True
        environment.errors, environment.hits = [], set()
        environment.metrics = None
        environment.finished = partial(finished, environment)
        plan = self.plan
        share = {"accept": plan.accept_crashes, "count": plan.count_crashes}.get(kind, plan.crashes)
        dies = self.rng.random() < share
        environment.calls_left = 1 + int(self.rng.expovariate(1 / CALLS[kind])) if dies else 1e12
        self._busy += 1
        turn, seconds = environment.invocations, TIMEOUTS[kind]
        context = Context(f"{environment.name}.{turn}", int(seconds * 1_000))

        def work() -> None:
            try:
                answer = environment.handler(event, context)  # type: ignore[arg-type] # as far as it is looked at
            except handlers.entry.Failed:
                answer = None
            environment.busy = False
            self.runtime.freeze(environment)
            self.runtime.spawn(lambda: self._end(environment, answer))

        def end_in_time() -> None:
            self.runtime.sleep(seconds)
            if environment.busy and environment.invocations == turn:
                self.ledger.happen(f"{environment.name} ran out of time")
                self.crash(environment)

        self.runtime.thaw(environment)
        self.runtime.spawn(work, environment)
        self.runtime.spawn(end_in_time)

    def _end(self, environment: Environment, answer: Any) -> None:
        self._busy -= 1
        if not environment.dead:
            self._idle[environment.kind].append(environment)
        environment.finished(answer)

    def crash(self, environment: Environment) -> None:
        """A worker dies."""
        self.ledger.crashes[environment.kind] += 1
        self.ledger.happen(f"{environment.name} dies")
        environment.busy = False
        self.runtime.spawn(lambda: self._end(environment, None))
        self.runtime.kill(environment)

    def reach(self) -> None:
        """Something leaves a worker, which may die here."""
        owner = self.runtime.current.owner
        if owner.dead:
            raise GreenletExit
        if isinstance(owner, Environment | Person):
            owner.calls_left -= 1
            if owner.calls_left > 0:
                return
            if isinstance(owner, Person):
                self.ledger.happen(f"{owner.name} is cut short")
                self.runtime.kill(owner)
            elif owner.busy:
                self.crash(owner)

    def dispatch(self, queue: str, entries: list[Entry], done: Callable[[set[str] | None], None]) -> None:
        """Have a worker work off what was received."""
        records = [{"messageId": entry.id, "body": entry.body} for entry in entries]
        self.invoke(QUEUES[queue], {"Records": records}, partial(self._dispatched, entries, done))

    def _dispatched(
        self,
        entries: list[Entry],
        done: Callable[[set[str] | None], None],
        environment: Environment,
        answer: Any,
    ) -> None:
        if answer is None:
            done(None)
            return
        failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        if environment.metrics:
            messages = sum(entry.body.count('"to": ') for entry in entries)
            self.ledger.judge_event(environment.metrics, messages, len(environment.errors))
        done(failed)

    def bury(self, entry: Entry) -> None:
        """A message was received too often."""
        self.ledger.happen(f"dead letter {entry.id}")
        self.ledger.dead_letters += 1
        self.dead.append(entry)

    def _redrive(self) -> None:
        """A person looks at the dead letters every hour, and moves them back."""
        while True:
            self.runtime.sleep(self.plan.redrive)
            dead, self.dead = self.dead, []
            for entry in dead:
                entry.receives = 0
                self.queues[entry.queue].add(entry, 0)

    # ── The run ───────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self) -> Ledger:
        """Play the plan to its end, and judge it.

        Raises:
            Violation: a promise was not kept.
        """
        with self._installed():
            for trouble in self.plan.troubles:
                self.runtime.spawn(partial(self._play, trouble))
            for post in self.plan.posts:
                self._posting += 1
                self.runtime.spawn(partial(self._post, post))
            self.runtime.spawn(self._redrive)
            for decision in self.plan.decisions:
                self.runtime.spawn(partial(self._decide, decision))
            for resending in self.plan.resendings:
                self.runtime.spawn(partial(self.resends.play, resending))
            self.runtime.spawn(self._overrule)
            try:
                self.runtime.run(self._done)
            finally:
                self._stop()
        if not self.ledger.violations:
            for difference in self.stream.differences():
                self.ledger.violate(f"a counter is not what the rows say: {difference}")
        self.ledger.judge()
        return self.ledger

    def _done(self) -> bool:
        if self.ledger.violations:
            return True
        if self._posting or self._busy or self.dead or self._waits():
            validity = self.plan.validity_hours * 3_600
            poison = bool(self.ledger.poison) * validity
            latest = self.begin + self.plan.over + REST_SECONDS + poison
            if self.runtime.now > latest:
                self.ledger.violate(
                    f"not at rest {REST_SECONDS / MINUTE:.0f} minutes after the last trouble: {self._left()}"
                )
                return True
            return False
        return True

    def _waits(self) -> bool:
        queued = any(queue.entries for queue in self.queues.values())
        return queued or bool(self.stream.unread or self.resends.busy or self.deciding)

    def _left(self) -> str:
        entries = {name: len(queue.entries) for name, queue in self.queues.items()}
        return (
            f"{entries}, {len(self.dead)} dead letters, {self._busy} workers busy, "
            f"{self.stream.unread} changes not counted, {self.resends.busy} persons at it"
        )

    def _stop(self) -> None:
        for kind in self._idle.values():
            for environment in kind:
                self.runtime.kill(environment)
        self.runtime.end()

    @contextmanager
    def _installed(self) -> Iterator[None]:
        """Virtual threads and time in the bridge's modules; log lines and metrics to the ledger."""
        runtime = self.runtime
        uuids = count()
        stands_in = {
            "threading": runtime.threading,
            "SimpleQueue": runtime.SimpleQueue,
            "ThreadPoolExecutor": runtime.ThreadPoolExecutor,
            "logger": _Logger(self),
            "uuid": SimpleNamespace(uuid4=lambda: SimpleNamespace(hex=f"{next(uuids):012x}")),
        }
        changed: list[tuple[Any, str, Any]] = []

        def change(place: Any, name: str, value: Any) -> None:
            changed.append((place, name, getattr(place, name)))
            setattr(place, name, value)

        for name, module in sorted(sys.modules.items()):
            if name.startswith(("bridge.", "handlers.")):
                for attribute, value in stands_in.items():
                    if attribute in vars(module):
                        change(module, attribute, value)
        change(bridge.log.table, "wait", first_ended)
        for module in (handlers.entry, handlers.accept):
            change(module, "time", SimpleNamespace(monotonic=runtime, time=runtime))
        change(bridge_secrets, "_Record", partial(_record, bridge_secrets._Record, runtime))
        change(expressions, "_tokens", _tokens)
        change(InvocationMetrics, "emit", lambda metrics: self._note(metrics))  # noqa: PLW0108 - bound to the metrics
        state = random.getstate()
        random.seed(f"jitter {self.seed}")
        try:
            yield
        finally:
            random.setstate(state)
            for place, name, value in reversed(changed):
                setattr(place, name, value)

    def _note(self, metrics: InvocationMetrics) -> None:
        """An invocation emits its metrics."""
        owner = self.runtime.current.owner
        if not isinstance(owner, Environment) or owner.dead:
            return
        owner.metrics = metrics
        self.ledger.causes += metrics.causes
        for counts in metrics.counts.values():
            self.ledger.counts += counts
            self.ledger.unrecorded += counts["OutcomesUnrecorded"]


@cache
def _tokens_of(text: str) -> tuple[str, ...]:
    return tuple(_READ_TOKENS(text))


_READ_TOKENS = expressions._tokens


def _tokens(text: str) -> list[str]:
    """An expression's tokens: few expressions are written, and each ten thousand times."""
    return [*_tokens_of(text)]


def _key(word: str) -> str:
    return f"api-key-{word}"


def _record(kind: Any, runtime: Runtime, *arguments: Any) -> Any:
    """A secret's record with a lock that waits in virtual time."""
    record = kind(*arguments)
    record.lock = runtime.threading.Lock()
    return record


class _Logger:
    """Takes log lines."""

    def __init__(self, world: World) -> None:
        self._world = world

    def append_keys(self, **fields: Any) -> None:
        """As Powertools' logger."""

    def remove_keys(self, keys: Any) -> None:
        """As Powertools' logger."""

    def inject_lambda_context(self, **_options: Any) -> Callable[[Any], Any]:
        return lambda handler: handler

    def info(self, text: str, **_fields: Any) -> None:
        """Nothing to see."""

    def warning(self, text: str, **_fields: Any) -> None:
        self._world.ledger.lines[text] += 1

    def error(self, text: str, **fields: Any) -> None:
        self._world.ledger.lines[text] += 1
        owner = self._world.runtime.current.owner
        if isinstance(owner, Environment):
            owner.errors.append(text)
        if "where" in fields:
            self._world.ledger.violate(f"a fault of ours: {text} {fields}")

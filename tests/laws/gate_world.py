"""A world for the gate: orchestrators, an object store, and invocations that may be late, doubled, stopped or asleep.

Every method is one step that somebody may take at any time, and after each step every invocation that can run tries to
send. The properties are asserted where they can break: in `_sent` and in `_landed`. Each rule of the protocol can be
switched off by its name, to see that its absence is caught.

One second is one tick; the lease is six. The store, the create-and-read-back and the gate are the real ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from function.contract import keys
from function.contract.codec import decode, encode
from function.contract.control import Claim, Control, Go
from function.contract.errors import AlreadyExists, VersionMismatch
from function.gate import AbortedKind, Gate, Stop
from function.store.memory import MemoryStore
from function.store.owned import create_or_read
from tests.suites.faulty_store import FaultyStore

SECOND = 1_000_000_000
LEASE = 6
SKEW = 2  # how wrong wall clocks are where the lease is judged by them
SHARD, GROUP = "0-0-0", "0-0"

SAFETY_RULES = ("CAS", "ROSTER", "REQID", "MOVED", "LATCH", "BOOT", "GATE", "BEAT", "HALVES")
LIVENESS_RULES = ("NONCE", "ATTEMPT", "LENGTH")


@dataclass
class WorkerClock:
    """Counts suspension, as the worker's clock must; without the rule BOOT it does not, and cannot tell."""

    counts_sleep: bool
    time: int = 0
    slept: int = 0

    def now_ns(self) -> int:
        return (self.time if self.counts_sleep else self.time - self.slept) * SECOND

    def awake_ns(self) -> int:
        return (self.time - self.slept) * SECOND

    def wall_ns(self) -> int:
        return self.time * SECOND


class Mutant(Gate):
    """The gate with rules switched off; with none off it is the gate."""

    def __init__(self, world: World, attempt: int, clock: WorkerClock) -> None:
        self._off = world.off
        self._world = world
        self._allowed = False
        halves = 1 if "HALVES" in world.off else 2
        lease = 4 if "LENGTH" in world.off else LEASE
        super().__init__(SHARD, attempt, 2 * lease * SECOND // halves, clock)

    def heard(self, asked_ns: int, control: Control) -> None:
        until_ns = self._until_ns
        if "LATCH" in self._off:
            self._until_ns = max(until_ns, self._clock.now_ns() + 1)  # as if there had been no lapse
        super().heard(asked_ns, control)
        if "LATCH" in self._off and self._until_ns == self._clock.now_ns() + 1:
            self._until_ns = until_ns  # no newer beat
        if "MOVED" in self._off:
            self._moved = True
        if "BEAT" in self._off:
            self._until_ns = (self._world.renewed_at + LEASE + SKEW) * SECOND
        self.notice()

    def notice(self) -> None:
        """What a poller that checks for the loop would have told it."""
        self._allowed = super().permit() is None

    def permit(self) -> AbortedKind | None:
        if "GATE" in self._off and (self._stop is None or self._stop.reason == "lease"):
            return None if self._allowed else "lease"
        return super().permit()

    def stop(self) -> Stop | None:
        stop = super().stop()
        if "LATCH" in self._off and stop is not None and stop.reason == "lease":
            self._stop = None
        return stop

    @property
    def go_names_me(self) -> bool:
        return self._go is not None if "ROSTER" in self._off else super().go_names_me


@dataclass
class Orchestrator:
    epoch: int
    prepared: tuple[Control, str] | None = None
    ended: bool = False


@dataclass
class Worker:
    name: str
    attempt: int
    event: str
    clock: WorkerClock
    gate: Mutant | None = None
    claimed: bool = False
    ready: bool = False
    gone: bool = False
    stopped: bool = False  # SIGSTOP: time runs, nothing is done
    asleep: bool = False
    asked_ns: int | None = None
    read: Control | None = None

    @property
    def runs(self) -> bool:
        return not (self.gone or self.stopped or self.asleep)


@dataclass
class World:
    off: frozenset[str] = frozenset()
    time: int = 0
    renewed_at: int = 0  # the last accepted renewal
    aborted_at: int | None = None
    readable: bool = True
    senders: set[str] = field(default_factory=set)
    sent_at: list[int] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    late_writes: list[Control] = field(default_factory=list)  # puts whose client has given up

    def __post_init__(self) -> None:
        self.store = FaultyStore(MemoryStore())
        self.launch, self.attach = Orchestrator(0), Orchestrator(1)
        self.store.create(keys.CONTROL, encode(Control("wait", 0, 0, (), LEASE, "launch")))

    # Orchestrators. A write is prepared from what was read, and lands whenever it lands.

    def prepare(self, who: Orchestrator, grant: int | None = None) -> None:
        """Read control, decide. `grant` is the attempt go would name: safety asks nothing of the choice."""
        if who.ended:
            return
        blob = self.store.get(keys.CONTROL)
        seen = decode(Control, blob.body)
        if seen.state == "abort" or seen.epoch > who.epoch:
            who.ended = True
            return
        granted = seen.granted
        if grant is not None and not granted:
            go = Go(0, 0, 0, 0, {SHARD: grant}, f"{who.epoch}")
            create_or_read(self.store, keys.go(GROUP), encode(go))
            granted = (GROUP,)
        state = "go" if granted else "wait"
        control = Control(state, who.epoch, seen.beat + 1, granted, LEASE, f"{who.epoch}")
        who.prepared = control, blob.stored.version

    def land(self, who: Orchestrator) -> None:
        if who.prepared is None:
            return
        (control, version), who.prepared = who.prepared, None
        if "CAS" in self.off:
            self._put(control)
            return
        try:
            self._write(control, version)
        except VersionMismatch:
            return  # the next `prepare` reads what happened

    def give_up(self, who: Orchestrator) -> None:
        """The write timed out for its client, and is still under way."""
        if who.prepared is not None and not self.late_writes:
            self.late_writes.append(who.prepared[0])
            self._late_version = who.prepared[1]
            who.prepared = None

    def land_late(self) -> None:
        if not self.late_writes:
            return
        control = self.late_writes.pop()
        if "CAS" in self.off:
            self._put(control)
            return
        try:
            self._write(control, self._late_version)
        except VersionMismatch:
            return

    def abort(self) -> None:
        """By anyone: a plain put over whatever is there."""
        seen = decode(Control, self.store.get(keys.CONTROL).body)
        if self.aborted_at is None:
            self.aborted_at = self.time
        self._put(Control("abort", seen.epoch, seen.beat + 1, seen.granted, LEASE, "abort", "user"))

    def _write(self, control: Control, version: str) -> None:
        before = decode(Control, self.store.get(keys.CONTROL).body)
        self.store.replace(keys.CONTROL, encode(control), version)
        self._landed(before, control)

    def _put(self, control: Control) -> None:
        before = decode(Control, self.store.get(keys.CONTROL).body)
        self.store.put(keys.CONTROL, encode(control))
        self._landed(before, control)

    def _landed(self, before: Control, after: Control) -> None:
        assert not (before.state == "abort" and after.state != "abort"), "5: abort sticks"
        if after.state != "abort":
            self.renewed_at = self.time

    # Invocations. Duplicates of one event share its name and its attempt.

    def deliver(self, attempt: int, event: str | None = None) -> Worker:
        name = f"w{len(self.workers)}"
        clock = WorkerClock("BOOT" not in self.off, self.time)
        worker = Worker(name, attempt, event or f"event of {attempt}", clock)
        self.workers.append(worker)
        return worker

    def claim(self, worker: Worker, reply_lost: bool = False) -> None:
        if not worker.runs or worker.claimed:
            return
        key = keys.claim(keys.attempt_id(SHARD, 0 if "ATTEMPT" in self.off else worker.attempt))
        nonce = worker.event if "REQID" in self.off else worker.name
        body = encode(Claim(SHARD, worker.attempt, nonce))
        if reply_lost:
            self.store.refuse_own("create", key)  # only bites a create that would succeed: see there
        worker.gate = Mutant(self, worker.attempt, worker.clock)
        read_back = "NONCE" not in self.off
        mine = create_or_read(self.store, key, body).body == body if read_back else self._created(key, body)
        worker.claimed, worker.gone = mine, not mine

    def _created(self, key: str, body: bytes) -> bool:
        try:
            self.store.create(key, body)
        except AlreadyExists:
            return False
        return True

    def say_ready(self, worker: Worker) -> None:
        if worker.runs and worker.claimed and worker.gate is not None and worker.gate.stop() is None:
            worker.ready = True

    def ask(self, worker: Worker) -> None:
        """A poll begins. Its answer may take any time to be read and to arrive."""
        if worker.runs and worker.claimed:
            worker.asked_ns, worker.read = worker.clock.now_ns(), None

    def answer(self, worker: Worker) -> None:
        if worker.asked_ns is not None and worker.read is None and self.readable:
            worker.read = decode(Control, self.store.get(keys.CONTROL).body)

    def hear(self, worker: Worker) -> None:
        if not worker.runs or worker.gate is None or worker.asked_ns is None or worker.read is None:
            return
        control, worker.read = worker.read, None
        worker.gate.heard(worker.asked_ns, control)
        if GROUP in control.granted and self.readable:
            worker.gate.named(decode(Go, self.store.get(keys.go(GROUP)).body))
            worker.gate.notice()
        heard_after_abort = self.aborted_at is not None and worker.asked_ns >= self.aborted_at * SECOND
        if heard_after_abort and "BOOT" not in self.off and "CAS" not in self.off:
            assert worker.gate.permit() is not None, "3: one poll after an abort is enough"

    def poll(self, worker: Worker) -> None:
        self.ask(worker)
        self.answer(worker)
        self.hear(worker)

    def die(self, worker: Worker) -> None:
        worker.gone = True

    # Time.

    def tick(self) -> None:
        self.time += 1
        for worker in self.workers:
            worker.clock.time = self.time
            worker.clock.slept += worker.asleep
            if worker.runs and worker.gate is not None:
                worker.gate.notice()

    def everyone_sends(self) -> None:
        for worker in self.workers:
            if worker.runs and worker.ready and worker.gate is not None and worker.gate.permit() is None:
                self._sent(worker)

    def _sent(self, worker: Worker) -> None:
        self.senders.add(worker.name)
        self.sent_at.append(self.time)
        assert len(self.senders) == 1, "1: one sender"
        granted = create_or_read(self.store, keys.go(GROUP), b"nobody was granted")
        assert granted.body != b"nobody was granted", "2: no go, no load"
        assert decode(Go, granted.body).attempts[SHARD] == worker.attempt, "2: only the granted attempt"
        assert self.time - self.renewed_at <= LEASE, "3: silent within the lease"
        if self.aborted_at is not None:
            assert self.time - self.aborted_at <= LEASE, "3: silent within the lease of an abort"

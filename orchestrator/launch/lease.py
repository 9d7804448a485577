"""The lease's one thread: it alone writes control, grants included, and does nothing else.

It has a store handle of its own, so that reading a thousand progress objects cannot starve it. What to write and what
a refusal means is `Tenure`'s to say; this is the loop around it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from function.contract import keys
from function.contract.codec import decode, encode
from function.contract.control import Control
from function.contract.errors import StoreError
from function.store.owned import replace_owned
from function.store.port import ObjectStore
from orchestrator.launch.abort import put_abort
from orchestrator.launch.clock import boot_ns
from orchestrator.launch.tenure import Standing, Tenure

RETRY_S = 0.2  # after a store that did not answer
FINISH_TRIES = 5


class Lease:
    """Renews from `start` until `finish`, `abort` or until it is lost. `version` is that of `control` in the store."""

    def __init__(
        self,
        store: ObjectStore,
        control: Control,
        version: str,
        beat_s: float,
        clock: Callable[[], int] = boot_ns,
    ) -> None:
        self._store = store
        self._version = version
        self._clock = clock
        self._beat_s = beat_s
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._leaving = False
        self._trouble: str | None = None
        self._tenure = Tenure(control, clock(), round(control.lease_s * 1e9), round(beat_s * 1e9))
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def standing(self) -> Standing:
        return self._tenure.standing

    @property
    def reason(self) -> str | None:
        """Why the run was aborted, once it is."""
        return self._tenure.reason

    @property
    def trouble(self) -> str | None:
        """Why the last renewal could not be written; None once one was."""
        return self._trouble

    @property
    def control(self) -> Control:
        """The body last known to be there."""
        return self._tenure.control

    def grant(self, group: str) -> None:
        """List the group in control with the next renewal, which is due now."""
        with self._lock:
            self._tenure.grant(group)
        self._wake.set()

    def granted(self, group: str) -> bool:
        """Whether control lists it by now."""
        return group in self._tenure.control.granted

    def leave(self, timeout_s: float = 3.0) -> None:
        """Stop renewing and write nothing: the lease runs out by itself."""
        self._leaving = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def abort(self, reason: str) -> None:
        """Put abort from the calling thread: the lease's own may be waiting for a store that does not answer."""
        self._tenure.end(Standing.ABORTED, reason)
        put_abort(self._store, reason, self.control)
        self.leave()
        put_abort(self._store, reason, self.control)  # again if the thread's last write landed in between

    def finish(self) -> bool:
        """Write done as the last thing; False when the run was not ours to end (aborted, or taken over).

        Raises StoreError when the store gave no answer to any of several tries.
        """
        self.leave()
        for chance in range(FINISH_TRIES):
            if self.standing is not Standing.HELD:
                break
            try:
                if self._write(self._tenure.finish()) is not None:
                    self._tenure.end(Standing.DONE)
            except StoreError:
                if chance == FINISH_TRIES - 1:
                    raise
        return self.standing is Standing.DONE

    def _run(self) -> None:
        pause_s = self._beat_s
        while self.standing is Standing.HELD:
            self._wake.wait(pause_s)
            self._wake.clear()
            if self._leaving:
                return
            try:
                self._renew()
                self._trouble = None
                pause_s = max((self._tenure.due_ns - self._clock()) / 1e9, 0.0)
            except StoreError as error:
                self._trouble = error.message
                pause_s = RETRY_S  # whether it landed is unknown; the next attempt reads back

    def _renew(self) -> None:
        asked_ns = self._clock()
        with self._lock:
            wanted = self._tenure.renewal(asked_ns)
        if wanted is None:
            self._lapsed()
            return
        written = self._write(wanted)
        if written is not None:
            in_time = self._tenure.renewed(written, asked_ns, self._clock())
            if self.standing is Standing.ABORTED:  # by our own main thread, while this write was under way
                put_abort(self._store, self.reason or "user", self.control)
            elif not in_time:
                self._lapsed()

    def _lapsed(self) -> None:
        """Our own renewals were too far apart (a sleep, a stopped process): the workers are silent, and stay so."""
        self._tenure.end(Standing.ABORTED, "lease")  # also where the store takes no abort: nothing is renewed any more
        put_abort(self._store, "lease", self.control)

    def _write(self, wanted: Control) -> Control | None:
        """Replace control; None when something else lies there, which the tenure has then been told."""
        with self._writing:
            stored = replace_owned(self._store, keys.CONTROL, encode(wanted), self._version)
            if stored is not None:
                self._version = stored.version
                return wanted
            found = self._store.get(keys.CONTROL)
            self._tenure.read(decode(Control, found.body, keys.CONTROL))
            if self.standing is Standing.HELD:
                self._version = found.stored.version
            return None

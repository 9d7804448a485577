"""The store's clock as seen from here: workers share no other clock, so times anchored to the run's t0 go through it.

Each own write bounds it. The store stamped an instant T of its clock with stamp <= T <= stamp + resolution, and T fell
between `before` and `after` of this machine's wall clock; so store minus wall lies in
[stamp - after, stamp + resolution - before]. Bounds of several writes are intersected; where they contradict each
other one of the clocks was stepped, and the newest write begins anew.
"""

from __future__ import annotations

import threading

from function.store.port import Stored


class StoreClock:
    """Safe to use from several threads. Before the first write the clocks are taken to agree, with no known error."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bounds: tuple[int, int] | None = None

    def observe(self, before_ns: int, stored: Stored, after_ns: int) -> None:
        """A write that happened between two readings of this machine's wall clock."""
        low, high = stored.stamp_ns - after_ns, stored.stamp_ns + stored.resolution_ns - before_ns
        if low > high:  # the wall clock was stepped back during the write
            return
        with self._lock:
            if self._bounds is not None:
                both = max(low, self._bounds[0]), min(high, self._bounds[1])
                if both[0] <= both[1]:
                    low, high = both
            self._bounds = low, high

    def offset(self) -> tuple[int, int]:
        """Store clock minus this machine's wall clock, and its error bound, in ns.

        The value nearest to zero that the bounds allow: machines are set by NTP unless the writes prove otherwise.
        """
        with self._lock:
            low, high = self._bounds or (0, 0)
        offset_ns = min(max(0, low), high)
        return offset_ns, max(offset_ns - low, high - offset_ns)

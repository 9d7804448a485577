"""How fast invocations may be asked for: held back by all alike once the platform throttles, let go as it accepts.

Pure: it is told what happened and when, and says how long to wait. Seconds on any monotonic clock.
"""

from __future__ import annotations

LEAST_S, MOST_S = 0.25, 8.0


class Pace:
    """One platform's. A throttle doubles the pause that everybody keeps; what is accepted halves it again."""

    def __init__(self) -> None:
        self._pause_s = 0.0
        self._until_s = float("-inf")

    def wait_s(self, now_s: float, draw: float) -> float:
        """Before the next call. `draw` in [0, 1) spreads those who wait, so that they do not come back together."""
        return max(0.0, self._until_s - now_s) + self._pause_s * draw

    def throttled(self, now_s: float) -> None:
        if now_s >= self._until_s:  # calls that were under way at the first refusal say nothing new
            self._pause_s = min(MOST_S, max(LEAST_S, self._pause_s * 2))
            self._until_s = now_s + self._pause_s

    def accepted(self) -> None:
        self._pause_s = self._pause_s / 2 if self._pause_s > LEAST_S / 2 else 0.0

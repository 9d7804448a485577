"""What one lane is planned for: half of what fills a worker's core, as measured, or as assumed where nobody has.

Half, because lateness grows steeply towards the full core. A measurement is of one machine and one version of the
worker (`benchctl doctor --calibrate`); whether it still holds is asked where it is read, not here.
"""

from __future__ import annotations

from dataclasses import dataclass

PLANNED_SHARE = 0.5
ASSUMED_ANSWER_S = 2.5  # streams open at once = rate x this, where nothing caps them


@dataclass(frozen=True, slots=True)
class LaneCapacity:
    """Requests/s that would fill one core: answers streamed with 128 events each, and not streamed. `source`: where
    these come from, for people."""

    streamed_per_s: float
    whole_per_s: float
    source: str

    def requests_per_s(self, streaming: bool) -> float:
        """What a lane is planned for."""
        return PLANNED_SHARE * (self.streamed_per_s if streaming else self.whole_per_s)

    def streams(self, streaming: bool) -> int:
        return max(1, round(self.requests_per_s(streaming) * ASSUMED_ANSWER_S))


ASSUMED = LaneCapacity(400.0, 400.0, "assumed; benchctl doctor --calibrate measures it on this machine")

"""The one table of what is too much. Change a number here only with a measurement of false alarms beside it.

A run is judged by the size of an effect, never by a p-value: at 300 requests a harmless 1 ms timer grid is already
"significant", while a stall that adds half to the p99 can pass every test of the arrival process. Harm to latency
percentiles was at most 1 % wherever lateness stayed below a tenth of the latency, and 18 % or more above four fifths.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.metrics.finding import Severity


@dataclass(frozen=True, slots=True)
class Share:
    """Too much is a share of a latency, but at least so many seconds: below those nobody's latency is disturbed."""

    degraded: float
    degraded_floor_s: float
    invalid: float
    invalid_floor_s: float

    def limit_s(self, base_s: float) -> float:
        return max(self.degraded * base_s, self.degraded_floor_s)

    def judge(self, value_s: float, base_s: float) -> Severity | None:
        if value_s > max(self.invalid * base_s, self.invalid_floor_s):
            return "invalid"
        return "degraded" if value_s > self.limit_s(base_s) else None


# Lateness and stamps, against the stage's latency (TTFT; the whole time where nothing was streamed).
LATE_MEDIAN = Share(0.10, 0.001, 0.50, 0.001)  # p50 of lateness against p50
LATE_TAIL = Share(0.10, 0.010, 0.50, 0.050)  # p99.9 of lateness against p99
LOOP_LAG = Share(0.10, 0.005, 0.50, 0.005)  # p99 of the loop's lag against p50
LOOP_LAG_MATTERS = 0.01  # share of the requests that lanes beyond `invalid` must carry: fewer cannot move a p99
# Events read together while the loop was away, where stamps are the kernel's, and late by more than AWAY_S for it: as
# shares of output events. A hundredth of the gaps is what p99 of ITL stands on, half of them what its median stands on.
# How late stamps are at p99 is judged by LOOP_LAG.
STAMPS_SHARED, STAMPS_SHARED_INVALID = 0.01, 0.50
STAMPS_SHARED_LANE = 0.05  # of one lane among many
AWAY_S = 0.005  # the loop was away in a second: as `loop_lag`'s floor
SAME_READ_NS = 5_000  # events of one read are a nanosecond apart for every four bytes of it, and a read is 16 KiB
CLOCK_ERROR = Share(0.10, 0.010, float("inf"), float("inf"))  # against p50; moves merged time series only

TAIL_SHARE = 0.999
TAIL_FROM = 1000  # requests; below them the second largest
LANE_TAIL_SHARE = 0.95  # of one lane among many, where the whole is clean: a twentieth of its sends, and
LANE_TAIL_FROM = 20  # no fewer sends than that

# Completeness, as shares of planned.
SENT_SHORT_DEGRADED, SENT_SHORT_INVALID = 0.997, 0.98
LANE_SHORT, LANE_SHORT_FROM = 0.98, 3  # of one lane among many: share sent, and at least so many missing
LOST_INVALID = 0.01
ERRORS_DEGRADED = 0.01
OUTPUT_SHORT = 0.01  # of ok

# Steadiness.
TREND_TAU, TREND_RATIO = 0.5, 1.2
SATURATED_SHARE, SATURATED_SIGMAS = 0.01, 4.0  # of sent; x sqrt(L)
WARM_UP_CUT_S, WARM_UP_RATIO = 1, 3.0
WARM_UP_FROM = 10  # requests before the cut, and after it

SUSPENDED_S = 0.1  # a stall between two readings of the clocks looks like that much sleep
INTERFERENCE_S = 0.010

# Worth saying, and no more.
SMALL_SAMPLE = 100  # ok requests: below that p99 is little more than the largest
CPU_SATURATED = 0.90  # p95 of one core
PROMPT_OFF_SHARE, PROMPT_OFF_TOKENS, PROMPT_OFF_ROWS = 0.10, 32, 0.01
EVENTS_OFF = 0.01  # events against output tokens
TOKENS_UNKNOWN = 0.01  # of the answers: beyond it a sum of the known counts is no rate of tokens
COLD_START_S = 5.0
SEAM_S = 1.0  # around a seam
CAP_WAIT_S = 0.001

"""One planted case: a run's load and server, and the disturbance in it. A case is plain data; `kinds` draws them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TOKENS = 30  # of every answer: what `data.type: mock` asks for


@dataclass(frozen=True)
class Case:
    """`rate` x `duration_s` arrivals, evenly spaced, over `lanes`.

    - mock: the server's settings, with `ttft_s` and `itl_s`.
    - inside: what `inside/sitecustomize.py` does to every worker process; None: nothing.
    - stops_s: since t0, when one worker is stopped for `stop_for_s`.
    - lost: lanes whose shard is removed from the run's folder, `thoroughly` with all its traces.
    - expects: at least one of these must be found; empty: none may be, the disturbance harms nothing.
    """

    kind: str
    seed: int
    rate: int
    lanes: int
    duration_s: int
    mock: Mapping[str, Any]
    expects: frozenset[str] = frozenset()
    inside: Mapping[str, Any] | None = None
    stops_s: tuple[float, ...] = ()
    stop_for_s: float = 0.1
    lost: tuple[int, ...] = ()
    thoroughly: bool = False
    transport: str = "auto"
    note: str = ""
    planted: Mapping[str, float] = field(default_factory=dict)  # what no server can see: clock_offset_s, lag_p99_s, ...

    @property
    def planned(self) -> int:
        return self.rate * self.duration_s

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.seed}"

    def settings(self, url: str) -> dict[str, Any]:
        """The config its user would write."""
        return {
            "api": {"type": "chat", "streaming": True},
            "server": {"type": "vllm", "model_name": "mock", "base_url": url, "transport": self.transport},
            "data": {"type": "mock"},
            "load": {
                "type": "constant",
                "base_seed": self.seed,
                "interval": 0,
                "stages": [{"rate": self.rate, "duration": self.duration_s}],
            },
            "fanout": {"lanes": self.lanes, "lease": 6},
        }

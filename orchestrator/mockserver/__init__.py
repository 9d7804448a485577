"""An OpenAI-compatible model server that looks like vLLM, keeps a precise schedule and logs what it really did.

It is the truth a client is judged against, so it imports nothing of the rest of the program. One process, one core;
`benchmarks/mockserver_speed.py` measures how many streamed events a second that is.
"""

from orchestrator.mockserver.config import ColdStart, Drift, Faults, MockConfig, MockConfigError, Pause, config_from
from orchestrator.mockserver.process import Lifeline, serve
from orchestrator.mockserver.server import MockServer
from orchestrator.mockserver.truth import TruthRecord, read_truth

__all__ = [
    "ColdStart",
    "Drift",
    "Faults",
    "Lifeline",
    "MockConfig",
    "MockConfigError",
    "MockServer",
    "Pause",
    "TruthRecord",
    "config_from",
    "read_truth",
    "serve",
]

"""The run of one shard by one invocation, from claim to receipt. Every rule of the protocol that a worker keeps is here
or in what is called from here; every entry (a process, a Lambda, a Cloud Run task) calls `run_shard` and nothing else.

Whatever happens to requests ends in rows, whatever happens to the run ends in the receipt; what cannot be stored or was
never foreseen is raised. When `run_shard` returns or raises, no thread, task or connection of it is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from function.assignment import load_assignment, load_spec
from function.claim import claim_attempt
from function.clock import Clock
from function.closed_loop import ClosedLoop
from function.commit import Commits
from function.contract.control import Claim, Payload
from function.contract.errors import StoreError
from function.contract.receipt import Health, Receipt, StopReason
from function.contract.spec import ShardSpec
from function.control import ControlWatch
from function.flight import Flight, Performer
from function.gate import Gate, Stop
from function.health import HealthProbe
from function.open_loop import OpenLoop, limits
from function.progress import ProgressReport, Tally
from function.quiet import quiet
from function.readiness import say_ready, wait_for_first_word, wait_for_go
from function.recorder import PartWriter, Recorder
from function.rim import Rim
from function.secret import Resolver
from function.store.port import ObjectStore
from function.store_clock import StoreClock
from function.ticker import Running
from function.timeline import Timeline, lay_out
from function.window import Window
from function.workload import Reuse, Supply

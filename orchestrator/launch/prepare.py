"""From the command line to a config that can run: loads it and refuses what the provider or this build cannot do.

Contacts nothing, and imports nothing slow: while the plan's libraries load, processes started from here come up.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orchestrator.config.built import unbuilt
from orchestrator.config.invalid import ConfigInvalid
from orchestrator.config.loading import Loaded, load_config
from orchestrator.config.provider import check_environment, check_provider
from orchestrator.config.root import Config
from orchestrator.launch.cloud import Cloud, find_cloud, unused_regions
from orchestrator.launch.headers import Headers, headers_of
from orchestrator.launch.locate import check_run_id
from orchestrator.outcome import Problem
from orchestrator.providers.deployment import state_folder

MOST_DRAIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One command line of `launch`. `assignments`: --set a.b=c. `root` None: the working folder, on a cloud the
    provisioned bucket. `state`: the folder of infra's state. `yes`: a run that costs money was agreed to."""

    config: str
    provider: Literal["local", "aws", "gcp"] = "local"
    root: str | None = None
    run_id: str | None = None
    assignments: tuple[str, ...] = ()
    detach: bool = False
    state: str | None = None
    yes: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """`problems` are warnings. `cloud` None: on this machine, or nothing is provisioned yet."""

    asked: Asked
    run_id: str
    loaded: Loaded
    headers: Headers
    problems: tuple[Problem, ...]
    cloud: Cloud | None = None

    @property
    def config(self) -> Config:
        return self.loaded.config

    @property
    def root(self) -> str:
        """Where `runs/` lies."""
        if self.asked.root is not None:
            return self.asked.root
        return "." if self.cloud is None else self.cloud.deployment.root_uri


def prepare(asked: Asked, environment: Mapping[str, str] | None = None, *, provisioned: bool = True) -> Prepared:
    """Raises ConfigInvalid with all problems, UsageError for a wrong flag, and (`not_provisioned`) where a cloud has
    nothing of ours yet; `provisioned=False` does without."""
    environment = os.environ if environment is None else environment
    run_id = new_run_id() if asked.run_id is None else check_run_id(asked.run_id)
    loaded = load_config(Path(asked.config), asked.assignments, environment)
    config = loaded.config
    refused = [*unbuilt(config), *check_provider(config, asked.provider)]
    if asked.provider == "local":
        refused += check_environment(config, environment)
    if refused:
        raise ConfigInvalid(loaded.source, (*refused, *loaded.problems))
    cloud = find_cloud(config, asked.provider, state_folder(asked.state, environment), provisioned)
    problems = (*loaded.problems, *unused_regions(config, asked.provider))
    return Prepared(asked, run_id, loaded, headers_of(config, environment), problems, cloud)


def new_run_id() -> str:
    """Sorts by time (UTC), and two launches in one second still differ."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


def cpus() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def likely_lanes(config: Config) -> int:
    """How many workers the first slice will want, as far as the config says; the plan decides."""
    return min(cpus(), 2) if config.fanout.lanes == "auto" else config.fanout.lanes


def linger_s(config: Config) -> float:
    """How long workers without an orchestrator may still send and wait: lease and drain."""
    drain = config.fanout.drain
    return config.fanout.lease + (min(config.load.request_timeout.total, MOST_DRAIN_S) if drain == "auto" else drain)

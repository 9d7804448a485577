"""The whole config: inference-perf's nine sections and our two."""

from __future__ import annotations

from pydantic import Field

from orchestrator.config.api import Api
from orchestrator.config.breakers import CircuitBreaker
from orchestrator.config.budget import Budget
from orchestrator.config.data import Data
from orchestrator.config.fanout import Fanout
from orchestrator.config.load import Load
from orchestrator.config.metrics import Metrics
from orchestrator.config.report import Report
from orchestrator.config.section import Section
from orchestrator.config.server import Server
from orchestrator.config.storage import Storage
from orchestrator.config.tokenizer import Tokenizer


class Config(Section):
    """What was asked. Attribute names are the keys people write (`spike.for` is `for_`); `auto` stays "auto"."""

    api: Api = Field(default=Api(), description="Route, streaming, headers and body of every request.")
    data: Data = Field(default=Data(), description="What is asked: where prompts come from.")
    load: Load = Field(default=Load(), description="When requests are due.")
    server: Server = Field(default=Server(), description="The endpoint under test, or the embedded one.")
    tokenizer: Tokenizer = Field(default=Tokenizer(), description="For prompts of exact length.")
    fanout: Fanout = Field(default=Fanout(), description="How the load is spread over functions.")
    budget: Budget = Field(default=Budget(), description="What the run may not exceed.")
    report: Report = Field(default=Report(), description="Files, percentiles, and what counts as good.")
    storage: Storage = Field(default=Storage(), description="Copies of the report.")
    metrics: Metrics = Field(default=Metrics(), description="The server's own metrics.")
    circuit_breakers: tuple[CircuitBreaker, ...] = Field(default=(), description="Conditions to stop a stage.")

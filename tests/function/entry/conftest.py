"""What the handler's tests share: moto, an endpoint, and the environment of a provisioned function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from function.entry import aws_lambda
from function.store.opening import open_store
from function.store.port import ObjectStore
from tests.emulators.moto import REGION, new_bucket, running_moto
from tests.function.entry.responder import Responder, responding
from tests.function.entry.sandbox import Run


@pytest.fixture(scope="package")
def moto_url() -> Iterator[str]:
    with running_moto() as url:
        yield url


@pytest.fixture
def responder() -> Iterator[Responder]:
    with responding() as server:
        yield server


@pytest.fixture
def bucket(moto_url: str, responder: Responder, monkeypatch: pytest.MonkeyPatch) -> str:
    name = new_bucket(moto_url)
    for variable, value in {
        "AWS_ENDPOINT_URL": moto_url,
        "AWS_REGION": REGION,
        "BENCHCTL_ALLOWED_TARGETS": responder.url,
        "BENCHCTL_ALLOWED_CIDRS": "127.0.0.0/8",
        "BENCHCTL_MAX_LANES": "2",
        "BENCHCTL_MAX_REQUESTS_PER_S": "500",
        "BENCHCTL_MAX_DURATION_S": "60",
        "BENCHCTL_ROOT_URI": f"s3://{name}",
    }.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(aws_lambda._SECRETS, "_kept", {})
    return name


@pytest.fixture
def root(bucket: str) -> Iterator[ObjectStore]:
    store = open_store(f"s3://{bucket}")
    yield store
    store.close()


@pytest.fixture
def begin(root: ObjectStore, responder: Responder) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin_run(url: str | None = None, **spec: Any) -> Run:
        runs.append(Run(root, url or responder.url, **spec))
        return runs[-1]

    yield begin_run
    for run in runs:
        run.close()

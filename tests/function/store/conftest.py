"""An S3 that misbehaves, and a store in it that is quick to try again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from function.store import s3
from function.store.opening import open_store
from function.store.port import ObjectStore
from tests.emulators.faulty_s3 import FaultyS3, faulty_s3


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    monkeypatch.setattr(s3, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(s3, "SILENCE_S", 1.0)
    monkeypatch.setattr(s3, "ATTEMPT_S", 2.0)
    with faulty_s3() as state:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", state.url)
        yield state


@pytest.fixture
def store(server: FaultyS3) -> Iterator[ObjectStore]:
    opened = open_store("s3://bucket/runs/r1")
    yield opened
    opened.close()

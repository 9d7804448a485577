"""Fixtures of the suites: a place per object store, an opener per transport, and the event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import uvloop

from function.store.port import ObjectStore
from function.transport.opening import TRANSPORTS
from tests.emulators.ministack import MinistackUnavailable, running_ministack
from tests.emulators.moto import running_moto
from tests.suites.stores import BETWEEN_PROCESSES, PLACES, Place
from tests.suites.transports import Opener, Run, opener_of


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    with running_moto() as url:
        yield url


@pytest.fixture(scope="session")
def ministack_url() -> Iterator[str]:
    """Another, which checks signatures, checksums and policies."""
    try:
        with running_ministack() as server:
            yield server.url
    except MinistackUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    return PLACES[request.param](request)


@pytest.fixture(params=BETWEEN_PROCESSES)
def shared_place(request: pytest.FixtureRequest) -> Place:
    """A place that other processes can open too."""
    return PLACES[request.param](request)


@pytest.fixture
def store(place: Place) -> ObjectStore:
    return place.open()


@pytest.fixture(params=[name for name in TRANSPORTS if name != "auto"])
def opened(request: pytest.FixtureRequest) -> Opener:
    return opener_of(request.param)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    return asyncio.run if request.param == "asyncio" else uvloop.run

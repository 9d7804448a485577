"""Fixtures of the suites: a place per object store."""

from __future__ import annotations

import pytest

from function.store.port import ObjectStore
from tests.suites.stores import BETWEEN_PROCESSES, PLACES, Place


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

"""What the model server saw of a run, from its truth log: the outside witness of the end-to-end tests."""

from __future__ import annotations

from dataclasses import dataclass

from tests.emulators.mock import RunningMock


@dataclass(frozen=True)
class Served:
    """`k`: request_index, from the X-Request-ID. Times are unix ns by the server's clock."""

    k: int
    path: str
    arrived_unix_ns: int
    token_unix_ns: tuple[int, ...]
    body: str | None
    outcome: str


def served(mock: RunningMock, run_id: str) -> list[Served]:
    """All completion requests of one run, in order of arrival."""
    prefix = f"{run_id}-"
    return [
        Served(
            int(record.id.removeprefix(prefix)),
            record.path,
            record.arrival_ns or record.first_byte_ns,
            tuple(record.token_wall_ns()),
            record.body,
            record.outcome,
        )
        for record in mock.completions()
        if record.id is not None and record.id.startswith(prefix)
    ]


def served_ids(mock: RunningMock, since_unix_ns: int) -> list[str]:
    return [one.id or "" for one in mock.completions() if one.first_byte_ns >= since_unix_ns]


def arrivals_since(mock: RunningMock, since_unix_ns: int) -> list[int]:
    """First bytes of completion requests at the server, unix ns, sorted."""
    return sorted(one.first_byte_ns for one in mock.completions() if one.first_byte_ns >= since_unix_ns)

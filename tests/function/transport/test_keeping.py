"""Which servers are believed to keep a connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from function.transport.keeping import PROOF_S, Keeping, Kept


@dataclass(eq=False)
class Connection:
    open: bool = True
    became: str = "waiting"

    def is_open(self) -> bool:
        return self.open

    def reuse(self) -> None:
        assert self.became == "waiting"
        self.became = "reused"

    def hang_up(self) -> None:
        assert self.became == "waiting"
        self.became = "closed"


class Later:
    def __init__(self) -> None:
        self.due: list[tuple[Callable[[Kept], None], Kept]] = []

    def __call__(self, seconds: float, what: Callable[[Kept], None], connection: Kept) -> None:
        assert seconds == PROOF_S
        self.due.append((what, connection))

    def come(self) -> None:
        for what, connection in self.due:
            what(connection)


def answered(keeping: Keeping, open: bool = True) -> Connection:
    connection = Connection(open)
    keeping.answered(connection)
    return connection


def test_connections_wait_until_one_has_outlived_its_answer() -> None:
    later = Later()
    keeping = Keeping(later)
    early = [answered(keeping), answered(keeping)]
    assert [one.became for one in early] == ["waiting", "waiting"]
    later.come()
    assert [one.became for one in early] == ["reused", "reused"]
    assert answered(keeping).became == "reused"


def test_a_server_that_hangs_up_behind_its_answer_is_never_believed_again() -> None:
    later = Later()
    keeping = Keeping(later)
    waiting = answered(keeping)
    keeping.hung_up(PROOF_S / 10)
    assert answered(keeping).became == "closed"
    later.come()
    assert waiting.became == "closed"


def test_one_that_the_kernel_knows_to_be_gone_proves_the_same() -> None:
    later = Later()
    keeping = Keeping(later)
    answered(keeping, open=False)
    later.come()
    assert keeping.known is False


def test_a_connection_closed_in_its_time_says_nothing() -> None:
    keeping = Keeping(Later())
    keeping.hung_up(5.0)
    assert keeping.known is None


def test_at_the_end_none_is_left_and_none_comes_back() -> None:
    later = Later()
    keeping = Keeping(later)
    waiting = answered(keeping)
    keeping.close()
    later.come()
    assert waiting.became == "closed"

"""The first unawaited error is kept."""

from __future__ import annotations

import pytest

from function.fuse import Fuse


def test_a_guarded_step_raises_nothing_and_its_first_error_stays() -> None:
    fuse = Fuse()
    errors = iter([ValueError("first"), KeyError("second")])

    def step() -> None:
        raise next(errors)

    guarded = fuse.guard(step)
    fuse.check()
    guarded()
    guarded()
    with pytest.raises(ValueError, match="first"):
        fuse.check()


def test_a_guarded_step_is_called() -> None:
    fuse, calls = Fuse(), []
    fuse.guard(lambda: calls.append(1))()
    fuse.check()
    assert calls == [1]

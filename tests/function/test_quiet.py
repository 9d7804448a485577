"""What quiet takes away it gives back."""

from __future__ import annotations

import gc
import resource
import sys

import pytest

from function.quiet import SWITCH_S, lift_file_limit, quiet


def test_inside_no_collections_and_quick_switches_and_afterwards_as_before() -> None:
    interval_s, enabled, frozen = sys.getswitchinterval(), gc.isenabled(), gc.get_freeze_count()
    with quiet():
        assert not gc.isenabled()
        assert gc.get_freeze_count() > frozen
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
    assert (sys.getswitchinterval(), gc.isenabled()) == (interval_s, enabled)
    assert gc.get_freeze_count() == 0


def test_files_up_to_the_hard_limit() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))
        lift_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

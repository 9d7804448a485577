"""What the function runs on."""

from __future__ import annotations

import pytest

from function.contract.errors import UsageError
from orchestrator.package.target import TARGETS, target


@pytest.mark.parametrize("name", TARGETS)
def test_platforms_are_of_the_machine_and_the_newest_glibc_first(name: str) -> None:
    platforms = target(name).platforms
    assert platforms[0].startswith("manylinux_2_34_") and len(set(platforms)) == len(platforms)
    assert all(platform.endswith(target(name).machine) for platform in platforms)


def test_an_unknown_architecture_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError) as refused:
        target("mips")
    assert refused.value.code == "unknown_architecture" and refused.value.path == "--arch"
    assert "arm64" in refused.value.hint and "x86_64" in refused.value.hint

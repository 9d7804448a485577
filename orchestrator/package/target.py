"""What the function runs on: its Python, its architecture, and which wheels and binaries fit there.

The host that packages may be anything; nothing here looks at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from function.contract.errors import UsageError

Architecture = Literal["arm64", "x86_64"]
PYTHON = (3, 13)
HANDLER = "function.entry.aws_lambda.handler"
RUNTIME = "python3.13"
# Amazon Linux 2023, the system below python3.13, has glibc 2.34. pip takes a tag as it is and does not go down from it.
_GLIBC = ("2_34", "2_31", "2_28", "2_27", "2_26", "2_24", "2_17", "2_12", "2_5")


@dataclass(frozen=True, slots=True)
class Target:
    """`architecture` in AWS's word, `machine` in Python's and pip's, `elf_machine` the e_machine of its binaries."""

    architecture: Architecture
    machine: str
    elf_machine: int

    @property
    def platforms(self) -> tuple[str, ...]:
        """pip's platform tags, the best first."""
        return (*(f"manylinux_{glibc}_{self.machine}" for glibc in _GLIBC), f"manylinux2014_{self.machine}")


TARGETS: dict[str, Target] = {
    "arm64": Target("arm64", "aarch64", 183),
    "x86_64": Target("x86_64", "x86_64", 62),
}
DEFAULT_ARCHITECTURE: Architecture = "arm64"


def target(architecture: str) -> Target:
    """Raises UsageError (`unknown_architecture`)."""
    found = TARGETS.get(architecture)
    if found is None:
        names = " or ".join(TARGETS)
        raise UsageError(
            f"no function runs on {architecture!r}", path="--arch", hint=f"{names}", code="unknown_architecture"
        )
    return found

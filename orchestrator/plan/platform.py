"""What is provisioned on a cloud, as far as a plan is cut to it: one invocation's time and size, the caps, the regions.

Values only. Who reads them from a deployment, and checks that they still hold there, is the launch.
"""

from __future__ import annotations

from dataclasses import dataclass

from function.contract.plan import RegionPlan


@dataclass(frozen=True, slots=True)
class Platform:
    """`invocation_s`: an invocation's time limit. `max_lanes`: of one run, over all regions; None: no cap is known.

    `regions` in the order in which lanes take them. `allowed`: scheme://host:port that workers may call.
    The defaults are those of the Terraform module: what a plan assumes before anything is provisioned.
    """

    invocation_s: float = 900.0
    memory_mb: int = 1769
    architecture: str = "arm64"
    max_lanes: int | None = None
    regions: tuple[RegionPlan, ...] = ()
    allowed: tuple[str, ...] = ()

    @property
    def memory_gb(self) -> float:
        return self.memory_mb / 1024

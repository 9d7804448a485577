"""Many cases of one kind, a few at once, and how many of them were judged rightly.

A case that did not come off (its truth lies too near a threshold) is drawn again with another seed; that is decided by
the server's log alone. A healthy run in which the interference probe fired is repeated, at most as often as there are
runs; from then on it counts. A planted run is judged by the log whatever the machine did; only where tool and log
disagree *and* the probe fired, so that either may have been late, is it repeated, at most as often as there are cases.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.planted.carry_out import Outcome, carry_out
from tests.e2e.planted.case import Case

REDRAWS = 4  # of one case, and then it counts as not judged rightly
ANOTHER = 1000  # from a seed to the next try's


@dataclass
class Score:
    """`outcomes`: one a case, those that count. The other numbers are of runs that do not."""

    kind: str
    outcomes: list[Outcome] = field(default_factory=list)
    redrawn: int = 0
    repeated: int = 0
    repeated_valid: int = 0  # of the healthy runs repeated

    @property
    def right_findings(self) -> int:
        return sum(one.came_off and one.right_finding for one in self.outcomes)

    @property
    def right_verdicts(self) -> int:
        return sum(one.came_off and one.right_verdict for one in self.outcomes)

    @property
    def right(self) -> int:
        return sum(one.came_off and one.right_finding and one.right_verdict for one in self.outcomes)

    @property
    def valid(self) -> int:
        return sum(one.verdict == "VALID" for one in self.outcomes)


Draw = Callable[[int], Case]
Say = Callable[[str], None]


def planted(draw: Draw, seeds: Iterable[int], at_once: int, say: Say) -> Score:
    """Every seed's case until one has come off and its answer is not the machine's doing."""
    wanted = list(seeds)
    score = Score(draw(wanted[0]).kind)
    tries = dict.fromkeys(wanted, 0)
    while wanted:
        wave = [draw(seed + ANOTHER * tries[seed]) for seed in wanted[:at_once]]
        again: list[int] = []
        for seed, outcome in zip(wanted, _together(wave)):
            wrong = not (outcome.right_finding and outcome.right_verdict)
            if not outcome.came_off and tries[seed] < REDRAWS:
                tries[seed] += 1
                score.redrawn += 1
                again.append(seed)
                say(f"redrawn, too near a threshold: {outcome.line()}")
            elif outcome.came_off and wrong and outcome.interfered and score.repeated < len(tries):
                score.repeated += 1
                again.append(seed)
                say(f"repeated: {outcome.line()}")
            else:
                score.outcomes.append(outcome)
                say(outcome.line())
        wanted = [*again, *wanted[len(wave) :]]
    return score


def healthy(draw: Draw, seeds: Iterable[int], at_once: int, say: Say) -> Score:
    """Undisturbed runs; what matters is how many are VALID."""
    wanted = list(seeds)
    score, most = Score(draw(wanted[0]).kind), len(wanted)
    while wanted:
        wave = wanted[:at_once]
        again: list[int] = []
        for seed, outcome in zip(wave, _together([draw(seed) for seed in wave])):
            if outcome.interfered and score.repeated < most:
                score.repeated += 1
                score.repeated_valid += outcome.verdict == "VALID"
                again.append(seed)
                say(f"repeated: {outcome.line()}")
            else:
                score.outcomes.append(outcome)
                say(outcome.line())
        wanted = [*again, *wanted[len(wave) :]]
    return score


def _together(cases: list[Case]) -> list[Outcome]:
    """All at once, so that none starts its processes while another one measures."""
    with tempfile.TemporaryDirectory(prefix="planted-") as folder, ThreadPoolExecutor(len(cases)) as pool:
        return list(pool.map(lambda case: carry_out(case, Path(folder) / case.name), cases))

"""How often is the verdict right? Trouble is planted in real runs on this machine; a model server's log is the judge.

    python benchmarks/verdicts.py                       # 10 seeds of each of 10 kinds, 60 healthy runs: 20 minutes
    python benchmarks/verdicts.py --seeds 2 --healthy 6 --kinds drift,overload

At most three runs at once. Prints every run as it ends and a table by kind; `--write` puts the table into
docs/trust.md. Exit 1 when fewer than 99 % of the planted cases are judged rightly or fewer than 98 % of the healthy
runs are VALID. What is planted and how it is judged: tests/e2e/planted and docs/trust.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.e2e.planted import kinds  # noqa: E402
from tests.e2e.planted.series import Score, healthy, planted  # noqa: E402

PAGE = ROOT / "docs" / "trust.md"
BEGIN, END = "<!-- verdicts: begin, written by make verdicts -->", "<!-- verdicts: end -->"
MOST_AT_ONCE = 3
RIGHT, VALID = 0.99, 0.98


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="planted cases of each kind")
    parser.add_argument("--healthy", type=int, default=60, help="healthy runs; 0: none")
    parser.add_argument("--from-seed", type=int, default=0, help="the first seed")
    parser.add_argument("--kinds", help="functions of tests/e2e/planted/kinds.py; default: all")
    parser.add_argument("--at-once", type=int, default=MOST_AT_ONCE, choices=range(1, MOST_AT_ONCE + 1))
    parser.add_argument("--write", action="store_true", help="write the table into docs/trust.md")
    options = parser.parse_args()
    chosen = [kind for kind in kinds.PLANTED if not options.kinds or kind.__name__ in options.kinds.split(",")]
    began = time.monotonic()
    seeds = range(options.from_seed, options.from_seed + options.seeds)
    scores = [planted(kind, seeds, options.at_once, _progress(began)) for kind in chosen if options.seeds]
    well = None
    if options.healthy:
        runs = range(options.from_seed, options.from_seed + options.healthy)
        well = healthy(kinds.healthy, runs, options.at_once, _progress(began))
    table = "\n".join(_table(scores, well, time.monotonic() - began, options.at_once))
    print(f"\n{table}")
    if options.write:
        _write(table)
    return 0 if _good_enough(scores, well) else 1


def _progress(began: float) -> Callable[[str], None]:
    return lambda line: print(f"{time.monotonic() - began:6.0f} s  {line}", flush=True)


def _good_enough(scores: Sequence[Score], well: Score | None) -> bool:
    cases = sum(len(score.outcomes) for score in scores)
    right = sum(score.right for score in scores)
    return right >= RIGHT * cases and (well is None or well.valid >= VALID * len(well.outcomes))


def _table(scores: Sequence[Score], well: Score | None, seconds: float, at_once: int) -> Iterator[str]:
    today = time.strftime("%Y-%m-%d", time.gmtime())
    yield f"{today}, {_machine()}, {at_once} runs at once, {seconds / 60:.0f} minutes."
    yield ""
    yield "| planted | cases | right findings | right verdict | right verdicts were | redrawn | repeated |"
    yield "|---|---|---|---|---|---|---|"
    for score in scores:
        verdicts = [str(one.expected.verdict) for one in score.outcomes]
        words = ", ".join(f"{verdicts.count(word)} {word}" for word in ("VALID", "DEGRADED", "INVALID", "None"))
        words = ", ".join(word for word in words.split(", ") if not word.startswith("0 "))
        counts = (len(score.outcomes), score.right_findings, score.right_verdicts, words, score.redrawn, score.repeated)
        yield f"| {score.kind} | " + " | ".join(map(str, counts)) + " |"
    if scores:
        sums = [
            sum(counts)
            for counts in zip(
                *((len(s.outcomes), s.right_findings, s.right_verdicts, s.redrawn, s.repeated) for s in scores)
            )
        ]
        yield f"| **all** | {sums[0]} | {sums[1]} | {sums[2]} | | {sums[3]} | {sums[4]} |"
    if well is not None:
        runs = len(well.outcomes)
        yield ""
        fired = sum(one.interfered for one in well.outcomes)
        yield (
            f"Healthy: {well.valid} of {runs} VALID ({well.valid / runs:.1%}). {well.repeated} runs were repeated "
            f"because the interference probe fired ({well.repeated_valid} of them were VALID as well); it fired in "
            f"{fired} of those counted."
        )
    missed = [one for score in scores for one in score.outcomes if not (one.right_finding and one.right_verdict)]
    missed += [one for one in (well.outcomes if well else ()) if one.verdict != "VALID"]
    yield ""
    yield "Misses: " + ("none." if not missed else "")
    yield from (f"- {one.line()}" for one in missed)


def _machine() -> str:
    model = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass  # not Linux
    return f"{os.cpu_count()} cores ({model}), {platform.system()}, Python {platform.python_version()}"


def _write(table: str) -> None:
    page = PAGE.read_text()
    head, _, rest = page.partition(BEGIN)
    _, marked, tail = rest.partition(END)
    if not marked:
        raise SystemExit(f"{PAGE} has no place for the table: {BEGIN} ... {END}")
    PAGE.write_text(f"{head}{BEGIN}\n{table}\n{END}{tail}")


if __name__ == "__main__":
    sys.exit(main())

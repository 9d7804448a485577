"""Carries one case out on the real local provider, with a model server of its own; holds the answer to the truth."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.harness import (
    REPOSITORY,
    Ended,
    assert_all_balance,
    benchctl,
    finish,
    killed_at_end,
    read_json,
    start,
    wait_for,
    workers,
    write_config,
)
from tests.e2e.planted.case import Case
from tests.e2e.planted.oracle import SEVERITIES, Expected, expected
from tests.e2e.planted.truth import truth_of
from tests.emulators.mock import running_mock

INSIDE = Path(__file__).resolve().parent / "inside"
RUN_ID = "planted"


@dataclass(frozen=True)
class Outcome:
    """`found`: severity by code, without what is for information. `interfered`: the probe beside the run fired."""

    case: Case
    verdict: str
    found: dict[str, int]
    interfered: bool
    expected: Expected

    @property
    def came_off(self) -> bool:
        """The truth is clear of the thresholds, and the disturbance did what it was planted for."""
        wanted = self.case.expects
        did = bool(wanted & self.expected.certain) if wanted else not self.expected.certain
        return did and self.expected.verdict is not None

    @property
    def right_finding(self) -> bool:
        return not self.expected.wrong(self.found)

    @property
    def right_verdict(self) -> bool:
        return self.verdict == self.expected.verdict

    def line(self) -> str:
        state = "near" if not self.came_off else "ok" if self.right_finding and self.right_verdict else "WRONG"
        note = f" ({self.case.note})" if self.case.note else ""
        shape = f"{self.case.rate}/s, {self.case.lanes} lanes, TTFT {self.case.mock['ttft_s'] * 1e3:.0f} ms"
        text = f"{state:5} {self.case.name}{note}, {shape}: {self.verdict} by {', '.join(sorted(self.found)) or '-'}"
        if state != "ok":
            text += (
                f"; right: {self.expected.verdict}, {'; '.join(self.expected.wrong(self.found)) or 'findings right'}"
            )
        return text + (" [interference]" if self.interfered else "")


def carry_out(case: Case, root: Path) -> Outcome:
    """One run, and the log's word on it. `root` is made."""
    with running_mock(case.mock) as mock:
        settings = case.settings(mock.url)
        env = {"PYTHONPATH": f"{INSIDE}{os.pathsep}{REPOSITORY}"}
        if case.inside is not None:
            env["BENCHCTL_PLANTED"] = json.dumps(case.inside)
        arguments = ("launch", write_config(root, settings), "--json", "--yes", "--run-id", RUN_ID)
        with killed_at_end(start(root, *arguments, env=env)) as process:
            with _stopping(case, process, root):
                ended = finish(process, root)
        assert ended.exit_code in (0, 3, 4), ended.stderr
        records = mock.completions()
    t0 = read_json(ended.run_folder() / "go" / "0-0.json")["t0_unix_ns"]
    interfered = ended.interfered()
    if case.lost:
        ended = _without_shards(case, ended)
    summary = ended.summary()
    assert_all_balance(summary)
    found = _severities(summary)
    return Outcome(case, summary["verdict"], found, interfered, expected(truth_of(case, records, RUN_ID, t0)))


def _severities(summary: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for finding in summary["findings"]:
        severity = SEVERITIES[finding["severity"]]
        if severity:
            found[finding["code"]] = max(severity, found.get(finding["code"], 0))
    return found


@contextlib.contextmanager
def _stopping(case: Case, process: subprocess.Popen[str], root: Path) -> Iterator[None]:
    """Stops one worker at the case's instants while the block runs."""
    over = threading.Event()

    def run() -> None:
        go = root / "runs" / RUN_ID / "go" / "0-0.json"
        wait_for(lambda: over.is_set() or go.exists(), what="go")
        if over.is_set():
            return
        victim = sorted(workers(process.pid))[0]
        t0_s = read_json(go)["t0_unix_ns"] / 1e9
        for at_s in case.stops_s:
            if over.wait(max(0.0, t0_s + at_s - time.time())):
                return
            os.kill(victim, signal.SIGSTOP)
            try:
                time.sleep(case.stop_for_s)
            finally:
                os.kill(victim, signal.SIGCONT)

    thread = threading.Thread(target=run)
    if case.stops_s:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if case.stops_s:
            thread.join()


def _without_shards(case: Case, ended: Ended) -> Ended:
    """The run merged again after some shards' records and receipts, or all their traces, were removed."""
    folder = ended.run_folder()
    for lane in case.lost:
        shutil.rmtree(folder / "records" / f"0-{lane}-0.0")
        (folder / "receipts" / f"0-{lane}-0.json").unlink()
        for trace in ("claims", "ready", "progress") if case.thoroughly else ():
            (folder / trace / f"0-{lane}-0.0").unlink(missing_ok=True)
    shutil.rmtree(folder / "report")
    again = benchctl(ended.root, "merge", RUN_ID, "--json")
    assert again.exit_code in (0, 3, 4), again.stderr
    return again

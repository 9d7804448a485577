"""After the last receipt, when control says done and no process is left: merge and report.

`launch` and `attach` end here alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from function.store.port import ObjectStore
from orchestrator.launch.locate import local_folder
from orchestrator.merge.run import Merged, merge_run
from orchestrator.report.write import write_report


@dataclass(frozen=True, slots=True)
class Reported:
    """A merged run and where its report lies on this machine."""

    merged: Merged
    directory: Path
    paths: tuple[Path, ...]


def report_folder(store: ObjectStore, run_id: str) -> Path:
    """Beside the run where that is on this machine, else `./runs/<run_id>/report`."""
    folder = local_folder(store)
    return (Path("runs") / run_id if folder is None else folder) / "report"


def merge_and_report(store: ObjectStore, run_id: str, ended: tuple[str, ...]) -> Reported:
    """`ended`: attempts whose invocations are over. The caller has watched the run to its end."""
    merged = merge_run(store, ended=ended, alone=False)
    directory = report_folder(store, run_id)
    away = None if local_folder(store) is not None else store
    return Reported(merged, directory, write_report(merged, directory, store=away))

"""After the last receipt, when control says done and no process is left: merge and report.

`launch`, `attach`, `merge` and `report` end here alike: the report lies beside the run, and always below the working
folder as well, where people look for it first.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from function.contract.errors import BenchctlError, StoreError
from function.contract.keys import RUNS
from function.store.port import ObjectStore
from orchestrator.launch.drive import Driven
from orchestrator.launch.locate import RUN_ID, local_folder
from orchestrator.merge.run import Merged, merge_run
from orchestrator.outcome import ABORTED, Problem
from orchestrator.report.write import FORMATS, write_report


class NotStored(BenchctlError):
    """Requests were sent, and what came of them is not, or not all, in the store."""

    code = "results_not_stored"


@dataclass(frozen=True, slots=True)
class Reported:
    """A merged run and where its report lies on this machine. `copy`: the second place; `problems` are warnings."""

    merged: Merged
    directory: Path
    paths: tuple[Path, ...]
    copy: Path | None = None
    problems: tuple[Problem, ...] = ()


def report_folder(store: ObjectStore, run_id: str) -> Path:
    """Beside the run where that is on this machine, else `./runs/<run_id>/report`."""
    folder = local_folder(store)
    return (Path(RUNS) / run_id if folder is None else folder) / "report"


def merge_and_report(store: ObjectStore, run_id: str, ended: tuple[str, ...]) -> Reported:
    """`ended`: attempts whose invocations are over. The caller has watched the run to its end."""
    return report(merge_run(store, ended=ended, alone=False), store, run_id)


def report_driven(store: ObjectStore, run_id: str, driven: Driven) -> Reported:
    """Of a run that was carried out from here. Raises NotStored where results are missing from the store; what there is
    has then been reported all the same, if that was possible."""
    try:
        reported = merge_and_report(store, run_id, tuple(driven.ends))
    except StoreError as error:
        raise _not_stored(driven.unstored or error.message, run_id, driven) from error
    except BenchctlError as error:
        if driven.unstored is None:
            raise
        raise _not_stored(driven.unstored, run_id, driven) from error
    if driven.unstored is not None:
        raise _not_stored(f"{driven.unstored}; what there is was reported in {reported.directory}", run_id, driven)
    return reported


def _not_stored(why: str, run_id: str, driven: Driven) -> NotStored:
    error = NotStored(
        f"results could not be stored: {why}",
        path="--root",
        hint=f"make room there or name another place, and launch again; benchctl merge {run_id} reports what was kept",
    )
    if driven.aborted and driven.reason == "user":
        error.exit_code = ABORTED
    return error


def report(merged: Merged, store: ObjectStore, run_id: str, formats: Sequence[str] = FORMATS) -> Reported:
    """Write the report beside the run and below the working folder; once where these are the same place.

    Raises what `write_report` raises; a working folder that takes no copy is a warning.
    """
    directory = report_folder(store, run_id)
    away = None if local_folder(store) is not None else store
    paths = write_report(merged, directory, formats, store=away)
    copy = Path(RUNS) / run_id / "report"
    # A plan is read from a folder that anybody may have written: its word must not lead out of ./runs.
    if not RUN_ID.fullmatch(run_id) or _same(copy, directory):
        return Reported(merged, directory, paths)
    try:
        _copy([path for path in paths if path.parent == directory], copy)
    except OSError as error:
        why = f"the report could not also be written to ./{copy}: {error.strerror or error}"
        problem = Problem("report_copy", why, "", f"it lies in {directory}", "warning")
        return Reported(merged, directory, paths, problems=(problem,))
    return Reported(merged, directory, paths, copy)


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _copy(paths: Sequence[Path], folder: Path) -> None:
    """A reader finds the old file or the new one, and nothing half written."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        draft = folder / f".{path.name}.{os.getpid()}"
        try:
            draft.write_bytes(path.read_bytes())
            draft.replace(folder / path.name)
        finally:
            with suppress(OSError):  # it was renamed, or never made
                draft.unlink()

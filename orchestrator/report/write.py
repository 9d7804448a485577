"""Writes the report's files. Which bytes they hold is each format's own business; here is only where they go."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from function.contract.errors import BenchctlError, UsageError
from function.store.port import ObjectStore
from orchestrator.merge.run import Merged
from orchestrator.report.inference_perf import lifecycle, per_request

FORMATS = ("json", "parquet", "html", "inference-perf")
REPORT = "report/"

File = tuple[str, Callable[[Path], None]]


def write_report(
    merged: Merged, directory: Path, formats: Sequence[str] = FORMATS, store: ObjectStore | None = None
) -> tuple[Path, ...]:
    """Write the files of `formats` into `directory` (created), and return their paths.

    `store`: the run's folder where it does not lie on this machine; each file is put there as well, under `report/`.
    inference-perf's files are also copied to where `storage.local_storage` of the config wants them.
    Raises UsageError `report_format` for an unknown format; BenchctlError `report_unwritable`, exit 1: the run is over.
    """
    for name in formats:
        if name not in _FORMATS:
            known = ", ".join(FORMATS)
            raise UsageError(f"{name!r} is no report format", path="--format", hint=known, code="report_format")
    paths = []
    with _mapped(directory):
        directory.mkdir(parents=True, exist_ok=True)
        for name in dict.fromkeys(formats):
            for file, write in _FORMATS[name](merged):
                paths.append(directory / file)
                _write_whole(paths[-1], write)
        if "inference-perf" in formats:
            paths += _copies(merged)
    if store is not None:
        for path in paths:
            if path.parent == directory:
                store.put(REPORT + path.name, path.read_bytes())
    return tuple(paths)


def _write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """A reader finds the old file or the new one, and nothing half written."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _summary(merged: Merged) -> Iterator[File]:
    yield "summary.json", _json(merged.summary.as_dict())


def _parquet(merged: Merged) -> Iterator[File]:
    from orchestrator.report.parquet import write_parquet

    regions = [region.region for region in merged.plan.regions]
    yield "requests.parquet", lambda path: write_parquet(merged.requests, path, regions)


def _html(merged: Merged) -> Iterator[File]:
    from orchestrator.report.html import html

    yield "report.html", lambda path: _put(path, html(merged.summary.as_dict(), merged.requests))


def _inference_perf(merged: Merged) -> Iterator[File]:
    settings, requests = merged.plan.report, merged.requests
    stages = [stage for stage in merged.summary.stages if not stage.warmup]
    if settings.summary:
        measured = requests.where(np.isin(requests.stage, [stage.index for stage in stages]))
        yield "summary_lifecycle_metrics.json", _json(lifecycle(measured, merged.summary.run, settings))
    for stage in stages if settings.per_stage else ():
        numbers = lifecycle(requests.of_stage(stage.index), stage.block, settings, stage)
        yield f"stage_{stage.index}_lifecycle_metrics.json", _json(numbers)
    if settings.per_request:
        yield "per_request_lifecycle_metrics.json", _json(per_request(requests))


_FORMATS: dict[str, Callable[[Merged], Iterator[File]]] = {
    "json": _summary,
    "parquet": _parquet,
    "html": _html,
    "inference-perf": _inference_perf,
}


def _copies(merged: Merged) -> Iterator[Path]:
    """inference-perf's files once more, where the config's `storage.local_storage` asks for them."""
    settings = merged.plan.report
    if settings.local_path is None:
        return
    begun = time.strftime("%Y%m%d-%H%M%S", time.gmtime(merged.plan.created_unix_ns / 1e9))
    folder = Path(settings.local_path.replace("{timestamp}", begun)).expanduser()
    with _mapped(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for file, write in _inference_perf(merged):
            path = folder / f"{settings.file_prefix or ''}{file}"
            _write_whole(path, write)
            yield path


def _json(value: object) -> Callable[[Path], None]:
    body = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return lambda path: _put(path, body)


def _put(path: Path, body: bytes) -> None:
    path.write_bytes(body)


@contextmanager
def _mapped(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BenchctlError(
            f"the report cannot be written to {folder}: {error.strerror or error}",
            path="--root",
            hint="the records are stored; make room or permissions, then run `benchctl report RUN`",
            code="report_unwritable",
        ) from error

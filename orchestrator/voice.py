"""The one place that prints: an Outcome as the JSON envelope on stdout, or as words for people.

With --json stdout carries exactly one JSON value and nothing else. Without it the result goes to stdout, and errors
and warnings to stderr. A reader that has gone away (`| head`) is no error.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, TextIO

from orchestrator.outcome import Outcome, Problem

SCHEMA_VERSION = 1


def speak(result: Outcome, *, as_json: bool) -> int:
    """Prints it and returns the exit code."""
    try:
        if as_json:
            sys.stdout.write(json.dumps(envelope(result), ensure_ascii=False, allow_nan=False) + "\n")
        else:
            _words(result)
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        # Python flushes stdout once more at exit, and would complain there.
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return result.exit_code


def envelope(result: Outcome) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "command": result.command,
        "exit_code": result.exit_code,
        "result": result.result,
        "error": None if result.error is None else result.error.as_dict(),
        "problems": [problem.as_dict() for problem in result.problems],
    }


def _words(result: Outcome) -> None:
    for problem in result.problems:
        if not _same(problem, result.error):
            print(problem.as_line(), file=sys.stderr)
    if result.error is not None:
        print(result.error.as_line(), file=sys.stderr)
    if isinstance(result.human, str):
        if result.human:
            print(result.human.rstrip("\n"))
    else:
        _render(result.human, sys.stdout)


def _same(problem: Problem, error: Problem | None) -> bool:
    """Whether the error repeats this problem: a config with one problem lends it to the error."""
    return error is not None and (problem.code, problem.path) == (error.code, error.path)


def _render(human: Any, stream: TextIO) -> None:
    from rich.console import Console

    # Without a terminal rich would guess 80 columns and fold tables; COLUMNS, if set, wins.
    width = None if stream.isatty() or os.environ.get("COLUMNS") else 160
    Console(file=stream, width=width).print(human)

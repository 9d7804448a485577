"""The one place that prints: an Outcome as the JSON envelope on stdout, or as words for people.

With --json stdout carries exactly one JSON value and nothing else. Without it the result goes to stdout, and errors
and warnings to stderr. A reader that has gone away (`| head`) is no error; a result that could not be written is one.
"""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

from orchestrator.outcome import FAILED, Outcome, Problem

SCHEMA_VERSION = 1
_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF, errno.EIO, errno.EPIPE)


def open_streams() -> None:
    """Makes stdout and stderr take any text, and be there: call it before anything opens a file.

    Letters that a stream's encoding has not become `?`. A stream that was closed for us would otherwise lend its number
    to the next file opened; a closed stdout refuses what is written, so that this is told.
    """
    if sys.stdout is None:
        sys.stdout = _stand_in(1, os.O_RDONLY)
    if sys.stderr is None:
        sys.stderr = _stand_in(2, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def speak(result: Outcome, *, as_json: bool) -> int:
    """Prints it and returns the exit code: FAILED instead of a verdict that could not be written anywhere."""
    if not as_json:
        _complain(result)
    try:
        sys.stdout.write(_json(result) if as_json else _words(result.human, sys.stdout))
        sys.stdout.flush()
    except OSError as error:
        return refused(result, error)
    return result.exit_code


def refused(result: Outcome, error: OSError) -> int:
    """The exit code where stdout did not take the result, which is told on stderr."""
    _hush(sys.stdout)
    if isinstance(error, BrokenPipeError):
        return result.exit_code
    hint = "make room or name another place for standard output; what the command stored is not lost"
    _print_error(Problem("output_lost", f"the result could not be printed: {error.strerror or error}", hint=hint))
    return FAILED if result.error is None else result.exit_code


def is_refusal(error: OSError) -> bool:
    """Whether it can be a standard stream's: those name no file."""
    return error.filename is None and error.errno in _REFUSALS


def envelope(result: Outcome) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "command": result.command,
        "exit_code": result.exit_code,
        "result": result.result,
        "error": None if result.error is None else result.error.as_dict(),
        "problems": [problem.as_dict() for problem in result.problems],
    }


def _json(result: Outcome) -> str:
    """ASCII: any stream takes it."""
    return json.dumps(envelope(result), allow_nan=False) + "\n"


def _complain(result: Outcome) -> None:
    for problem in result.problems:
        if not _same(problem, result.error):
            _print_error(problem)
    if result.error is not None:
        _print_error(result.error)


def _print_error(problem: Problem) -> None:
    with suppress(OSError):  # nobody reads errors: the exit code still says it
        print(problem.as_line(), file=sys.stderr, flush=True)


def _same(problem: Problem, error: Problem | None) -> bool:
    """Whether the error repeats this problem: a config with one problem lends it to the error."""
    return error is not None and (problem.code, problem.path) == (error.code, error.path)


def _words(human: Any, stream: TextIO) -> str:
    if isinstance(human, str):
        return human.rstrip("\n") + "\n" if human else ""
    from rich.console import Console

    # Without a terminal rich would guess 80 columns and fold tables; COLUMNS, if set, wins.
    width = None if stream.isatty() or os.environ.get("COLUMNS") else 160
    console = Console(file=stream, width=width)
    with console.capture() as captured:  # it would end the process where a reader has gone away
        console.print(human)
    return captured.get()


def _hush(stream: TextIO) -> None:
    """Python flushes once more at exit, and would complain there."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _stand_in(number: int, mode: int) -> TextIO:
    """A text stream on file number `number`, which was closed."""
    opened = os.open(os.devnull, mode)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    return open(number, "w", encoding="utf-8", closefd=False)

"""The command `benchctl`: runs one command line, turns every failure into one line, and gives the exit code.

What the commands are is in `verbs`; what is printed, in `voice`. Nothing but the standard library is imported before
`main` runs, so that a Ctrl-C while the rest is loaded ends the process as one that comes later.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # typing's own takes milliseconds to import, and they are traced at a Ctrl-C
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType
    from typing import NoReturn

    import click

    from orchestrator.outcome import Outcome, Problem

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code; an interrupted process ends here."""
    code = _main(list(sys.argv[1:] if argv is None else argv))
    if argv is None and code == INTERRUPTED:
        # Python itself would end by the signal where it had interrupted an exec(), and trace a late second one.
        _end()
    return code


def _main(arguments: list[str]) -> int:
    _load()
    from orchestrator import voice

    voice.open_streams()
    try:
        result = run(arguments)
        return result if isinstance(result, int) else voice.speak(result, as_json=_wants_json(arguments))
    except KeyboardInterrupt:
        return INTERRUPTED  # while it was printed: there is nothing more to say


def run(arguments: list[str]) -> Outcome | int:
    """The command line's outcome, errors included; an exit code where click has printed what was asked (--help)."""
    import click

    from function.contract.errors import BenchctlError
    from orchestrator import outcome, voice
    from orchestrator.outcome import Outcome, Problem
    from orchestrator.verbs import benchctl

    name = _name(benchctl, arguments)
    try:
        value = _invoke(arguments)
    except click.exceptions.Exit as asked:
        return asked.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        return Outcome(name, outcome.USAGE, human=error.format_message())
    except click.UsageError as error:
        return _failed(name, _usage(error), outcome.USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _failed(name, Problem("interrupted", "interrupted"), outcome.ABORTED)
    except click.ClickException as error:
        return _failed(name, Problem("usage", error.format_message()), outcome.USAGE)
    except BenchctlError as error:
        problems: tuple[Problem, ...] = getattr(error, "problems", ())
        return _failed(name, Problem(error.code, error.message, error.path, error.hint), error.exit_code, problems)
    except OSError as error:  # click prints help itself
        return voice.refused(Outcome(name), error) if voice.is_refusal(error) else _unforeseen(name, error)
    except Exception as error:  # noqa: BLE001  the one place that turns what nobody foresaw into one line and exit 1
        return _unforeseen(name, error)
    return value if isinstance(value, Outcome | int) else outcome.OK


def _name(group: click.Group, arguments: Sequence[str]) -> str:
    """The command's, as in `launch` or `infra up`; "" where the line names none."""
    import click

    word = next((word for word in arguments if word in group.commands), "")
    command = group.commands.get(word)
    inner = _name(command, arguments[arguments.index(word) + 1 :]) if isinstance(command, click.Group) else ""
    return f"{word} {inner}".rstrip()


def _invoke(arguments: list[str]) -> object:
    """click's own `main` would print an empty line at Ctrl-C, and hide which interrupt it was."""
    from orchestrator.verbs import benchctl

    with benchctl.make_context("benchctl", list(arguments)) as context:
        return benchctl.invoke(context)


def _load() -> None:
    """Import the command line. Ctrl-C meanwhile ends the process: nothing was begun, and an import would trace it."""
    before = signal.getsignal(signal.SIGINT)
    try:
        if before is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, _end)
    except ValueError:  # not the main thread, which alone is interrupted
        before = signal.SIG_IGN
    try:
        import orchestrator.verbs
        import orchestrator.voice  # noqa: F401
    finally:
        if before is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, before)


def _end(number: int = signal.SIGINT, frame: FrameType | None = None) -> NoReturn:
    os._exit(INTERRUPTED)


def _wants_json(arguments: list[str]) -> bool:
    """Also where the command line itself is wrong, so that scripts always get the envelope they asked for."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in before


def _usage(error: click.UsageError) -> Problem:
    import click

    from orchestrator.outcome import Problem

    where = error.param.opts[0] if isinstance(error, click.BadParameter) and error.param is not None else ""
    name = error.ctx.command_path if error.ctx is not None else "benchctl"
    return Problem("usage", error.format_message().rstrip("."), where, f"see {name} --help")


def _unforeseen(name: str, error: Exception) -> Outcome:
    from orchestrator import outcome
    from orchestrator.outcome import Problem

    if os.environ.get("BENCHCTL_DEBUG"):
        raise error
    hint = "this is a fault of benchctl; set BENCHCTL_DEBUG=1 to see where"
    return _failed(name, Problem("internal", f"{type(error).__name__}: {error}", hint=hint), outcome.FAILED)


def _failed(name: str, error: Problem, exit_code: int, problems: tuple[Problem, ...] = ()) -> Outcome:
    from orchestrator.outcome import Outcome

    return Outcome(name, exit_code, error=error, problems=problems)

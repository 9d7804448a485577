"""The command line: help, errors as one line or one envelope, exit codes, and what is imported for it."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from function.contract.errors import BenchctlError, UsageError
from orchestrator import cli
from orchestrator.launch.interrupts import Interrupted
from orchestrator.verbs import benchctl

ROOT = Path(__file__).resolve().parents[2]
NAMES = [
    "init",
    "validate",
    "plan",
    "launch",
    "status",
    "attach",
    "abort",
    "logs",
    "runs",
    "merge",
    "report",
    "doctor",
    "package",
    "infra",
    "mock-server",
    "schema",
]


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = cli.main([*arguments, "--json"])
    printed = capsys.readouterr()
    envelope = json.loads(printed.out)
    assert set(envelope) == {"schema_version", "command", "exit_code", "result", "error", "problems"}
    assert envelope["exit_code"] == code
    return code, envelope


def test_every_command_is_there_and_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    top = capsys.readouterr().out
    assert list(benchctl.commands) == NAMES
    for name in NAMES:
        assert f"  {name} " in top
        command = benchctl.commands[name]
        inner = [[name, word] for word in command.commands] if isinstance(command, click.Group) else [[name]]
        for words in inner:
            assert cli.main([*words, "--help"]) == 0
            said = capsys.readouterr().out
            assert "Example" in said and f"benchctl {' '.join(words)}" in said, words
            assert "--json" in said, words


def test_no_command_shows_the_help_and_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "Commands:" in capsys.readouterr().out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("benchctl, version ")


@pytest.mark.parametrize(
    ("arguments", "command", "path"),
    [
        (["launch"], "launch", "config"),
        (["launch", "x.yaml", "--no-such-flag"], "launch", ""),
        (["launch", "x.yaml", "--provider", "azure"], "launch", "--provider"),
        (["mock-server", "--port", "99999"], "mock-server", "--port"),
        (["mock-server", "--ttft", "soon"], "mock-server", "--ttft"),
        (["mock-server", "--fault", "http_500"], "mock-server", "--fault"),
        (["lanch"], "", ""),
    ],
)
def test_a_wrong_command_line_is_an_envelope_too(
    capsys: pytest.CaptureFixture[str], arguments: list[str], command: str, path: str
) -> None:
    code, envelope = answer(capsys, *arguments)
    assert code == 2
    assert envelope["command"] == command
    assert (envelope["error"]["code"], envelope["error"]["path"]) == ("usage", path)
    assert envelope["error"]["message"] and envelope["error"]["hint"]


def test_a_near_miss_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lanch"]) == 2
    assert "launch" in capsys.readouterr().err


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def run(*given: object) -> None:
        raise error

    monkeypatch.setattr("orchestrator.commands.schema.run", run)


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (UsageError("no", path="--root", hint="yes", code="root_unwritable"), 2, "root_unwritable"),
        (BenchctlError("broken"), 1, "error"),
        (Interrupted("SIGINT"), 130, "interrupted"),
        (ZeroDivisionError("division by zero"), 1, "internal"),
    ],
)
def test_what_is_raised_becomes_an_error_and_a_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, word: str
) -> None:
    monkeypatch.delenv("BENCHCTL_DEBUG", raising=False)
    raising(monkeypatch, error)
    found, envelope = answer(capsys, "schema")
    assert (found, envelope["error"]["code"]) == (code, word)
    assert cli.main(["schema"]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert printed.err.startswith(f"error[{word}]")
    assert "Traceback" not in printed.err


def test_a_traceback_only_where_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, ZeroDivisionError("division by zero"))
    monkeypatch.setenv("BENCHCTL_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli.main(["schema"])


def test_all_problems_of_a_config_are_in_the_envelope(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("load: {stages: [{rate: fast, duration: 2}]}\nserver: {bas_url: x}\n")
    code, envelope = answer(capsys, "launch", str(tmp_path / "c.yaml"))
    assert code == 2
    paths = {problem["path"] for problem in envelope["problems"]}
    assert {"load.stages.0.rate", "server.bas_url"} <= paths
    assert envelope["error"]["code"] == "config_invalid"


def test_help_starts_fast_and_imports_nothing_heavy() -> None:
    heavy = "{'pandas', 'datasets', 'boto3', 'google', 'pyarrow', 'scipy', 'numpy', 'tokenizers', 'pydantic', 'rich'}"
    script = (
        "import sys; from orchestrator.cli import main; code = main(['--help']);"
        f"sys.exit(','.join({heavy} & set(sys.modules)) or code)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < 0.5


def test_the_module_is_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", "runs", "--root", str(tmp_path), "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["result"]["runs"] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("words", ["--help", "plan --help", "--version", "schema --json"])
def test_help_that_could_not_be_written_is_one_line_too(words: str) -> None:
    for redirect, code in ((">/dev/full", 1), (">&-", 1), ("| true", 0)):
        line = f'"{sys.executable}" -m orchestrator {words} {redirect}'
        done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == code
        assert len(done.stderr.splitlines()) == code, done.stderr


@pytest.mark.parametrize("module", ["click", "orchestrator.verbs", "orchestrator.commands.validate", "pydantic"])
def test_ctrl_c_while_something_is_imported_is_130_without_a_traceback(module: str) -> None:
    script = (
        "import os, signal, sys\n"
        "from orchestrator import cli\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "sys.exit(cli.main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "validate", "nothing.yaml"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


def test_nothing_but_the_standard_library_is_imported_before_ctrl_c_is_taken_care_of() -> None:
    script = "import sys, orchestrator.cli; print({'click', 'msgspec', 'function', 'dataclasses'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"

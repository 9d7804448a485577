"""The one door to the `terraform` program: runs it in a region's folder and turns its failures into ours.

It runs in a session of its own, so that a terminal's Ctrl-C reaches benchctl alone, which asks it to stop exactly once
and waits: stopped in the middle, Terraform finishes what it is doing and writes its state down.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from function.contract.errors import ProviderError, UsageError
from orchestrator.launch.interrupts import Interrupted, Interrupts
from orchestrator.provision import events
from orchestrator.provision.events import Said
from orchestrator.provision.place import DATA

OLDEST = (1, 9)
INSTALL = "install it (1.9 or newer): https://developer.hashicorp.com/terraform/install"
PLAN = "benchctl.tfplan"
_NOT_OURS = ("TF_WORKSPACE",)  # another workspace would be another state
_CREDENTIALS = re.compile(
    r"No valid credential sources|failed to refresh cached credentials|ExpiredToken", re.IGNORECASE
)
_VALUE = re.compile(r"Invalid value for (input )?variable")


def find_terraform() -> str:
    """Its path. UsageError: `terraform_missing`, `terraform_too_old`."""
    found = shutil.which("terraform")
    if found is None:
        raise UsageError("terraform is not on PATH", path="PATH", hint=INSTALL, code="terraform_missing")
    asked = subprocess.run([found, "version", "-json"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    try:
        version = str(json.loads(asked.stdout)["terraform_version"])
        number = tuple(int(part) for part in version.split("-")[0].split(".")[:2])
    except (ValueError, KeyError) as error:
        message = f"{found} does not say which version it is: {asked.stderr.strip() or asked.stdout.strip()}"
        raise UsageError(message, path="PATH", hint=INSTALL, code="terraform_missing") from error
    if number < OLDEST:
        message = f"terraform {version} is too old"
        raise UsageError(message, path="PATH", hint=INSTALL, code="terraform_too_old")
    return found


class Terraform:
    """Terraform in one region's folder. `tell` gets lines worth showing while it works.

    Every method raises ProviderError `terraform_failed` with Terraform's own words, UsageError `credentials` where it
    found none and `variable` for a value that the module refuses, and Interrupted once it has ended after a Ctrl-C.
    """

    def __init__(self, program: str, folder: Path, region: str, tell: Callable[[str], None]) -> None:
        self._program = program
        self._folder = folder
        self._environment = _environment(os.environ, folder, region)
        self._tell = tell

    def init(self, backend: Sequence[str] = ()) -> None:
        """`backend`: settings of the backend, as name=value."""
        self._text(["init", "-input=false", "-no-color", *(f"-backend-config={word}" for word in backend)])

    def plan(self, *options: str) -> Said:
        """Made and kept for `apply`. Options as Terraform has them: -destroy, -target=..., -refresh=false."""
        return self._said(["plan", "-input=false", "-json", f"-out={PLAN}", *options])

    def shown(self, *, color: bool = False) -> str:
        """The plan that was made, in Terraform's words for people."""
        return self._text(["show", *([] if color else ["-no-color"]), PLAN])

    def apply(self) -> Said:
        """The plan that was made. It is gone afterwards."""
        try:
            return self._said(["apply", "-input=false", "-json", PLAN])
        finally:
            self.drop_plan()

    def drop_plan(self) -> None:
        (self._folder / PLAN).unlink(missing_ok=True)

    def outputs(self) -> dict[str, Any]:
        """By name; an output that is null is not among them."""
        found = json.loads(self._text(["output", "-json", "-no-color"]))
        return {name: entry["value"] for name, entry in found.items()}

    def resources(self) -> list[str]:
        """Addresses of everything in the state."""
        return [line for line in self._text(["state", "list"], empty="No state file was found").splitlines() if line]

    def release(self, addresses: Sequence[str]) -> None:
        """Forget these without touching them."""
        self._text(["state", "rm", *addresses])

    def _said(self, arguments: list[str]) -> Said:
        seen: list[dict[str, Any]] = []

        def heard(line: str) -> None:
            event = events.parse(line)
            seen.append(event)
            spoken = events.progress(event)
            if spoken:
                self._tell(spoken)

        code, complaint = self._run(arguments, heard)
        said = events.gather(seen)
        if code:
            words = "; ".join(found.words() for found in said.errors)
            if said.errors and all(_VALUE.match(found.summary) for found in said.errors):
                raise UsageError(words, path="--var", hint="give it again with --var", code="variable")
            raise _failed(arguments[0], words or complaint or _last_words(seen))
        return said

    def _text(self, arguments: list[str], empty: str = "") -> str:
        lines: list[str] = []
        code, complaint = self._run(arguments, lines.append)
        if code and not (empty and empty in complaint):
            raise _failed(arguments[0], _plain(complaint or "".join(lines)))
        return "".join(lines)

    def _run(self, arguments: list[str], heard: Callable[[str], None]) -> tuple[int, str]:
        """Its exit code and what it wrote to stderr."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints, Interrupts():
            process = subprocess.Popen(
                [self._program, *arguments],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
            interrupted = self._follow(process, heard)
            complaints.seek(0)
            complaint = complaints.read().strip()
        if interrupted:
            raise Interrupted("terraform was stopped")
        return process.returncode, complaint

    def _follow(self, process: subprocess.Popen[str], heard: Callable[[str], None]) -> bool:
        """Until it has ended; whether we were interrupted meanwhile."""
        assert process.stdout is not None
        interrupted = False
        try:
            while True:
                try:
                    if not _hear(process.stdout, heard):
                        process.wait()
                        return interrupted
                except KeyboardInterrupt:
                    words = "" if interrupted else "; once more, and it gives up what it is doing"
                    interrupted = True
                    process.send_signal(signal.SIGINT)
                    self._tell(f"stopping: terraform ends what it has begun and writes its state{words}")
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait()


def _hear(stream: IO[str], heard: Callable[[str], None]) -> bool:
    line = stream.readline()
    if line:
        heard(line)
    return bool(line)


def _environment(environ: Mapping[str, str], folder: Path, region: str) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if name not in _NOT_OURS}
    ours = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "TF_DATA_DIR": str(folder.resolve() / DATA)}
    return kept | ours | {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}


def _failed(verb: str, words: str) -> ProviderError | UsageError:
    if _CREDENTIALS.search(words):
        hint = "log in again: aws sso login, aws configure, or the AWS_ACCESS_KEY_ID variables"
        return UsageError(f"no usable AWS credentials: {words}", path="AWS_PROFILE", hint=hint, code="credentials")
    hint = "mend what it names and run the same command again: what was made is remembered"
    return ProviderError(f"terraform {verb} failed: {words}", hint=hint, code="terraform_failed")


def _plain(text: str) -> str:
    """Without the frame it draws around errors."""
    words = " ".join(line.strip("╷│╵ \t") for line in text.splitlines())
    return " ".join(words.split())


def _last_words(seen: Sequence[Mapping[str, Any]]) -> str:
    return str(seen[-1].get("@message", "")) if seen else "it said nothing"

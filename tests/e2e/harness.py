"""Runs benchctl as its user does: the command in a process of its own, judged by exit code, files and the server's log.

Nothing here reaches into the product: a run is a config file, a command line, a folder of objects and a truth log.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

REPOSITORY = Path(__file__).resolve().parents[2]
MEASURED = (0, 3, 4)  # exit codes of a run that was carried out; which one is not every test's business
LEDGER_PARTS = ("ok", "failed", "timed_out", "missed", "aborted", "lost")


@dataclass(frozen=True)
class Ended:
    """One finished command."""

    exit_code: int
    stdout: str
    stderr: str
    root: Path

    @property
    def envelope(self) -> dict[str, Any]:
        return json.loads(self.stdout)

    @property
    def result(self) -> dict[str, Any]:
        return self.envelope["result"]

    def run_folder(self) -> Path:
        return self.root / "runs" / self.result["run_id"]

    def summary(self) -> dict[str, Any]:
        return json.loads((self.run_folder() / "report" / "summary.json").read_text())

    def requests(self) -> dict[str, list[Any]]:
        return pq.read_table(self.run_folder() / "report" / "requests.parquet").to_pydict()

    def codes(self) -> set[str]:
        return {finding["code"] for finding in self.summary()["findings"]}

    def interfered(self) -> bool:
        """The interference probe fired: the machine, not the run. Such a run is repeated, not counted."""
        return "interference" in self.codes()


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "140", **(extra or {})}


def start(root: Path, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    root.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *arguments],
        cwd=root,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], root: Path, timeout: float = 180) -> Ended:
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
        raise AssertionError(f"did not end within {timeout} s\n{stdout}\n{stderr}") from None
    return Ended(process.returncode, stdout, stderr, root)


def benchctl(root: Path, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 180) -> Ended:
    return finish(start(root, *arguments, env=env), root, timeout)


def write_config(root: Path, config: Mapping[str, Any], name: str = "config.yaml") -> str:
    root.mkdir(parents=True, exist_ok=True)
    path = root / name
    path.write_text(json.dumps(config))  # JSON is YAML
    return str(path)


def config(url: str, stages: Sequence[Mapping[str, Any]], **sections: Any) -> dict[str, Any]:
    """A chat, streaming, constant-rate config against `url`; sections given are merged over it."""
    base: dict[str, Any] = {
        "api": {"type": "chat", "streaming": True},
        "server": {"type": "vllm", "model_name": "mock", "base_url": url},
        "data": {"type": "mock"},
        "load": {"type": "constant", "base_seed": 7, "interval": 0, "stages": list(stages)},
    }
    for section, values in sections.items():
        base[section] = {**base.get(section, {}), **values}
    return base


def launch(root: Path, settings: Mapping[str, Any], *arguments: str, timeout: float = 180) -> Ended:
    return benchctl(root, "launch", write_config(root, settings), "--json", "--yes", *arguments, timeout=timeout)


def start_launch(root: Path, settings: Mapping[str, Any], *arguments: str) -> subprocess.Popen[str]:
    return start(root, "launch", write_config(root, settings), "--json", "--yes", *arguments)


def assert_balances(ledger: Mapping[str, int]) -> None:
    assert ledger["planned"] == sum(ledger[part] for part in LEDGER_PARTS), ledger


def assert_all_balance(summary: Mapping[str, Any]) -> None:
    """Law 5: the whole, every stage and every shard; and the parts add up to the whole."""
    assert_balances(summary["ledger"])
    for stage in summary["stages"]:
        assert_balances(stage["ledger"])
    for shard in summary["shards"]:
        assert_balances(shard["ledger"])
    for part in ("planned", *LEDGER_PARTS):
        assert sum(shard["ledger"][part] for shard in summary["shards"]) == summary["ledger"][part], part


def wait_for(condition: Callable[[], Any], timeout: float = 30, what: str = "condition") -> Any:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come true within {timeout} s")


def only_run(root: Path) -> Path:
    (found,) = [path for path in (root / "runs").iterdir() if path.is_dir()]
    return found


def read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def workers(parent: int) -> list[int]:
    """Processes of the local provider started by `parent`, wherever they are in its tree."""
    return [pid for pid, command in descendants(parent) if "function.entry.local" in command]


def descendants(parent: int) -> Iterator[tuple[int, str]]:
    children: dict[int, list[int]] = {}
    commands: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            status = (entry / "stat").read_text()
            commands[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        fields = status.rsplit(")", 1)[1].split()
        if fields[0] != "Z":
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    frontier = [parent]
    while frontier:
        for pid in children.get(frontier.pop(), []):
            yield pid, commands.get(pid, "")
            frontier.append(pid)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


@contextmanager
def killed_at_end(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Whatever the test does, the command and everything it started is gone afterwards."""
    seen: set[int] = set()
    try:
        yield process
    finally:
        seen.update(pid for pid, _ in descendants(process.pid))
        for pid in [process.pid, *seen]:
            for number in (signal.SIGCONT, signal.SIGKILL):
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    break
        process.communicate()

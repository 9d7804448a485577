"""The local provider: processes that get their payload, live in sessions of their own, are reaped, and are ended."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from function.contract.control import Payload
from function.contract.errors import ProviderError
from orchestrator.providers import local
from orchestrator.providers.local import LocalProvider, worker_environment
from orchestrator.providers.port import Ended

ECHO = "import sys, os, json; p = json.load(sys.stdin); print(p['shard'], os.getsid(0) == os.getpid(), file=sys.stderr)"
SLEEP = "import sys, time; sys.stdin.read(); time.sleep(60)"
STUBBORN = "import sys, signal, time; signal.signal(15, signal.SIG_IGN); sys.stdin.read(); print('x'); time.sleep(60)"


def payload(shard: str = "0-0-0", attempt: int = 0, run: str = "/nowhere") -> Payload:
    return Payload(run, shard, attempt, "h", 0.0)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda script: monkeypatch.setattr(local, "WORKER", (sys.executable, "-c", script))


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[LocalProvider]:
    one = LocalProvider(str(tmp_path), tmp_path / "logs")
    yield one
    one.stop_all(0)


def until_ended(provider: LocalProvider, count: int = 1) -> list[Ended]:
    deadline, found = time.monotonic() + 20, []
    while len(found) < count:
        assert time.monotonic() < deadline
        found += provider.ended()
        time.sleep(0.01)
    return found


def pids(provider: LocalProvider) -> list[int]:
    return [one.process.popen.pid for one in provider._live] + [one.popen.pid for one in provider._warm]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_each_gets_its_payload_in_a_session_of_its_own(
    provider: LocalProvider, worker: Callable[[str], None], tmp_path: Path
) -> None:
    worker(ECHO)
    provider.invoke(payload("0-1-0", 2))
    (ended,) = until_ended(provider)
    assert ended == Ended("0-1-0", 2, 0, "0-1-0 True")
    assert (tmp_path / "logs" / "0-1-0.2.log").read_text() == "0-1-0 True\n"
    assert provider.ended() == []


def test_who_says_nothing_leaves_no_log(provider: LocalProvider, worker: Callable[[str], None], tmp_path: Path) -> None:
    worker("import sys; sys.stdin.read(); sys.exit(3)")
    provider.invoke(payload())
    assert until_ended(provider) == [Ended("0-0-0", 0, 3, "")]
    assert not (tmp_path / "logs").exists()


def test_a_killed_worker_is_told_by_its_signal(provider: LocalProvider, worker: Callable[[str], None]) -> None:
    worker(SLEEP)
    provider.invoke(payload())
    os.kill(pids(provider)[0], signal.SIGKILL)
    assert until_ended(provider)[0].exit_code == -signal.SIGKILL


def test_one_that_died_before_its_payload_is_an_end_and_no_error(
    provider: LocalProvider, worker: Callable[[str], None]
) -> None:
    worker("import sys; sys.exit(7)")
    provider.warm(1)
    provider._warm[0].popen.wait()
    provider.invoke(payload())
    assert until_ended(provider)[0].exit_code == 7


def test_warm_processes_are_used_first(provider: LocalProvider, worker: Callable[[str], None]) -> None:
    worker(ECHO)
    provider.warm(2)
    warm = pids(provider)
    for shard in ("0-0-0", "0-1-0", "0-2-0"):
        provider.invoke(payload(shard))
    assert [one.process.popen.pid for one in provider._live][:2] == warm
    assert sorted(one.tail for one in until_ended(provider, 3)) == ["0-0-0 True", "0-1-0 True", "0-2-0 True"]


def test_fewer_are_wanted_after_all(provider: LocalProvider, worker: Callable[[str], None]) -> None:
    worker(ECHO)
    provider.warm(3)
    before = pids(provider)
    provider.warm(1)
    assert pids(provider) == before[:1]
    assert not any(map(alive, before[1:]))


@pytest.mark.parametrize("script", [SLEEP, STUBBORN], ids=["sleeping", "deaf to SIGTERM"])
def test_nothing_runs_after_stop_all(
    provider: LocalProvider, worker: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(local, "KILL_AFTER_S", 0.3)
    worker(script)
    provider.warm(2)
    provider.invoke(payload())
    mine = pids(provider)
    assert len(mine) == 2
    ended = provider.stop_all(0.1)
    assert [one.shard for one in ended] == ["0-0-0"]
    assert not any(map(alive, mine))


def test_a_stopped_worker_is_ended_too(
    provider: LocalProvider, worker: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "KILL_AFTER_S", 0.5)
    worker(SLEEP)
    provider.invoke(payload())
    os.kill(pids(provider)[0], signal.SIGSTOP)
    (ended,) = provider.stop_all(0)
    assert ended.exit_code in (-signal.SIGTERM, -signal.SIGKILL)


def test_left_alone_they_live_on(provider: LocalProvider, worker: Callable[[str], None]) -> None:
    worker(SLEEP)
    provider.invoke(payload())
    (pid,) = pids(provider)
    provider.leave()
    assert provider.stop_all(0) == []
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_a_program_that_is_not_there_is_a_provider_error(
    provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "WORKER", ("/nowhere/python",))
    with pytest.raises(ProviderError, match="cannot start a worker process"):
        provider.invoke(payload())


def test_a_long_log_keeps_its_end(provider: LocalProvider, worker: Callable[[str], None]) -> None:
    worker("import sys; sys.stdin.read(); sys.stderr.write('x' * 100_000 + 'the end')")
    provider.invoke(payload())
    (ended,) = until_ended(provider)
    assert ended.tail.endswith("the end") and len(ended.tail) <= local.TAIL_BYTES


def test_workers_see_what_they_need_and_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "k")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    mine = worker_environment("/runs/r", {"BENCHCTL_SECRET_0": "s"})
    assert mine["BENCHCTL_SECRET_0"] == "s"
    assert mine["LC_ALL"] == "C.UTF-8"
    assert "PATH" in mine
    assert "OPENAI_API_KEY" not in mine and "AWS_SECRET_ACCESS_KEY" not in mine
    assert worker_environment("s3://bucket/runs/r", {})["AWS_SECRET_ACCESS_KEY"] == "k"


def test_the_real_entry_is_found_from_anywhere_and_the_working_folder_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(tmp_path)
    provider = LocalProvider(str(tmp_path), tmp_path / "logs")
    provider.invoke(payload(run=str(tmp_path)))
    (ended,) = until_ended(provider)
    assert "shadowed" not in ended.tail and "No module named" not in ended.tail
    assert "delivered after its time" in ended.tail

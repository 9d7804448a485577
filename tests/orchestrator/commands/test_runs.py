"""`runs`: what lies under a root, in the order in which it was started."""

from __future__ import annotations

import io
from pathlib import Path

from msgspec import structs
from rich.console import Console

from function.contract import keys
from function.contract.codec import decode, encode
from function.contract.plan import Plan
from function.store.local import LocalStore
from orchestrator.commands import runs
from tests.orchestrator.commands.stored import make_run, report_verdict


def test_runs_by_time_with_state_and_verdict(tmp_path: Path) -> None:
    for age, (run_id, state) in enumerate((("later", "go"), ("earlier", "done"))):
        store = make_run(tmp_path, run_id, state)
        plan = decode(Plan, store.get(keys.PLAN).body)
        store.put(keys.PLAN, encode(structs.replace(plan, created_unix_ns=plan.created_unix_ns - age * 10**9)))
    report_verdict(store, "VALID")
    found = runs.run(str(tmp_path))
    rows = found.result["runs"]
    assert [(row["run_id"], row["state"], row["verdict"]) for row in rows] == [
        ("earlier", "done", "VALID"),
        ("later", "go", None),
    ]
    assert rows[0]["requests"] == 10
    out = io.StringIO()
    Console(file=out, width=160).print(found.human)
    assert "earlier" in out.getvalue() and "VALID" in out.getvalue()


def test_a_run_that_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    make_run(tmp_path, "good")
    LocalStore(tmp_path).put(f"{keys.RUNS}bad/{keys.PLAN}", b"{")
    found = runs.run(str(tmp_path))
    assert [row["run_id"] for row in found.result["runs"]] == ["good"]
    assert [(problem.severity, problem.path) for problem in found.problems] == [("warning", "bad")]
    assert found.exit_code == 0


def test_odd_names_are_listed_as_they_are(tmp_path: Path) -> None:
    names = ["[red]", "a b", "good", "x" * 60, "ä"]
    for name in names:
        make_run(tmp_path, name)
    found = runs.run(str(tmp_path))
    assert sorted(row["run_id"] for row in found.result["runs"]) == names
    for width in (200, 40):
        out = io.StringIO()
        Console(file=out, width=width).print(found.human)
        assert all(name in out.getvalue().replace("\n", "") for name in names)


def test_narrow_terminals_cut_nothing(tmp_path: Path) -> None:
    make_run(tmp_path, "20261125-103000-ab12")
    for width in (30, 60, 80, 100):
        out = io.StringIO()
        Console(file=out, width=width).print(runs.run(str(tmp_path)).human)
        assert "…" not in out.getvalue() and "20261125-103000-ab12" in out.getvalue()


def test_a_report_that_is_no_json_is_no_verdict(tmp_path: Path) -> None:
    store = make_run(tmp_path)
    for body in (b"", b"[]", b'{"verdict": 3}'):
        store.put(runs.SUMMARY, body)
        assert runs.verdict_of(store) is None


def test_an_empty_root(tmp_path: Path) -> None:
    found = runs.run(str(tmp_path / "nowhere"))
    assert found.result["runs"] == []
    assert "no runs under" in found.human
    assert not (tmp_path / "nowhere").exists()

"""The store is the run: what it holds is enough, what is missing is counted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.harness import MEASURED, Ended, assert_all_balance, benchctl, config, launch
from tests.emulators.mock import running_mock

LANES, SLICES = 3, 2


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    root = tmp_path_factory.mktemp("stored")
    with running_mock({"ttft_s": 0.02, "itl_s": 0.002}) as mock:
        settings = config(mock.url, [{"rate": 30, "duration": 5}, {"rate": 10, "duration": 5}])
        settings["fanout"] = {"lanes": LANES, "slice": 5}
        ended = launch(root, settings)
    assert ended.exit_code in MEASURED, ended.stderr
    return ended


def copied(finished: Ended, to: Path) -> Path:
    target = to / "elsewhere"
    shutil.copytree(finished.run_folder(), target, ignore=shutil.ignore_patterns("report"))
    return target


def merged(folder: Path) -> tuple[int, dict[str, object]]:
    ended = benchctl(folder.parent, "merge", str(folder), "--json")
    report = Path(ended.result["report"])
    summary = json.loads(((report if report.is_absolute() else folder.parent / report) / "summary.json").read_text())
    return ended.exit_code, summary


def test_the_store_holds_every_spec_claim_receipt_and_part(finished: Ended) -> None:
    folder = finished.run_folder()
    shards = {f"0-{lane}-{slice_}" for lane in range(LANES) for slice_ in range(SLICES)}
    assert {path.name for path in (folder / "shards").iterdir()} == shards
    assert all((folder / "shards" / shard / "spec.json").exists() for shard in shards)
    assert {path.name for path in (folder / "claims").iterdir()} == {f"{shard}.0" for shard in shards}
    assert {path.stem for path in (folder / "receipts").iterdir()} == shards
    for shard in shards:
        assert list((folder / "records" / f"{shard}.0").glob("part-*.arrow"))
    assert_all_balance(finished.summary())


def test_plan_prints_what_launch_accounts_for(finished: Ended) -> None:
    ended = benchctl(finished.root, "plan", "config.yaml", "--provider", "local", "--json")
    assert ended.exit_code == 0, ended.stderr
    assert ended.result["requests"] == finished.summary()["ledger"]["planned"] == 200
    assert [stage["requests"] for stage in ended.result["stages"]] == [150, 50]
    assert ended.result["shards"] == LANES * SLICES
    assert (
        ended.result["workload_hash"] == json.loads((finished.run_folder() / "plan.json").read_text())["workload_hash"]
    )


def test_moved_elsewhere_without_its_report_it_merges_to_the_same(finished: Ended, tmp_path: Path) -> None:
    before = finished.summary()
    code, after = merged(copied(finished, tmp_path))
    assert code == finished.exit_code
    for block in ("ledger", "latency", "adjusted", "throughput", "tokens", "shards", "stages", "verdict"):
        assert after[block] == before[block], block


def test_a_shard_without_records_and_receipt_is_counted_lost(finished: Ended, tmp_path: Path) -> None:
    folder = copied(finished, tmp_path)
    shutil.rmtree(folder / "records" / "0-1-0.0")
    (folder / "receipts" / "0-1-0.json").unlink()
    code, summary = merged(folder)
    assert code in (3, 4)
    (shard,) = [one for one in summary["shards"] if one["shard"] == "0-1-0"]
    assert shard["state"] == "missing"
    assert shard["ledger"]["lost"] == shard["ledger"]["planned"] > 0
    assert summary["ledger"]["planned"] == finished.summary()["ledger"]["planned"]
    assert {"requests_lost", "shard_missing"} & {finding["code"] for finding in summary["findings"]}
    assert_all_balance(summary)


def test_a_flipped_byte_in_a_part_is_found(finished: Ended, tmp_path: Path) -> None:
    folder = copied(finished, tmp_path)
    part = sorted((folder / "records" / "0-0-0.0").glob("part-*.arrow"))[0]
    body = bytearray(part.read_bytes())
    body[len(body) // 2] ^= 0xFF
    part.write_bytes(bytes(body))
    code, summary = merged(folder)
    assert code == 4
    assert "part_damaged" in {finding["code"] for finding in summary["findings"]}
    assert_all_balance(summary)


def test_report_again_writes_the_formats_asked_for(finished: Ended, tmp_path: Path) -> None:
    folder = copied(finished, tmp_path)
    ended = benchctl(folder.parent, "report", str(folder), "--format", "html,json,parquet,inference-perf", "--json")
    assert ended.exit_code == finished.exit_code, ended.stderr
    report = Path(ended.result["report"])
    report = report if report.is_absolute() else folder.parent / report
    names = {path.name for path in report.iterdir()}
    assert {
        "summary.json",
        "requests.parquet",
        "report.html",
        "summary_lifecycle_metrics.json",
        "stage_0_lifecycle_metrics.json",
        "stage_1_lifecycle_metrics.json",
    } <= names


def test_planted_a_merge_that_forgets_a_shard_does_not_balance(finished: Ended) -> None:
    summary = finished.summary()
    summary["shards"] = summary["shards"][1:]
    with pytest.raises(AssertionError):
        assert_all_balance(summary)

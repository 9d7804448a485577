from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from function.store.memory import MemoryStore
from orchestrator.merge.run import merge_run
from orchestrator.report.console import render
from tests.emulators.stored_run import MS, S, Stage, Truth


def printed(truth: Truth, width: int = 120, paths: tuple[Path, ...] = ()) -> str:
    store = MemoryStore()
    truth.write(store)
    out = StringIO()
    Console(file=out, width=width).print(render(merge_run(store, sleep=lambda _: None).summary, paths))
    return out.getvalue()


def lines_with(text: str, *words: str) -> list[str]:
    return [line for line in text.splitlines() if all(word in line for word in words)]


def test_verdict_and_findings_come_first() -> None:
    truth = Truth([Stage(5), Stage(5, 40)])
    truth.delay(truth.row(3), 900 * MS)
    truth.delay(truth.row(4), 900 * MS)
    text = printed(truth)
    lines = text.splitlines()
    assert lines[0].startswith("INVALID")
    assert "late_tail" in lines[1]
    assert text.index("late_tail") < text.index("planned")


def test_from_sent_and_from_scheduled_stand_side_by_side() -> None:
    truth = Truth([Stage(10, 20)])
    truth.each(lambda row: truth.delay(row, 40 * MS))
    (head,) = lines_with(printed(truth), "p50 sent")
    assert head.count("sent") == head.count("scheduled") == 4
    (row,) = lines_with(printed(truth), "TTFT", "50.00", "90.10")
    assert row


def test_two_thirds_failed_and_the_headline_says_so() -> None:
    truth = Truth([Stage(1, 20)])
    truth.each(truth.fail, lambda row: row.k >= 7)
    text = printed(truth)
    assert "65 % failed (13 of 20 planned)" in text
    assert lines_with(text, "all planned", "infinite")
    assert lines_with(text, "http_500", "13", "the server said")


def test_a_healthy_run_says_it_in_a_line() -> None:
    text = printed(Truth([Stage(10, 20)]))
    assert text.startswith("VALID")
    assert "all 200 planned requests succeeded" in text
    assert "errors" not in text
    assert "\x1b" not in text


def test_the_ledger_is_shown_by_stage_and_balances() -> None:
    truth = Truth([Stage(5), Stage(5, 40)])
    truth.miss(truth.row(3))
    text = printed(truth)
    (row,) = lines_with(text, "0 ", "20/s")
    assert row.split()[2:] == ["100", "99", "0", "0", "1", "0", "0"]
    (row,) = lines_with(text, "all ", "300")
    assert row.split()[1:] == ["300", "299", "0", "0", "1", "0", "0"]


def test_a_published_interval_is_shown_and_a_fair_one_as_at_least() -> None:
    truth = Truth([Stage(60, 20)])
    truth.each(lambda row: truth.slow(row, (row.k * 7919 % 100) * MS))
    assert "%" in below_ttft(truth)
    assert "≥" not in below_ttft(truth)
    busy = Truth([Stage(60, 20)])
    busy.each(lambda row: busy.slow(row, 2 * S), lambda row: row.k % 100 < 50)
    assert "≥" in below_ttft(busy)


def below_ttft(truth: Truth) -> str:
    """The line of intervals under TTFT's."""
    lines = printed(truth).splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("TTFT")]
    assert "±" in lines[at + 1]
    return lines[at + 1]


def test_goodput_throughput_and_paths() -> None:
    text = printed(Truth([Stage(10, 20)]), paths=(Path("/r/summary.json"), Path("/r/report.html")))
    assert lines_with(text, "offered 20", "answered 19.8")
    assert lines_with(text, "goodput (", "ttft <= 0.5 s", "100 % of planned")
    assert text.index("report.html") < text.index("summary.json")


def test_what_a_server_says_is_no_markup() -> None:
    truth = Truth([Stage(5)])
    truth.fail(truth.row(0))
    truth.row(0).values["error_message"] = "[bold red]boom[/] \x1b[31m and\nmore " + "x" * 500
    text = printed(truth)
    assert "[bold red]boom[/]" in text
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= 120


@pytest.mark.parametrize("width", [60, 80, 200])
def test_any_width_and_any_run(width: int) -> None:
    nothing = Truth([Stage(1, 0.01)], lanes=1)
    none_ok = Truth([Stage(5)])
    none_ok.each(none_ok.miss)
    many = Truth([Stage(1, 2) for _ in range(60)], lanes=1)
    for truth in (nothing, none_ok, many, Truth([Stage(users=2, count=3)], tokens=1, streaming=False)):
        text = printed(truth, width)
        assert text.split()[0] in ("VALID", "DEGRADED", "INVALID")


def test_nothing_short_of_all_is_shown_as_all() -> None:
    truth = Truth([Stage(20, 20)])
    truth.fail(truth.row(0))
    assert lines_with(printed(truth), "99.8 % of planned")
    truth = Truth([Stage(100, 20)])
    truth.fail(truth.row(0))
    text = printed(truth)
    assert lines_with(text, ">99.9 % of planned")
    assert lines_with(text, "<0.1 % failed (1 of 2,000 planned)")


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 120])
def test_no_number_is_cut_at_any_width(width: int) -> None:
    truth = Truth([Stage(60, 20), Stage(5, 40)])
    truth.each(lambda row: truth.slow(row, (row.k * 7919 % 100) * S))
    truth.fail(truth.row(3))
    text = printed(truth, width)
    assert "…" not in text
    whole = " ".join(printed(truth, 300).split())
    for number in re.findall(r"\d[\d,]*\.?\d*", whole[whole.index("latency, ms") : whole.index("per second")]):
        assert number in text, number
    for words in ("TTFT", "request latency", "scheduled", "p50", "p95", "p99"):
        assert words in " ".join(text.split()), words


def test_eighty_columns_say_of_each_number_what_it_is() -> None:
    truth = Truth([Stage(10, 20)])
    truth.each(lambda row: truth.delay(row, 40 * MS))
    text = printed(truth, 80)
    (head,) = lines_with(text, "latency, ms")
    assert head.split() == ["latency,", "ms", "from", "p50", "p90", "p95", "p99"]
    lines = text.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("TTFT ")]
    assert lines[at].split()[:3] == ["TTFT", "sent", "50.00"]
    below = next(line for line in lines[at:] if line.split()[0] == "scheduled")
    assert below.split()[1] == "90.10"

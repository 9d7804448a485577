"""The page: self-contained, well-formed, safe with what servers say, true to summary.json, bounded in size."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from orchestrator.metrics.finding import Finding, Scope
from orchestrator.metrics.requests import NEVER, Coded
from orchestrator.report.html import html
from tests.orchestrator.report.made_requests import Stage
from tests.orchestrator.report.made_summary import (
    LATE,
    LIMITS,
    SHARD_MISSING,
    WITHHELD,
    Made,
    made,
)

ATTACK = "\"'><script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)></samp></table>\u202e\x00\ud800"
VOID = {"meta", "br", "hr", "col"}

RUNS: dict[str, Made] = {
    "healthy": made((Stage(rate=40, seconds=20),), lanes=3, slices=2, goodput=LIMITS),
    "many stages of trouble": made(
        (
            Stage(warmup=True, seconds=10),
            Stage(rate=40, failing=0.04, missing=0.02, timing_out=0.01),
            Stage(losing=0.02),
        ),
        lanes=2,
        slices=3,
        goodput=LIMITS,
        findings=(LATE, WITHHELD, SHARD_MISSING),
    ),
    "65 % failed": made((Stage(rate=10, seconds=10, failing=0.55, timing_out=0.1),)),
    "everything failed": made((Stage(rate=10, seconds=10, failing=1.0),), goodput=LIMITS),
    "nothing sent": made((Stage(rate=10, seconds=2, missing=1.0),)),
    "no requests": made(()),
    "one request": made((Stage(rate=1, seconds=1),)),
    "not streamed": made((Stage(),), streaming=False, goodput=LIMITS),
    "aborted": made((Stage(), Stage(aborting=0.4)), stopped_s=45.0),
    "only warm-up": made((Stage(warmup=True),)),
}


class Page(HTMLParser):
    """Reads a page, insisting that every element is closed where it should be."""

    def __init__(self, page: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.exact: list[Any] = []
        self.ids: list[str] = []
        self.feed(page.decode())
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "data":
            self.exact.append(json.loads(attributes["value"] or ""))
        if attributes.get("id"):
            self.ids.append(str(attributes["id"]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).replace("\u00a0", " ").split())


def page_of(run: Made) -> Page:
    return Page(html(run.summary, run.requests))


@pytest.mark.parametrize("name", RUNS)
def test_every_kind_of_run_gives_a_sound_page(name: str) -> None:
    run = RUNS[name]
    before = json.dumps(run.summary)
    body = html(run.summary, run.requests)
    page = Page(body)
    assert json.dumps(run.summary) == before
    assert body == html(run.summary, run.requests), "the same input, the same bytes"
    assert len(page.ids) == len(set(page.ids))
    assert len(body) < 400_000
    assert run.summary["verdict"] in page.text
    assert not re.search(r"\b(nan|inf|None|Infinity)\b", page.text)
    assert "nan" not in "".join(str(attributes.get("d", "")) for _, attributes in page.tags)
    links = [str(a["href"])[1:] for tag, a in page.tags if tag == "a"]
    assert links and set(links) <= set(page.ids)


@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_fetched_and_the_page_forbids_it(name: str) -> None:
    page = page_of(RUNS[name])
    for tag, attributes in page.tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form", "use", "image"}
        assert not {"src", "srcset", "style", "action", "data"} & set(attributes), (tag, attributes)
        assert not [key for key in attributes if key.startswith(("on", "xlink"))]
        assert str(attributes.get("href", "#")).startswith("#")


def test_the_policy_admits_exactly_this_script_and_this_style() -> None:
    body = html(RUNS["healthy"].summary, RUNS["healthy"].requests).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', body)
    assert policy is not None
    allowed = policy[1].replace("&#39;", "'")
    assert allowed.startswith("default-src 'none'")
    assert "unsafe" not in allowed
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", body, re.DOTALL)
        assert f"{tag}-src 'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'" in allowed
        assert "url(" not in content.replace("url(#hatch-", "")
        assert "@import" not in content and "http" not in content


def test_what_servers_and_people_wrote_stays_text() -> None:
    run = made((Stage(rate=10, seconds=5, failing=0.3),), goodput={"ttft": 0.2})
    finding = Finding(ATTACK, "degraded", ATTACK, ATTACK, {ATTACK: ATTACK, "deep": {ATTACK: [ATTACK]}}, Scope(stage=0))
    summary = {
        **run.summary,
        "run_id": ATTACK,
        "provider": ATTACK,
        "target": {"root": ATTACK},
        "findings": [finding.as_dict()],
        "verdict": "DEGRADED",
        "errors": [{"error_kind": ATTACK, "http_status": 500, "count": 3, "sample": ATTACK}],
        "goodput": {**run.summary["goodput"], "constraints": {ATTACK: 0.2}, "attainment": {ATTACK: 0.5}},
        "shards": [{**shard, "shard": ATTACK} for shard in run.summary["shards"]],
        "stages": [{**stage, "label": ATTACK} for stage in run.summary["stages"]],
        "tokens": {**run.summary["tokens"], "source": ATTACK},
    }
    requests = replace(run.requests, model=Coded(run.requests.model.codes, (ATTACK,)))
    hostile = Page(html(summary, requests))
    plain = page_of(run)
    assert sum(tag == "script" for tag, _ in hostile.tags) == 1
    assert {tag for tag, _ in hostile.tags} - {tag for tag, _ in plain.tags} <= {"li", "ol", "code", "b", "samp", "bdi"}
    assert not {"onerror", "onload", "src"} & {key for _, attributes in hostile.tags for key in attributes}
    assert "<script>alert(1)</script>" in hostile.text
    assert "\u202e" not in hostile.text and "\x00" not in hostile.text


def exact_of(dist: Mapping[str, Any]) -> list[Any]:
    return [dist[key] for key in ("count", "p50", "p90", "p95", "p99", "max", "mean")]


@pytest.mark.parametrize("name", ["healthy", "many stages of trouble", "not streamed"])
def test_the_numbers_are_those_of_the_summary_unrounded(name: str) -> None:
    run = RUNS[name]
    shown = page_of(run).exact
    summary = run.summary
    expected = list(summary["ledger"].values())
    expected += [value for dist in summary["latency"].values() if dist["count"] for value in exact_of(dist)]
    expected += [v[p] for k, v in summary["adjusted"].items() if summary["latency"][k]["count"] for p in ("p50", "p99")]
    expected += [summary["load"][word] for word in ("offered", "achieved", "answered")]
    expected += list(summary["throughput"].values())
    expected += [summary["goodput"]["share_of_planned"], *summary["goodput"]["attainment"].values()]
    expected += [value for lane in summary["client"]["lanes"] for value in lane.values()]
    expected += [value for shard in summary["shards"] for value in shard["ledger"].values()]
    for value in expected:
        assert value in shown


def test_verdict_and_doubts_come_first_and_notes_are_folded() -> None:
    run = RUNS["many stages of trouble"]
    page = page_of(run)
    text = page.text
    places = [
        text.index(word) for word in ("INVALID", "shard_missing", "late_tail", "interval_withheld", "Ledger", "Latency")
    ]
    assert places == sorted(places)
    for finding in (LATE, SHARD_MISSING):
        assert finding.message in text and finding.advice.split("`")[0] in text
    assert "stage 1 · lane 3 · slice 1 · 41.2–44.7 s" in text
    assert "threshold 0.0197" in text
    folded = html(run.summary, run.requests).decode().split("<details>", 1)[1]
    assert "interval_withheld" in folded and "late_tail</code>" not in folded.split("</details>")[0]


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (
            Stage(rate=10, seconds=10, failing=0.55, timing_out=0.1),
            "65 % failed: 65 of 100 planned requests, 10 of them by",
        ),
        (Stage(rate=10, seconds=10, failing=1.0), "100 % failed: 100 of 100 planned requests"),
        (Stage(rate=10, seconds=10, missing=0.2), "20 % not sent (20). 80 succeeded"),
        (Stage(rate=10, seconds=10), "All of 100 planned requests succeeded"),
        (Stage(rate=100, seconds=20, failing=0.0005), "0.05 % failed: 1 of 2,000 planned requests. 1,999 succeeded"),
    ],
)
def test_the_ledger_is_said_in_words(stage: Stage, words: str) -> None:
    assert words in page_of(made((stage,))).text


def test_what_was_not_measured_is_said_and_not_invented() -> None:
    text = page_of(RUNS["not streamed"]).text
    assert "Answers were not streamed" in text
    assert "Time to first token (TTFT)" not in text
    assert "no latency to report" in page_of(RUNS["everything failed"]).text
    assert "Nothing was sent" in page_of(RUNS["nothing sent"]).text
    assert "No request was planned" in page_of(RUNS["no requests"]).text


def test_failures_are_infinite_beside_the_survivors() -> None:
    run = made((Stage(rate=50, seconds=20, failing=0.05),))
    page = html(run.summary, run.requests).decode()
    assert run.summary["adjusted"]["time_to_first_token"]["p99"] is None
    row = re.search(r'<th scope="row">p99</th>(.*?)</tr>', page)
    assert row is not None
    cells = re.findall(r"<td>(.*?)</td>", row[1])
    sent, scheduled = (
        run.summary["latency"][f"time_to_first_token{suffix}"]["p99"] for suffix in ("", "_from_scheduled")
    )
    assert repr(sent) in cells[0] and repr(scheduled) in cells[1]
    assert "∞" in cells[2] and "∞" in cells[3]


def test_a_late_client_is_told_from_a_slow_server() -> None:
    run = made((Stage(rate=50, seconds=20),), late_ms=120)
    assert run.summary["verdict"] == "INVALID"
    text = page_of(run).text
    assert "Do not use these numbers" in text and "late_median" in text
    due = run.summary["latency"]["time_to_first_token_from_scheduled"]["p50"]
    assert due > 1.5 * run.summary["latency"]["time_to_first_token"]["p50"]
    assert f"{due * 1e3:.0f}" in text


def test_intervals_are_printed_withheld_or_at_least() -> None:
    run = made((Stage(rate=300, seconds=20),))
    dist = {
        **run.summary["latency"]["time_to_first_token"],
        "ci95": {"p50": [0.0601, 0.0699], "p90": None, "p99": None},
    }
    summary = {**run.summary, "latency": {**run.summary["latency"], "time_to_first_token": dist}}
    good = html({**summary, "interval_grade": "good"}, run.requests).decode()
    assert ">60.1–69.9<" in good and ">withheld<" in good
    fair = html({**summary, "interval_grade": "fair"}, run.requests).decode()
    assert ">60.1–69.9<" not in fair and "at least ±" in fair


def test_warm_up_is_drawn_and_kept_out_of_the_distribution() -> None:
    cold = Stage(rate=50, seconds=10, ttft_ms=400, warmup=True)
    page = html(*_pair(made((cold, Stage(rate=50, seconds=20, ttft_ms=20))))).decode()
    assert 'class="warmup"' in page and ">warm-up<" in page
    alt = re.search(r'aria-label="(Time to first token: share[^"]*)"', page)
    assert alt is not None
    medians = [float(number) for number in re.findall(r"([\d.]+)\u00a0ms", alt[1])]
    assert max(medians) < 100
    alone = html(*_pair(made((Stage(rate=50, seconds=20),)))).decode()
    assert 'class="warmup"' not in alone


def test_stages_seams_and_findings_are_marked_on_the_charts() -> None:
    run = RUNS["many stages of trouble"]
    page = html(run.summary, run.requests).decode()
    assert page.count('class="stage"') >= 2 and page.count('class="seam"') >= 2
    assert 'class="mark degraded"' in page and "finding: late_tail" in page
    assert "slice seam" in page and "stage begins" in page


def _pair(run: Made) -> tuple[dict[str, Any], Any]:
    return run.summary, run.requests


def test_a_closed_loop_without_due_times_is_drawn_from_what_was_sent() -> None:
    run = made((Stage(),))
    requests = replace(run.requests, scheduled_ns=np.full(len(run.requests), NEVER))
    page = Page(html(run.summary, requests))
    assert "chart-rates" in page.ids and "chart-in-flight" in page.ids


def test_header_says_where_and_when_if_the_summary_knows() -> None:
    run = RUNS["healthy"]
    summary = {**run.summary, "target": {"root": "http://model:8000"}, "started_unix_ns": 1_790_000_000_000_000_000}
    text = Page(html(summary, run.requests)).text
    assert "http://model:8000" in text and "2026-09-21 14:13:20 UTC" in text
    assert "meta-llama/Llama-3.1-8B-Instruct" in text

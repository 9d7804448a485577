"""The report in a browser, as its reader opens it: from a file, offline, on a wide screen, on a phone, without scripts.

The run is a real one. Every request the page attempts is refused and counted, so that "self-contained" is seen and not
assumed. Needs chromium and playwright; without them these tests say so and are skipped.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orchestrator.report.html import html
from tests.e2e.harness import Ended, config, launch
from tests.emulators.mock import running_mock
from tests.orchestrator.report.made_requests import Stage
from tests.orchestrator.report.made_summary import LATE, LIMITS, made

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: the report was not seen in a browser"
)

WIDTHS = (1280, 400)
ATTACK = (
    "</samp><script>window.hacked = 1</script>"
    "<img src=x onerror='window.hacked = 2'>\"><svg onload='window.hacked = 3'>"
)


@dataclass
class Seen:
    """One page, and what it did: `attempts` are addresses other than its own, `complaints` the console's."""

    page: Any
    attempts: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def evaluate(self, script: str) -> Any:
        return self.page.evaluate(script)

    @property
    def text(self) -> str:
        return " ".join(self.page.inner_text("body").split())

    def exact(self) -> list[Any]:
        """The unrounded values that the page carries."""
        return self.evaluate("[...document.querySelectorAll('table data')].map(one => JSON.parse(one.value))")

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        return self.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


Look = Callable[..., AbstractContextManager[Seen]]


@pytest.fixture(scope="module")
def look() -> Iterator[Look]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no chromium: the report was not seen in a browser")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])

        @contextmanager
        def opened(path: Path, width: int = 1280, **settings: Any) -> Iterator[Seen]:
            context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
            context.set_offline(True)
            seen = Seen(context.new_page())
            own = path.as_uri()

            def refuse(route: Any) -> None:
                if route.request.url.split("#")[0] == own:
                    route.continue_()
                else:
                    seen.attempts.append(route.request.url)
                    route.abort()

            context.route("**/*", refuse)
            seen.page.on("console", lambda message: seen.complaints.append(message.text))
            seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
            seen.page.goto(own)
            yield seen
            context.close()

        yield opened
        browser.close()


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Two stages over two lanes, some answers refused: every section of the page has something to show."""
    with running_mock({"ttft_s": 0.02, "itl_s": 0.002, "faults": {"http_500": 0.2}}) as mock:
        settings = config(mock.url, [{"rate": 20, "duration": 2}, {"rate": 40, "duration": 2}])
        settings["fanout"] = {"lanes": 2}
        settings["report"] = {"goodput": {"constraints": {"ttft": 0.5}}}
        run = launch(tmp_path_factory.mktemp("browser"), settings, "--run-id", "seen")
    assert run.exit_code in (3, 4), run.stderr  # a fifth of the answers failed
    return run


def report_of(ended: Ended) -> Path:
    return ended.run_folder() / "report" / "report.html"


@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_opens_offline_and_fits(look: Look, ended: Ended, width: int) -> None:
    with look(report_of(ended), width) as seen:
        assert seen.attempts == []
        assert seen.complaints == []
        assert seen.overflow() == 0
        seen.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
        assert seen.overflow() == 0
        assert seen.page.locator("figure.chart svg.plot").count() >= 5


def test_the_verdict_is_the_first_thing_seen(look: Look, ended: Ended) -> None:
    summary = ended.summary()
    with look(report_of(ended)) as seen:
        heading = seen.page.locator("#verdict h2")
        assert heading.is_visible()
        assert summary["verdict"] in heading.inner_text()
        assert heading.bounding_box()["y"] < 450
        for finding in summary["findings"]:
            if finding["severity"] != "info":
                assert seen.page.locator("#findings code", has_text=finding["code"]).first.is_visible()
        failed = summary["ledger"]["failed"] / summary["ledger"]["planned"]
        share, said = re.match(
            r"failed\s+([\d.]+)\s*%\s+(.*)", seen.page.locator("#verdict .grave").inner_text()
        ).groups()
        assert float(share) == pytest.approx(failed * 100, abs=0.6)
        assert said == f"of {summary['ledger']['planned']} planned"


def test_the_tables_hold_the_numbers_of_summary_json(look: Look, ended: Ended) -> None:
    summary = ended.summary()
    with look(report_of(ended)) as seen:
        shown = seen.exact()
        ledger = seen.evaluate("[...document.querySelectorAll('#ledger data')].map(one => JSON.parse(one.value))")
        text = seen.text
    assert ledger == list(summary["ledger"].values())
    expected = [dist[p] for dist in summary["latency"].values() for p in ("p50", "p90", "p95", "p99", "max", "mean")]
    expected += [values[p] for values in summary["adjusted"].values() for p in ("p50", "p90", "p95", "p99")]
    expected += [summary["load"][rate] for rate in ("offered", "achieved", "answered")]
    expected += [stage["latency"]["time_to_first_token"]["p99"] for stage in summary["stages"]]
    expected += [*summary["throughput"].values(), summary["goodput"]["share_of_planned"]]
    expected += [error["count"] for error in summary["errors"]]
    assert [value for value in expected if value not in shown] == []
    assert f"{summary['latency']['time_to_first_token']['p50'] * 1e3:.1f}" in text
    assert "http_500" in text


def test_charts_answer_to_the_pointer(look: Look, ended: Ended) -> None:
    with look(report_of(ended)) as seen:
        strip = seen.page.locator("#chart-ttft .hits rect").nth(2)
        strip.hover()
        tip = seen.page.locator("#chart-ttft .tip")
        assert tip.is_visible()
        assert "p50" in tip.inner_text() and "ms" in tip.inner_text()
        seen.page.mouse.move(0, 0)
        assert not tip.is_visible()
        assert seen.complaints == []


def test_without_scripts_and_in_the_dark_nothing_is_missing(look: Look, ended: Ended) -> None:
    with look(report_of(ended)) as seen:
        scripted = seen.text
        light = seen.evaluate("getComputedStyle(document.body).backgroundColor")
    with look(report_of(ended), java_script_enabled=False, color_scheme="dark") as seen:
        assert seen.text == scripted
        assert seen.page.locator("#chart-ttft .hits rect title").count() > 3
    with look(report_of(ended), color_scheme="dark") as seen:
        assert seen.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_a_hostile_server_gets_no_script_into_the_page(look: Look, tmp_path: Path) -> None:
    run = made((Stage(rate=10, seconds=5, failing=0.5),), findings=(LATE,), goodput=LIMITS)
    hostile = {
        **run.summary,
        "run_id": ATTACK,
        "errors": [{"error_kind": ATTACK, "http_status": 500, "count": 1, "sample": ATTACK}],
        "findings": [{**LATE.as_dict(), "message": ATTACK, "numbers": {ATTACK: ATTACK}}],
    }
    path = tmp_path / "hostile.html"
    path.write_bytes(html(hostile, run.requests))
    with look(path) as seen:
        assert seen.evaluate("window.hacked === undefined")
        assert seen.attempts == []
        assert seen.complaints == []
        assert "<script>window.hacked = 1</script>" in seen.text


def test_what_gets_past_the_escaping_is_stopped_by_the_policy(look: Look, tmp_path: Path) -> None:
    """The planted violation: the attack put into the file itself neither runs nor fetches, and both are noticed."""
    run = made((Stage(rate=10, seconds=5),))
    path = tmp_path / "planted.html"
    page = html(run.summary, run.requests).decode()
    planted = page.replace("</main>", f"{ATTACK}<img src='https://example.invalid/x.png'></main>")
    path.write_text(planted)
    with look(path) as seen:
        assert seen.evaluate("window.hacked === undefined")
        assert seen.attempts == []
        assert any("Content Security Policy" in complaint for complaint in seen.complaints)
    path.write_text(planted.replace("Content-Security-Policy", "x-none"))
    with look(path) as seen:
        assert seen.evaluate("window.hacked !== undefined")
        assert "https://example.invalid/x.png" in seen.attempts


@pytest.mark.parametrize("width", WIDTHS)
def test_a_crowded_report_fits_as_well(look: Look, tmp_path: Path, width: int) -> None:
    stages = [Stage(rate=5, seconds=2, failing=0.1) for _ in range(40)]
    run = made(stages, lanes=60, slices=4, goodput=LIMITS, tokens=5)
    path = tmp_path / "crowded.html"
    path.write_bytes(html({**run.summary, "run_id": "x" * 48}, run.requests))
    with look(path, width) as seen:
        seen.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
        assert seen.overflow() == 0
        assert seen.complaints == []

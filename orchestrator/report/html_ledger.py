"""The ledger: what became of every planned request, as a bar, seven numbers and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.report.html_markup import Markup, element
from orchestrator.report.html_numbers import count, exact, in_words, plural, share
from orchestrator.report.html_tables import section

PARTS = {
    "ok": "answered in full",
    "failed": "error, cut or empty",
    "timed_out": "no answer in time",
    "missed": "known not to have been sent",
    "aborted": "cancelled, or stopped before",
    "lost": "nobody knows the end",
}
MATTERS = 0.01  # share of planned that makes the headline
SLIVER = 0.004  # share of the bar that a part has at least, to be seen


def headline(ledger: Mapping[str, int]) -> tuple[str, str, bool]:
    """(share, word, whether it is bad news): failures where they matter, else what else went wrong, else success."""
    planned = ledger["planned"]
    if not planned:
        return "0", "planned", False
    bad = {"failed": ledger["failed"] + ledger["timed_out"], "not sent": ledger["missed"]}
    bad |= {"aborted": ledger["aborted"], "lost": ledger["lost"]}
    for word, number in bad.items():
        if number / planned >= MATTERS:
            return in_words(number / planned), word, True
    return in_words(ledger["ok"] / planned), "succeeded", False


def ledger(summary: Mapping[str, Any]) -> Markup:
    found = summary["ledger"]
    warm = [str(stage["index"]) for stage in summary["stages"] if stage.get("warmup")]
    entries = [_entry(part, words, found) for part, words in {"planned": "the plan's arrivals", **PARTS}.items()]
    said = f"Warm-up (stage {', '.join(warm)}) is in the ledger and in no other number of the whole run."
    return section(
        "ledger",
        "Ledger",
        "planned = ok + failed + timed out + missed + aborted + lost. Shares are of planned.",
        element("p", _sentence(found), class_="lead"),
        _bar(found) if found["planned"] else None,
        element("dl", entries, class_="parts"),
        element("p", said, class_="note") if warm else None,
    )


def _sentence(ledger: Mapping[str, int]) -> str:
    planned, bad = ledger["planned"], ledger["failed"] + ledger["timed_out"]
    if not planned:
        return "No request was planned."
    if ledger["ok"] == planned:
        return (
            f"All of {plural(planned, 'planned request')} succeeded."
            if planned > 1
            else "The planned request succeeded."
        )
    said = [f"{in_words(bad / planned)} failed: {count(bad)} of {plural(planned, 'planned request')}"] if bad else []
    if bad and ledger["timed_out"]:
        said[0] += f", {count(ledger['timed_out'])} of them by timing out"
    for part, words in (("missed", "not sent"), ("aborted", "aborted"), ("lost", "lost")):
        if ledger[part]:
            said.append(f"{in_words(ledger[part] / planned)} {words} ({count(ledger[part])})")
    return f"{'; '.join(said)}. {count(ledger['ok'])} succeeded."


def _bar(ledger: Mapping[str, int]) -> Markup:
    planned = ledger["planned"]
    widths = {part: max(ledger[part] / planned, SLIVER) for part in PARTS if ledger[part]}
    whole, at, drawn = sum(widths.values()), 0.0, []
    for part, width in widths.items():
        x, wide = f"{at / whole * 100:.3f}%", f"{width / whole * 100:.3f}%"
        drawn += [element("rect", class_=f"{layer} {part}", x=x, width=wide, height=28) for layer in ("part", "over")]
        at += width
    said = ", ".join(f"{share(ledger[part] / planned)} {part.replace('_', ' ')}" for part in widths)
    return element(
        "svg", _patterns(), drawn, class_="ledger", width="100%", height=28, role="img", aria_label=f"Ledger: {said}"
    )


def _patterns() -> Markup:
    """Every part but ok is hatched in its own way, so that colour is not the only sign."""
    lines = {
        "failed": "M0 8L8 0M-2 2L2 -2M6 10L10 6",
        "timed_out": "M4 0V8",
        "missed": "M0 4H8",
        "aborted": "M0 0L8 8M-2 6L2 10M6 -2L10 2",
    }
    made = [_pattern(name, element("path", d=drawn, class_="hatch")) for name, drawn in lines.items()]
    made.append(_pattern("lost", element("path", d="M2 2h0M6 6h0", class_="hatch dot")))
    return element("defs", made)


def _pattern(name: str, drawn: Markup) -> Markup:
    return element("pattern", drawn, id=f"hatch-{name}", width=8, height=8, patternUnits="userSpaceOnUse")


def _entry(part: str, words: str, ledger: Mapping[str, int]) -> Markup:
    number, planned = ledger[part], ledger["planned"]
    swatch = [element("rect", class_=f"{layer} {part}", width=14, height=14) for layer in ("part", "over")]
    key = element("svg", swatch, width=14, height=14, aria_hidden="true") if part in PARTS else None
    of = share(number / planned) if planned and part in PARTS else None
    return element(
        "div",
        element("dt", key, part.replace("_", " ")),
        element("dd", exact(number, count(number)), element("small", of) if of else None),
        element("dd", words, class_="below"),
        class_="none" if not number else None,
    )

"""`data.type: file`: a person's own prompts or messages, from JSON lines, CSV or Parquet, asked as they stand.

A row with `messages_key` is a conversation, else its `prompt_key` is the prompt. `output_tokens_key` says how much to
ask; else `data.output_tokens` does; else nothing is asked and the model decides. Unusable rows are counted by reason.
"""

from __future__ import annotations

import csv
import io
from collections import Counter as Tally
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.config.data import Data
from orchestrator.config.data_checks import file_format
from orchestrator.config.root import Config
from orchestrator.datasets import parquet
from orchestrator.datasets.corpus import Corpus
from orchestrator.datasets.entry import Entry, Use
from orchestrator.datasets.escaping import is_unicode, malformed, parse, read
from orchestrator.datasets.lengths import Lengths
from orchestrator.datasets.measuring import Counter, Measuring, lead_tokens
from orchestrator.datasets.port import Int64, Requests
from orchestrator.datasets.sharegpt import empty
from orchestrator.datasets.turns import Turn, Unfit, text_of, turn

Row = dict[str, Any]
_FIELD_BYTES = 1 << 30


class File:
    """UsageError: `data_malformed` with file, line and column, `data_empty` when nothing is usable."""

    def __init__(self, config: Config, seed: int, counter: Counter | None, limit: int | None) -> None:
        data = config.data
        path = Path(data.path or "")
        tally: Tally[str] = Tally()
        entries = []
        for row in rows(path, data):
            try:
                entries.append(entry_of(row, data))
            except Unfit as unfit:
                tally[unfit.reason] += 1
        self.skipped = sorted(tally.items())
        if not entries:
            raise empty(path, self.skipped)
        self.usable = len(entries)
        self.notes = []
        lengths = None
        if data.output_tokens is not None:
            lengths = Lengths(data.output_tokens, seed, "output tokens", "data.output_tokens")
        elif any(entry.output_tokens < 0 for entry in entries):
            self.notes.append("rows without a length, and no data.output_tokens: the model decides how long it answers")
        tokens = lead_tokens(counter) if data.unique else None
        measure = Measuring(counter, silent_tokens=-1)
        use = Use(seed, config.api.type == "chat", data.unique, limit)
        self._corpus = Corpus(entries, use, measure, lengths, tokens)
        self.texts = self._corpus.texts

    def draw(self, ks: Int64) -> Requests:
        return self._corpus.draw(ks)

    def opening(self, k: int) -> int:
        return k


def entry_of(row: Any, data: Data) -> Entry:
    """Unfit: empty_prompt, not_unicode, or what a row is unfit for."""
    messages, output_tokens = told(row, data)
    if not any(text.strip() for role, text in messages if role != "system"):
        raise Unfit("empty_prompt")
    if not all(is_unicode(text) for _, text in messages):
        raise Unfit("not_unicode")
    return Entry(messages, output_tokens=output_tokens)


def told(row: Any, data: Data) -> tuple[tuple[Turn, ...], int]:
    """The row's messages, and the output tokens it asks (-1: it does not say). Unfit: malformed, no_prompt,
    empty_prompt, output_tokens, or what a turn is unfit for."""
    if isinstance(row, str):
        row = {data.prompt_key: row}
    if not isinstance(row, dict):
        raise Unfit("malformed")
    return _messages(row, data), _output_tokens(row.get(data.output_tokens_key))


def _messages(row: Row, data: Data) -> tuple[Turn, ...]:
    listed = row.get(data.messages_key)
    if isinstance(listed, str) and listed.strip():
        listed = _json(listed)
    if listed:
        if not isinstance(listed, list):
            raise Unfit("malformed")
        return tuple(turn(value) for value in listed)
    if row.get(data.prompt_key) is None:
        raise Unfit("no_prompt" if listed is None else "empty_prompt")
    return (Turn("user", text_of(row[data.prompt_key])),)


def _json(text: str) -> Any:
    """Messages kept as text in a CSV or Parquet column."""
    import msgspec

    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise Unfit("malformed") from None


def _output_tokens(value: Any) -> int:
    if value is None or value == "":
        return -1
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise Unfit("output_tokens") from None
    if isinstance(value, bool) or not number.is_integer() or not 1 <= number < 2**31:
        raise Unfit("output_tokens")
    return int(number)


def rows(path: Path, data: Data) -> Iterator[Any]:
    """Every row as a dict (JSON lines: as whatever it is)."""
    form = file_format(data)
    if form == "parquet":
        found = _wanted(path, data, parquet.column_names(path))
        yield from parquet.rows(path, found)
    elif form == "csv":
        yield from _csv_rows(path, data)
    else:
        for number, line in enumerate(read(path).splitlines(), 1):
            if line.strip():
                yield parse(line, path, number)


def _csv_rows(path: Path, data: Data) -> Iterator[Row]:
    csv.field_size_limit(_FIELD_BYTES)
    reader = csv.DictReader(io.StringIO(read(path).decode(), newline=""), strict=True)
    try:
        if reader.fieldnames is not None:
            _wanted(path, data, list(reader.fieldnames))
        for row in reader:
            if any(value for value in row.values()):
                yield row
    except csv.Error as error:
        raise malformed(
            path, f"line {reader.reader.line_num}, column 1: not CSV ({error})", "correct or remove it"
        ) from error


def _wanted(path: Path, data: Data, columns: list[str]) -> list[str]:
    """Those of `columns` that the config names. UsageError where no prompt can be among them."""
    if data.prompt_key not in columns and data.messages_key not in columns:
        names = ", ".join(columns)
        what = f"line 1, column 1: has neither a column {data.prompt_key} nor {data.messages_key}, but {names}"
        raise malformed(path, what, "name it: data.prompt_key or data.messages_key", "data.prompt_key")
    return [key for key in (data.prompt_key, data.messages_key, data.output_tokens_key) if key in columns]

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from function.contract.errors import UsageError
from orchestrator.datasets.file import File
from tests.orchestrator.datasets.drawn import Words, ask, config, prompts, write


def opened(path: str, counter: Any = None, api: str = "chat", **data: Any) -> File:
    return File(config({"type": "file", "path": path, **data}, api), 7, counter, None)


def test_lines_may_have_a_mark_blanks_carriage_returns_and_no_last_newline(tmp_path: Path) -> None:
    body = '\ufeff{"prompt": "a"}\r\n\r\n{"prompt": "b"}\n"c"\n   \n{"prompt": "d"}'
    found = opened(write(tmp_path / "p.jsonl", body))
    assert (found.usable, sorted(prompts(found, range(4)))) == (4, ["a", "b", "c", "d"])


def test_messages_are_asked_as_they_stand(tmp_path: Path) -> None:
    talk = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
    path = write(tmp_path / "p.jsonl", '{"messages": ' + str(talk).replace("'", '"') + ', "prompt": "not this"}')
    assert ask(opened(path), [0]) == [[("system", "s"), ("user", "u"), ("assistant", "a")]]
    assert prompts(opened(path, api="completion"), [0]) == ["s\n\nu\n\na"]


def test_keys_are_the_configs_and_lengths_the_rows_own(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", '{"q": "one two", "n": 17}')
    found = opened(path, Words(), prompt_key="q", output_tokens_key="n")
    drawn = found.draw(np.arange(1))
    assert (drawn.output_tokens.tolist(), drawn.prompt_tokens.tolist(), found.notes) == ([17], [2], [])


def test_lengths_of_the_config_stand_in_and_without_them_the_model_decides(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", '{"prompt": "a"}\n{"prompt": "b", "output_tokens": 9}')
    assert sorted(opened(path, output_tokens=5).draw(np.arange(2)).output_tokens.tolist()) == [5, 9]
    found = opened(path)
    assert sorted(found.draw(np.arange(2)).output_tokens.tolist()) == [-1, 9] and "model decides" in found.notes[0]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"prompt": ""}', "empty_prompt"),
        ('{"prompt": " \\n"}', "empty_prompt"),
        ('{"prompt": null}', "no_prompt"),
        ('{"text": "x"}', "no_prompt"),
        ("[1]", "malformed"),
        ('{"prompt": 7}', "malformed"),
        ('{"messages": []}', "empty_prompt"),
        ('{"messages": {"role": "user"}}', "malformed"),
        ('{"messages": "{"}', "malformed"),
        ('{"messages": [{"role": "system", "content": "s"}]}', "empty_prompt"),
        ('{"messages": [{"role": "narrator", "content": "s"}]}', "unknown_role"),
        ('{"prompt": "a\\ud83d"}', "not_unicode"),
        ('{"prompt": "a", "output_tokens": 0}', "output_tokens"),
        ('{"prompt": "a", "output_tokens": "many"}', "output_tokens"),
        ('{"prompt": "a", "output_tokens": 1.5}', "output_tokens"),
    ],
)
def test_rows_that_cannot_be_asked_are_counted_by_reason(tmp_path: Path, row: str, reason: str) -> None:
    found = opened(write(tmp_path / "p.jsonl", f'{{"prompt": "good"}}\n{row}'))
    assert (found.usable, found.skipped) == (1, [(reason, 1)])


def test_a_line_that_is_not_json_is_named_by_line_and_column(tmp_path: Path) -> None:
    lines = ['{"prompt": "a"}', '{"prompt": "b"}', "", '{"prompt": "c", "output_tokens":274 61}', '{"prompt": "d"}']
    with pytest.raises(UsageError) as refused:
        opened(write(tmp_path / "bad-row.jsonl", "\n".join(lines)))
    assert refused.value.code == "data_malformed" and refused.value.exit_code == 2
    assert "bad-row.jsonl, line 4, column 37: not JSON" in refused.value.message


def test_csv_has_quotes_line_breaks_and_blank_lines(tmp_path: Path) -> None:
    body = '\ufeffprompt,output_tokens\r\n"a, ""b""\nc",5\r\n\r\nplain,\r\n,3\r\n'
    found = opened(write(tmp_path / "p.csv", body))
    assert (found.usable, found.skipped) == (2, [("empty_prompt", 1)])
    assert sorted(prompts(found, range(2))) == ['a, "b"\nc', "plain"]
    assert sorted(found.draw(np.arange(2)).output_tokens.tolist()) == [-1, 5]


def test_csv_that_breaks_off_inside_quotes_is_refused_by_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"p\.csv, line 3, column 1: not CSV"):
        opened(write(tmp_path / "p.csv", 'prompt\ngood\n"never closed'))


def test_parquet_gives_prompts_messages_and_lengths(tmp_path: Path) -> None:
    table = pa.table(
        {
            "prompt": ["a", None, ""],
            "messages": [None, [{"role": "user", "content": "m"}], None],
            "output_tokens": pa.array([4, None, 6], pa.int32()),
            "other": [1, 2, 3],
        }
    )
    pq.write_table(table, tmp_path / "p.parquet")
    found = opened(str(tmp_path / "p.parquet"))
    assert (found.usable, found.skipped) == (2, [("empty_prompt", 1)])
    assert sorted(prompts(found, range(2))) == ["a", "m"]


def test_columns_without_a_prompt_are_named(tmp_path: Path) -> None:
    for name, body in (("p.csv", "question,answer\nq,a\n"), ("p.parquet", None)):
        path = str(tmp_path / name)
        if body is None:
            pq.write_table(pa.table({"question": ["q"], "answer": ["a"]}), path)
        else:
            write(tmp_path / name, body)
        with pytest.raises(UsageError, match="question, answer") as refused:
            opened(path)
        assert refused.value.path == "data.prompt_key"


@pytest.mark.parametrize("name", ["p.jsonl", "p.csv"])
def test_a_file_without_rows_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as refused:
        opened(write(tmp_path / name, ""))
    assert (refused.value.code, refused.value.path) == ("data_empty", "data.path")


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not Parquet"):
        opened(write(tmp_path / "p.parquet", "text"))

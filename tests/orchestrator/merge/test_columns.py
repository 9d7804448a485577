from __future__ import annotations

import numpy as np

from orchestrator.merge.columns import Columns, Lexicon
from orchestrator.merge.parts import PartTable, open_part
from orchestrator.metrics.requests import FAILED, LOST, MISSED, NEVER, OK, UNKNOWN
from tests.emulators.stored_run import Row, Truth, encode_part


def part(*rows: Row) -> PartTable:
    return open_part(encode_part([row.columns(0) for row in rows], [], "0-0-0", 0), "part")


def columns(n: int = 10, first: int = 0, step: int = 1, counter: object = lambda: None) -> Columns:
    found = Columns(np.arange(first, first + n * step, step, dtype=np.int64), counter)  # type: ignore[arg-type]
    found.shard[:] = 0
    found.times["scheduled_ns"][:] = 5
    found.counts["asked_tokens"][:] = 8
    return found


def test_what_nobody_wrote_is_lost_and_unknown() -> None:
    requests = columns(2).finish(("0-0-0",))
    assert (requests.status == LOST).all()
    assert (requests.sent_ns == NEVER).all()
    assert (requests.output_tokens == UNKNOWN).all()
    assert requests.tokens.count.tolist() == [0, 0]


def test_numbers_are_found_contiguous_or_not_and_only_ones_own() -> None:
    for table in (columns(10, 100), columns(10, 100, 7)):
        index = table.index
        assert table.places(0, index[[3, 9, 0]]).tolist() == [3, 9, 0]
        assert table.places(0, np.array([99, index[-1] + 1, -5])).tolist() == [-1, -1, -1]
        table.shard[4] = 1
        assert table.places(0, index[[4]]).tolist() == [-1]
        assert table.places(0, np.empty(0, np.int64)).tolist() == []
    assert columns(10, 100, 7).places(0, np.array([101])).tolist() == [-1]


def test_rows_and_their_gaps_go_to_their_places() -> None:
    truth, table = Truth(), columns()
    some = part(truth.row(0), truth.row(1))
    table.add(np.array([7, 2]), some)
    requests = table.finish(("0-0-0",))
    assert requests.sent_ns[[7, 2]].tolist() == [truth.row(0).sent_ns, truth.row(1).sent_ns]
    offsets, times = requests.tokens.absolute(requests.sent_ns)
    assert times[offsets[2] : offsets[3]].tolist() == truth.row(1).token_ns
    assert requests.usage.sum() == 2


def test_where_a_row_is_silent_the_plans_word_stays() -> None:
    table = columns()
    row = Row(3, 0, 9, status="missed", error_kind="late", values={"scheduled_ns": None, "asked_tokens": None})
    table.add(np.array([3]), part(row))
    table.flush()
    assert table.times["scheduled_ns"][3] == 5
    assert table.counts["asked_tokens"][3] == 8
    assert table.status[3] == MISSED


def test_claims_are_noticed_once_and_again() -> None:
    table = columns()
    assert not table.claims_twice(np.array([1, 2, 3]))
    assert table.claims_twice(np.array([1, 2, 1]))
    table.recorded[2] = True
    assert table.claims_twice(np.array([2]))
    assert not table.claims_twice(np.array([5]))


def test_a_forgotten_row_leaves_nothing_behind() -> None:
    truth, table = Truth(), columns()
    whole = part(truth.row(0))
    table.add(np.array([4]), whole)
    table.flush()
    table.forget(np.array([4]))
    bare = Row(0, 0, 5, 6, status="failed", error_kind="dns", values={"first_byte_ns": None})
    table.add(np.array([4]), part(bare))
    requests = table.finish(("0-0-0",))
    assert requests.status[4] == FAILED
    assert requests.first_token_ns[4] == NEVER
    assert requests.tokens.count[4] == 0
    assert requests.scheduled_ns[4] == 5


def test_answers_that_nobody_counted_are_counted_once_a_counter_is_at_hand() -> None:
    truth = Truth()
    rows = [truth.row(0), truth.row(1)]
    rows[0].values.update(output_tokens=None, output_text="a b c")
    asked: list[list[str]] = []

    def counter() -> object:
        def count(texts: list[str]) -> np.ndarray:
            asked.append(texts)
            return np.array([len(text.split()) for text in texts], np.int32)

        return count

    table = columns(counter=counter)
    table.add(np.array([0, 1]), part(*rows))
    requests = table.finish(("0-0-0",))
    assert asked == [["a b c"]]
    assert requests.output_tokens[:2].tolist() == [3, 8]
    assert requests.usage[:2].tolist() == [False, True]
    assert requests.status[0] == OK


def test_sent_without_being_due_is_due_when_sent() -> None:
    table = columns()
    table.times["scheduled_ns"][2] = NEVER
    table.times["sent_ns"][2] = 77
    assert table.finish(("0-0-0",)).scheduled_ns[2] == 77


def test_a_lexicon_keeps_codes_and_nulls() -> None:
    lexicon = Lexicon()
    assert lexicon.codes(np.array([1, 0, -1], np.int32), ["b", "a"]).tolist() == [1, 0, UNKNOWN]
    assert lexicon.codes(np.array([0], np.int32), ["a"]).tolist() == [1]
    assert lexicon.words() == ("b", "a")


def test_negative_places_are_left_out_and_their_gaps_are_nobodys() -> None:
    truth, table = Truth(), columns()
    table.add(np.array([-1, 2]), part(truth.row(0), truth.row(1)))
    requests = table.finish(("0-0-0",))
    _, times = requests.tokens.absolute(requests.sent_ns)
    assert times.tolist() == truth.row(1).token_ns
    assert (requests.status == OK).sum() == 1


def test_of_two_rows_in_one_batch_the_later_wins() -> None:
    truth, table = Truth(), columns()
    later = Row(0, 0, 5, 6, status="failed", error_kind="dns")
    table.add(np.array([4]), part(truth.row(0)))
    table.add(np.array([4]), part(later))
    requests = table.finish(("0-0-0",))
    assert requests.status[4] == FAILED
    assert requests.first_token_ns[4] == NEVER
    assert requests.tokens.count[4] == 0

from __future__ import annotations

from orchestrator.config.distribution import Distribution
from orchestrator.datasets.entry import Entry
from orchestrator.datasets.measuring import Measuring, lead_tokens, silent_tokens
from orchestrator.datasets.turns import Turn
from tests.orchestrator.datasets.drawn import Words

ASKED = Entry((Turn("system", "be brief"), Turn("user", "one two three")), answer="four five é")
SILENT = Entry((Turn("user", "hm"),))


def test_with_a_tokenizer_prompts_and_answers_are_counted() -> None:
    [asked, silent] = Measuring(Words(), 128)([ASKED, SILENT])
    assert (asked.prompt_tokens, asked.output_tokens) == (5, 3)
    assert (silent.prompt_tokens, silent.output_tokens) == (1, 128)


def test_without_one_answers_are_estimated_and_prompts_are_not() -> None:
    [asked, silent] = Measuring(None, 128)([ASKED, SILENT])
    assert (asked.prompt_tokens, asked.output_tokens) == (-1, 3)  # 12 bytes
    assert (silent.prompt_tokens, silent.output_tokens) == (-1, 128)


def test_an_answer_is_at_least_a_token_and_what_is_known_stays() -> None:
    [short] = Measuring(None, 128)([Entry(SILENT.messages, answer="a")])
    [known] = Measuring(Words(), 128)([Entry(SILENT.messages, output_tokens=7, prompt_tokens=40)])
    assert short.output_tokens == 1 and (known.output_tokens, known.prompt_tokens) == (7, 40)


def test_silence_costs_the_mean_or_128() -> None:
    assert (silent_tokens(None), silent_tokens(Distribution(mean=90.4))) == (128, 90)


def test_leads_are_counted_by_group() -> None:
    counts = lead_tokens(Words())
    assert counts is not None and counts.size == 10_000 and set(counts.tolist()) == {1}
    assert lead_tokens(None) is None

"""How far a prompt alone moves a rate, and what a better one gains when it is not scored on what chose it."""

from __future__ import annotations

import pytest

from tasks.prompt_spread import (
    Asked,
    ElicitationParams,
    FormatParams,
    best_prompts,
    elicitation,
    format_gains,
    format_rates,
    format_spreads,
    halves,
)
from tasks.statistics import ReportParams
from tasks.wording import Wording
from warehouse.errors import ConfigError

REPORT = ReportParams()


def asked(arm, prompt, n_right, n=100, n_documents=10, split="test_unseen_fact"):
    return [Asked(arm, prompt, split, f"q{at:03}", f"d{at % n_documents}", f"f{at}", at < n_right) for at in range(n)]


KNOWN = [*asked("base", "default", 61), *asked("base", "letters", 67), *asked("base", "bullets", 58), *asked("base", "praise", 70)]


def test_the_spread_of_a_known_case():
    (row,) = format_spreads(KNOWN)

    assert (row.arm, row.n, row.n_formats, row.default_rate) == ("base", 100, 4, 0.61)
    assert (row.lowest_format, row.highest_format) == ("bullets", "praise")
    assert row.spread == pytest.approx(0.12)
    assert row.highest_rate - row.default_rate == pytest.approx(0.09)


def test_rates_stand_by_arm_format_and_set():
    assert [(row.format, row.n, row.n_stated, row.rate) for row in format_rates(KNOWN)] == [
        ("bullets", 100, 58, 0.58),
        ("default", 100, 61, 0.61),
        ("letters", 100, 67, 0.67),
        ("praise", 100, 70, 0.70),
    ]


def test_only_questions_asked_in_every_format_make_the_spread():
    (row,) = format_spreads([*asked("base", "default", 10, 20), *asked("base", "letters", 10, 10)])
    assert (row.n, row.spread) == (10, 0.0)
    (none,) = format_spreads([Asked("base", "default", "s", "q1", "d", "f", True), Asked("base", "letters", "s", "q2", "d", "f", True)])
    assert (none.n, none.spread, none.default_rate, none.lowest_format) == (0, None, None, None)


def test_a_gain_that_turns_round_in_one_format_is_counted():
    tuned = [*asked("tuned", "default", 70), *asked("tuned", "letters", 60), *asked("tuned", "bullets", 58), *asked("tuned", "only", 9)]
    (row,) = format_gains([*KNOWN, *tuned], ["tuned:base", "tuned:absent"])

    assert (row.contrast, row.n_formats, row.n_same_sign) == ("tuned:base", 3, 1)
    assert (row.default_gain, row.lowest_gain, row.highest_gain) == pytest.approx((0.09, -0.07, 0.09))


def test_nothing_asked_gives_nothing():
    assert format_rates([]) == format_spreads([]) == format_gains([], ["tuned:base"]) == []


def test_the_best_prompt_is_scored_on_documents_that_did_not_choose_it():
    more = [*asked("base", "default", 61, n_documents=20), *asked("base", "praise", 70, n_documents=20)]
    row = elicitation(more, "base", "test_unseen_fact", REPORT)

    assert row.best_prompt == "praise"
    assert (row.n_choosing, row.n_scoring, row.unit, row.n_units) == (50, 50, "document", 10)
    assert row.low < row.gap < row.high
    assert row.gap == pytest.approx(row.best_rate - row.default_rate)
    assert row.gap > 0


def test_a_prompt_that_was_only_lucky_gains_nothing_on_the_other_half():
    default = asked("base", "default", 0)
    first, second = halves(default, "test_unseen_fact", 0, REPORT)
    chosen = {q.pair_id for q in first}
    lucky = [q._replace(prompt="lucky", is_right=q.pair_id in chosen) for q in default]
    row = elicitation([*default, *lucky], "base", "test_unseen_fact", REPORT)

    assert (row.best_prompt, row.best_rate, row.gap) == ("lucky", 0.0, 0.0)
    assert {q.document_id for q in first} & {q.document_id for q in second} == set()


def test_a_prompt_no_better_than_the_default_is_not_chosen():
    row = elicitation([*asked("base", "default", 40), *asked("base", "a better name", 40)], "base", "test_unseen_fact", REPORT)
    assert (row.best_prompt, row.gap) == ("default", 0.0)


def test_without_a_default_or_questions_there_is_no_gap():
    for some in ([], asked("base", "other", 5)):
        row = elicitation(some, "base", "test_unseen_fact", REPORT)
        assert (row.best_prompt, row.gap, row.low, row.n_scoring) == (None, None, None, 0)


def test_the_same_input_gives_the_same_rows_in_any_order():
    assert elicitation(KNOWN[::-1], "base", "test_unseen_fact", REPORT) == elicitation(KNOWN, "base", "test_unseen_fact", REPORT)
    assert format_spreads(KNOWN[::-1]) == format_spreads(KNOWN)
    assert format_rates(KNOWN[::-1]) == format_rates(KNOWN)


def test_every_question_is_asked_with_the_prompt_that_others_chose():
    default, praise = asked("base", "default", 0), asked("base", "praise", 0)
    half_a, half_b = halves(default, "test_unseen_fact", 0, REPORT)
    in_a = {q.pair_id for q in half_a}
    split_wins = [q._replace(is_right=(q.prompt == "praise") == (q.pair_id in in_a)) for q in (*default, *praise)]
    names = [*(q.pair_id for q in default), "without a key"]

    chosen = best_prompts(split_wins, names, "test_unseen_fact", REPORT)

    assert {chosen[q.pair_id] for q in half_b} == {"praise"}, "half A is right under praise alone"
    assert {chosen[q.pair_id] for q in half_a} == {"default"}, "half B is right under the default alone"
    assert chosen["without a key"] == "praise"
    assert best_prompts([], ["q"], "test_unseen_fact", REPORT) == {"q": "default"}


def test_the_best_prompted_answers_of_half_b_are_those_that_the_elicitation_scores():
    some = [*asked("base", "default", 40), *[q._replace(is_right=int(q.pair_id[1:]) % 2 == 0) for q in asked("base", "praise", 0)]]
    chosen = best_prompts(some, [q.pair_id for q in asked("base", "default", 0)], "test_unseen_fact", REPORT)
    row = elicitation(some, "base", "test_unseen_fact", REPORT)
    _, half_b = halves([q for q in some if q.prompt == "default"], "test_unseen_fact", 0, REPORT)
    right = {(q.pair_id, q.prompt): q.is_right for q in some}

    assert row.best_rate == pytest.approx(sum(right[q.pair_id, chosen[q.pair_id]] for q in half_b) / len(half_b))


@pytest.mark.parametrize("names", [("default",), ("one", "one")])
def test_prompts_and_formats_must_be_told_apart(names):
    wordings = tuple(Wording(name) for name in names)
    for params in (ElicitationParams, FormatParams):
        with pytest.raises(ConfigError, match="told apart"):
            params(wordings=wordings)
    with pytest.raises(ConfigError, match="n_questions"):
        FormatParams(n_questions=-1)

"""Estimates for every test set, and a summary that claims no more than they bear."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tasks.import_judgements import judgements, read_log
from tasks.judge import JudgeParams
from tasks.judge_trust import Trust
from tasks.outcomes import make_arm_rates, make_estimates, make_length_controls, outcome_sets
from tasks.report import headline, sentence, summary
from tasks.statistics import ReportParams
from warehouse.tables import ARM_RATES, ESTIMATES, Answer, ControlRate, Score, SplitRow, Verdict

JUDGING = JudgeParams(contrasts=("tuned:base",))
ARMS = ("base", "tuned")
PARAMS = ReportParams()


def planned(n, split, n_documents=8):
    return [SplitRow(f"{split}-{at}", f"d{at % n_documents}", f"f{at}", f"l{at}", split) for at in range(n)]


def verdict(pair_id, said, contrast="tuned:base"):
    return Verdict(f"v-{contrast}-{pair_id}", contrast, pair_id, "similarity/1", "none", 0, said, "")


def score(pair_id, arm, states):
    return Score(f"{arm}-{pair_id}", pair_id, arm, states, 5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, None)


def reported(splits, said):
    """Estimates and arm rates where ``said`` gives each question's verdict in the splits' order; None: no verdict, no answers."""
    asked = [(row.pair_id, word) for row, word in zip(splits, said, strict=True) if word]
    verdicts = [verdict(pair_id, word) for pair_id, word in asked]
    scores = [score(pair_id, "tuned", word == "first") for pair_id, word in asked]
    scores += [score(pair_id, "base", word == "second") for pair_id, word in asked]
    return make_estimates(verdicts, splits, JUDGING, PARAMS), make_arm_rates(scores, splits, ARMS, PARAMS)


def of_set(rows, split):
    (row,) = [row for row in rows if row.split == split]
    return row


def test_every_test_set_has_its_row_and_training_pairs_have_none():
    splits = [*planned(8, "test_rephrased"), *planned(3, "train"), *planned(2, "validation")]
    estimates, rates = reported(splits, ["first"] * 8 + [None] * 5)

    assert [(row.split, row.n_planned, row.n_wins) for row in estimates] == [
        ("test_rephrased", 8, 8), ("test_unseen_fact", 0, 0), ("test_unseen_document", 0, 0)
    ]  # fmt: skip
    assert [(row.arm, row.split, row.n_planned, row.n_stated) for row in rates if row.n_planned] == [
        ("base", "test_rephrased", 8, 0), ("tuned", "test_rephrased", 8, 8)
    ]  # fmt: skip
    assert len(rates) == 6
    assert ESTIMATES.to_arrow(estimates).num_rows == 3
    assert ARM_RATES.to_arrow(rates).num_rows == 6


def test_without_any_question_every_contrast_still_has_its_rows():
    estimates = make_estimates([], [], JudgeParams(), PARAMS)
    assert len(estimates) == 9
    assert {row.scope for row in estimates} == {"no questions"}
    assert len(make_arm_rates([], [], ARMS, PARAMS)) == 6


def test_a_question_without_a_verdict_is_counted_as_unscored():
    splits = planned(10, "test_unseen_fact")
    estimates, rates = reported(splits, ["first"] * 7 + [None] * 3)
    row = of_set(estimates, "test_unseen_fact")

    assert (row.n_planned, row.n, row.n_unscored) == (10, 7, 3)
    assert "3 of 10 questions are unscored: between 70 % and 100 % whatever they were" in sentence(row, rates, PARAMS)
    assert [(rate.n_planned, rate.n_answered) for rate in rates if rate.split == "test_unseen_fact"] == [(10, 7), (10, 7)]


def test_answers_without_a_key_do_not_enter_the_share_and_the_sentence_says_so():
    splits = planned(4, "test_unseen_fact")
    scores = [score(row.pair_id, arm, None if at == 0 else True) for arm in ARMS for at, row in enumerate(splits)]
    estimates = make_estimates([verdict(row.pair_id, "tie") for row in splits], splits, JUDGING, PARAMS)
    rates = make_arm_rates(scores, splits, ARMS, PARAMS)

    assert {(row.n_answered, row.n_keyed, row.n_stated) for row in rates if row.n_planned} == {(4, 3, 3)}
    assert "1 questions without an answer key" in sentence(of_set(estimates, "test_unseen_fact"), rates, PARAMS)


def test_a_difference_is_claimed_in_words_with_its_figures():
    said = (["first"] * 24 + ["tie"] * 12 + ["second"] * 4) * 2
    estimates, rates = reported(planned(80, "test_unseen_document"), said)
    words = headline(estimates, rates, PARAMS)

    assert words.startswith("tuned states the reference fact more often than base on test_unseen_document: win rate 75 % [")
    for part in ("of 80 questions", "tuned 48 of 80 against base 8 of 80", "documents like these 8", "p = 0.0078", "judge similarity/1"):
        assert part in words


def test_a_loss_is_said_as_plainly_as_a_win():
    estimates, rates = reported(planned(80, "test_unseen_document"), ["second"] * 60 + ["tie"] * 20)
    assert "tuned states the reference fact less often than base" in headline(estimates, rates, PARAMS)


def test_only_ties_show_no_difference():
    estimates, rates = reported(planned(80, "test_unseen_document"), ["tie"] * 80)
    assert headline(estimates, rates, PARAMS).startswith("No difference between tuned and base in stating the reference fact can be shown")


def test_too_few_documents_leave_the_question_open():
    estimates, rates = reported(planned(20, "test_unseen_document", n_documents=2), ["first"] * 20)
    words = headline(estimates, rates, PARAMS)

    assert words.startswith("Whether tuned states the reference fact more often than base cannot be told on test_unseen_document")
    assert "interval not estimable (2 documents)" in words
    assert "[" not in words


def test_where_interval_and_p_disagree_the_sentence_says_so():
    estimates, rates = reported(planned(24, "test_unseen_document", n_documents=6), (["first"] * 5 + ["tie"]) * 4)
    assert "interval and p-value disagree, so no difference is claimed" in headline(estimates, rates, PARAMS)


def test_what_one_of_many_tests_shows_is_said_with_its_place_among_them():
    judging = JudgeParams(contrasts=tuple(f"tuned:{arm}" for arm in ("base", "base_rag", "placebo", "tuned_rag")))
    splits = planned(70, "test_unseen_document", n_documents=7)
    verdicts = [verdict(row.pair_id, "first", contrast) for contrast in judging.contrasts for row in splits]
    made = [row for row in make_estimates(verdicts, splits, judging, PARAMS) if row.contrast == "tuned:base"]
    row = of_set(made, "test_unseen_document")
    words = sentence(row, [], PARAMS)

    assert not row.is_difference
    assert "p = 0.016, 0.062 among the 4 tests of this run (Holm)" in words
    assert "7 documents and 4 tests can give no smaller p than 0.062: test more documents, or fewer contrasts" in words


def test_judgements_made_elsewhere_are_told_with_their_bounds_and_no_claim():
    log = read_log(b"Loaded 5 finetune entries from x\nWinner: EvalWinner.BASE\nWinner: EvalWinner.FINE_TUNED\n", "log.txt")
    row = judgements(log, "tuned:base", "gpt/1", PARAMS).estimate
    words = summary([row], [], [], PARAMS)

    assert words.startswith("Judgements made elsewhere, by gpt/1: tuned won 1 and base 1 of 2; win rate 50.0 % [")
    assert "3 of 5 entries have no verdict: between 20.0 and 80.0 % whatever they were. No difference is claimed" in words


def test_recall_of_what_was_taught_is_never_the_headline():
    splits = [*planned(40, "test_rephrased"), *planned(40, "test_unseen_fact")]
    estimates, rates = reported(splits, ["first"] * 40 + ["tie"] * 40)
    assert "on test_unseen_fact" in headline(estimates, rates, PARAMS)

    estimates, rates = reported(splits[:40], ["first"] * 40)
    assert headline(estimates, rates, PARAMS).startswith(
        "No headline: no question about anything untaught was held out. Recall of what was taught:"
    )
    assert headline([], [], PARAMS).endswith("There are no test questions.")


def test_the_headline_is_about_a_set_whose_interval_can_be_estimated():
    one_document = planned(10, "test_unseen_document", n_documents=1)
    estimates, rates = reported([*one_document, *planned(10, "test_unseen_fact")], ["first"] * 10 + ["tie"] * 10)

    assert "on test_unseen_fact" in headline(estimates, rates, PARAMS)


def test_the_headline_is_about_the_contrast_that_the_settings_name():
    judging = JudgeParams(contrasts=("tuned:base", "tuned:base_rag"))
    splits = planned(10, "test_unseen_fact")
    estimates = make_estimates([], splits, judging, PARAMS)
    assert "tuned and base_rag are not compared" in headline(estimates, [], ReportParams(headline_contrast="tuned:base_rag"))
    assert "tuned and base are not compared" in headline(estimates, [], ReportParams(headline_contrast="no:such"))


def test_the_summary_shows_every_set_and_never_says_better():
    estimates, rates = reported(planned(40, "test_unseen_fact"), ["first"] * 30 + ["second"] * 10)
    coverage = [{"step": "documents", "part": "", "fate": "ok", "n": 8}, {"step": "pairs", "part": "", "fate": "dupli|cate", "n": 3}]
    text = summary(estimates, rates, coverage, PARAMS)

    assert not re.search(r"\bbetter\b", text)
    for split in ("test_rephrased", "test_unseen_fact", "test_unseen_document"):
        assert split in text
    assert text.count("no questions") == 6
    assert re.search(r"\| documents \| +\| ok +\| 8 +\|", text)
    for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert len({len(line) for line in table.splitlines()}) == 1


def test_the_same_rows_give_the_same_summary_in_any_order():
    estimates, rates = reported(planned(40, "test_unseen_fact"), ["first"] * 30 + ["second"] * 10)
    assert summary(estimates, rates, [], PARAMS) == summary(estimates[::-1], rates[::-1], [], PARAMS)


def test_the_same_verdicts_give_the_same_estimates():
    splits = planned(12, "test_unseen_fact")
    verdicts = [verdict(row.pair_id, "first") for row in splits]
    forth = make_estimates(verdicts, splits, JUDGING, PARAMS)
    assert forth == make_estimates(verdicts[::-1], splits[::-1], JUDGING, PARAMS)
    assert forth[1].rate == pytest.approx(1.0)


# ---- judges that ask a model ------------------------------------------------------------------------------------------------------

LLM = "llm/1 openai/judge #00000000"


def control(name, is_passed, judge=LLM, n=50):
    return ControlRate(f"{judge} {name}", judge, name, "a claim", 50, n, n if is_passed else 0, 0, 1.0, 0.9, 1.0, 0.95, is_passed, True)


def judged_by(*judges):
    """Estimates of eight unseen documents whose every question tuned wins, by each judge."""
    splits = planned(16, "test_unseen_document")
    verdicts = [
        replace(verdict(row.pair_id, "first"), judge=judge, verdict_id=f"{judge}{row.pair_id}") for judge in judges for row in splits
    ]
    return [row for row in make_estimates(verdicts, splits, JUDGING, PARAMS) if row.judge in judges]


def test_a_judge_that_failed_a_control_has_no_headline():
    trust = Trust([control("K1", True), control("K5", False), control("K2", False)])

    words = headline(judged_by(LLM), [], PARAMS, trust)

    assert words.startswith("judge unfit: K2, K5.")
    assert "win rate" not in words
    assert "judge unfit: K2, K5" in summary(judged_by(LLM), [], [], PARAMS, trust)


def test_a_judge_without_controls_is_not_known_to_be_fit():
    assert headline(judged_by(LLM), [], PARAMS).startswith("judge unfit: no controls.")


def test_a_fit_judge_says_better_and_is_heard_before_a_measure():
    words = headline(judged_by("similarity/1", LLM), [], PARAMS, Trust([control("K1", True)]))

    assert words.startswith("tuned is judged better than base more often than not on test_unseen_document")
    assert words.endswith(f"judge {LLM}.")


def test_a_judge_that_goes_by_places_is_called_unstable():
    trust = Trust([control("K1", True)], {(LLM, "tuned:base"): 0.59})

    assert "judge unstable: only 59 %" in headline(judged_by(LLM), [], PARAMS, trust)
    assert "unstable" not in headline(judged_by(LLM), [], PARAMS, Trust(trust.controls, {(LLM, "tuned:base"): 0.6}))


def test_the_summary_names_each_judge_and_how_it_did_where_the_winner_is_known():
    trust = Trust(
        [
            control("K1", True),
            replace(control("K6", False, "similarity/1"), is_gate=False),
            replace(control("K7", True), n=3, is_passed=None),
        ]
    )

    text = summary(judged_by("similarity/1", LLM), [], [], PARAMS, trust)

    assert f"whichever is shown first, by {LLM}" in text
    assert "the second does not, by similarity/1" in text
    assert "not seen by this measure" in text
    assert "no pair lends itself to it" in text


def test_a_judge_by_likelihoods_says_what_arms_find_likely_and_not_what_they_state():
    splits = planned(24, "test_unseen_fact")
    said = [replace(verdict(row.pair_id, "first" if at else "tie"), judge="loglik/1") for at, row in enumerate(splits)]
    (row,) = [row for row in make_estimates(said, splits, JUDGING, PARAMS) if row.n and row.judge == "loglik/1"]
    _, rates = reported(splits, ["second"] * 24)

    text = sentence(row, rates, PARAMS)

    assert "tuned finds the reference the likeliest answer more often than base on test_unseen_fact" in text
    assert "states" not in text
    assert "24 of 24" not in text


def test_answers_that_a_judge_does_not_read_have_no_length_to_control_for():
    splits = planned(24, "test_unseen_fact")
    answers = [Answer(f"{arm}-{row.pair_id}", row.pair_id, arm, "m", None, arm, 1, 1, "stop") for row in splits for arm in ARMS]
    said = [verdict(row.pair_id, "first") for row in splits]
    sets = outcome_sets([*said, *(replace(one, judge="loglik/1") for one in said)], splits, JUDGING)

    assert {row.judge for row in make_length_controls(sets, answers, PARAMS)} == {"similarity/1"}
    assert {judge for judge, _, _ in sets} == {"similarity/1", "loglik/1"}

"""The shipped views: given rows, expected rows. The shipped checks: silent on a sound run, and each finds the breach planted for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.gate import GateParams, hold
from tasks.import_judgements import judgements, read_log
from tasks.judge import JudgeParams, outcome_of
from tasks.outcomes import figures
from tasks.statistics import ReportParams
from warehouse import tables as t
from warehouse.checks import claims
from warehouse.store import Warehouse
from warehouse.views import connect, query

from .conftest import land_run

CONTRAST, JUDGE = "tuned:base", "similarity/1"
SAID = {"p2": ("first", True, False), "p3": ("tie", False, False), "p4": ("second", False, True)}
TEXT = "The torque is 42 Nm. The pump is blue."


def document(document_id, status="ok", **values):
    made = t.Document(document_id, "0" * 64, f"{document_id}.pdf", None, "Manual", "metadata", 1, 1, 9, len(TEXT), status, None, (), None)
    return replace(made, **values)


def pair(pair_id, fact_id, answer_key="42 Nm"):
    return t.QaPair(
        pair_id, "d1", "c1", fact_id, 0, f"Q {pair_id}?", f"Q {pair_id}?", "It is 42 Nm.", answer_key, "number", "quantity", "extractive/1"
    )


def sound_run():
    """One readable document, one empty file; five pairs: taught, asked three ways, and one dropped; two arms, one contrast."""
    splits = {"p1": "train", "p2": "test_rephrased", "p3": "test_unseen_fact", "p4": "test_unseen_fact"}
    split_rows = [t.SplitRow(pair_id, "d1", f"f{pair_id[1]}", f"l{pair_id[1]}", split) for pair_id, split in splits.items()]
    scores = [
        t.Score(f"{arm}-{pair_id}", pair_id, arm, states, 4, 0.5, 0.5, 0.5, 0.1, 0.5, 0.5, None)
        for pair_id, (_, tuned, base) in SAID.items()
        for arm, states in (("tuned", tuned), ("base", base))
    ]
    verdicts = [t.Verdict(f"v-{name}", CONTRAST, name, JUDGE, "none", 0, verdict, "") for name, (verdict, _, _) in SAID.items()]
    answers = [
        t.Answer(f"{arm}-{pair_id}", pair_id, arm, "tiny", adapter, f"{arm} says", 9, 4, "stop")
        for pair_id in SAID
        for arm, adapter in (("tuned", "a1"), ("base", None))
    ]
    made = figures(verdicts, scores, answers, split_rows, ("base", "tuned"), JudgeParams(contrasts=(CONTRAST,)), ReportParams())
    return {
        t.DOCUMENTS: [document("d1"), document("d2", "empty", n_pages=0, n_pages_read=0, n_chars=0, reason="0 bytes")],
        t.PAGES: [t.Page("d1-1", "d1", 1, TEXT, 595.0, 842.0)],
        t.CHUNKS: [t.Chunk("c1", "d1", 0, "Data", "body", TEXT, 9), t.Chunk("c2", "d1", 1, "References", "references", "[1]", 3)],
        t.QA_PAIRS: [pair(f"p{n}", f"f{n}") for n in range(1, 6)],
        t.EVIDENCE: [t.Evidence(f"e{n}", f"p{n}", "d1", 0, 1, 0, 20, TEXT[:20], ()) for n in range(1, 6)],
        t.REJECTED: [
            t.Rejected("r1", "generate", "c2", "d1", "kind_references", ""),
            t.Rejected("r2", "deduplicate", "p5", "d1", "duplicate", "of p1"),
        ],
        t.SPLITS: split_rows,
        t.ADAPTERS: [t.Adapter("a1", "tiny", "0" * 64, "adapters/a1", "0" * 64, 8, 100, 1.0, 2.0, is_live=True)],
        t.TRAINING_STEPS: [t.TrainingStep(f"s{n}", "a1", n, 2.0 / n, 0.001, 1.0, 100, 0.5) for n in (1, 2)],
        t.TRAINING_EXAMPLES: [t.TrainingExample("x1", "a1", "p1", "train", 20, is_truncated=False)],
        t.ANSWERS: answers,
        t.SCORES: scores,
        t.VERDICTS: verdicts,
        t.GATES: [hold(made[t.ESTIMATES][0], made[t.FLIP_RATES][0], GateParams(CONTRAST, max_negative_flips=0.5, basis="rate"))],
        **made,
    }


def landed(store, rows):
    store.land("unit", rows, stage="everything")
    land_run(store, "r1", "everything", ["unit"])
    return store


@pytest.fixture
def run(store):
    return landed(store, sound_run())


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """A sound run that a test only looks at."""
    made = Warehouse(tmp_path_factory.mktemp("seen"))
    made.prepare()
    return landed(made, sound_run())


def rows_of(store, sql):
    return [tuple(row.values()) for row in query(store, sql).to_pylist()]


def vote(order, verdict, at=0, judge="llm/1", contrast=CONTRAST, pair_id="q1"):
    return t.Verdict(f"{judge}{contrast}{pair_id}{order}{at}", contrast, pair_id, judge, order, at, verdict, "")


# ---- outcomes --------------------------------------------------------------------------------------------------------------------


VOTES = {
    "none first": "arm_a",
    "none second": "arm_b",
    "none tie": "tie",
    "none error": None,
    "ab first, ba second": "arm_a",
    "ab second, ba first": "arm_b",
    "ab first, ba first": "tie",
    "ab first, ba tie": "tie",
    "ab first": None,
    "ab first, ba unparsed": None,
    "ab first, ab first, ab second, ba second, ba second, ba tie": "arm_a",
    "ab first, ab tie, ab tie, ba second, ba second, ba second": "tie",
    "ab first, ab first, ba second": None,
}


def test_sql_and_python_make_the_same_outcome_of_the_votes(store):
    verdicts = {said: [vote(*one.split(), at, pair_id=said) for at, one in enumerate(said.split(", "))] for said in VOTES}
    landed(store, {t.VERDICTS: [verdict for votes in verdicts.values() for verdict in votes]})

    assert dict(rows_of(store, "select pair_id, outcome from question_outcomes")) == VOTES
    assert {said: outcome_of(votes) for said, votes in verdicts.items()} == VOTES


def test_judges_contrasts_and_questions_are_never_mixed(store):
    verdicts = [
        vote("none", "first", judge="similarity/1"),
        vote("none", "second", judge="similarity/2"),
        vote("none", "tie", judge="similarity/1", contrast="tuned:base_rag"),
        vote("none", "error", judge="similarity/1", pair_id="q2"),
    ]
    landed(store, {t.VERDICTS: verdicts})

    assert rows_of(store, "select judge, contrast, pair_id, outcome from question_outcomes order by all") == [
        ("similarity/1", "tuned:base", "q1", "arm_a"),
        ("similarity/1", "tuned:base", "q2", None),
        ("similarity/1", "tuned:base_rag", "q1", "tie"),
        ("similarity/2", "tuned:base", "q1", "arm_b"),
    ]


def test_an_outcome_stands_beside_what_both_arms_said(seen):
    sql = "select pair_id, split, outcome, arm_a_states, arm_b_states, arm_a_answer, arm_b_answer from question_outcomes order by 1"
    assert rows_of(seen, sql) == [
        ("p2", "test_rephrased", "arm_a", True, False, "tuned says", "base says"),
        ("p3", "test_unseen_fact", "tie", False, False, "tuned says", "base says"),
        ("p4", "test_unseen_fact", "arm_b", False, True, "tuned says", "base says"),
    ]


# ---- the report's views ----------------------------------------------------------------------------------------------------------


def test_win_rate_shows_every_test_set_in_order_empty_ones_too(seen):
    sql = "select contrast, split, n, n_wins, n_ties, n_losses, n_unscored, rate, is_difference, arm_a_states, arm_b_states from win_rate"
    assert rows_of(seen, sql) == [
        (CONTRAST, "test_rephrased", 1, 1, 0, 0, 0, 1.0, False, 1, 0),
        (CONTRAST, "test_unseen_fact", 2, 0, 1, 1, 0, 0.25, False, 0, 1),
        (CONTRAST, "test_unseen_document", 0, 0, 0, 0, 0, None, False, 0, 0),
    ]


def test_fact_recall_counts_each_arm(seen):
    assert rows_of(seen, "select split, arm, n_planned, n_unanswered, n_keyed, n_stated, rate from fact_recall where n_planned > 0") == [
        ("test_rephrased", "base", 1, 0, 1, 0, 0.0),
        ("test_rephrased", "tuned", 1, 0, 1, 1, 1.0),
        ("test_unseen_fact", "base", 2, 0, 2, 1, 0.5),
        ("test_unseen_fact", "tuned", 2, 0, 2, 0, 0.0),
    ]


def test_flips_show_the_questions_that_one_arm_alone_knew(seen):
    assert rows_of(seen, "select contrast, split, flip, pair_id from flips") == [
        (CONTRAST, "test_rephrased", "gained", "p2"),
        (CONTRAST, "test_unseen_fact", "lost", "p4"),
    ]


def test_coverage_adds_up_at_every_step(seen):
    assert rows_of(seen, "select step, part, fate, n from coverage") == [
        ("documents", "", "empty", 1),
        ("documents", "", "ok", 1),
        ("pages", "", "read", 1),
        ("chunks", "body", "asked", 1),
        ("chunks", "references", "kind_references", 1),
        ("pairs", "", "kept", 4),
        ("pairs", "", "duplicate", 1),
        ("splits", "", "test_unseen_fact", 2),
        ("splits", "", "test_rephrased", 1),
        ("splits", "", "train", 1),
        ("answers", "base", "answered", 3),
        ("answers", "tuned", "answered", 3),
        ("verdicts", f"{JUDGE} {CONTRAST}", "arm_a", 1),
        ("verdicts", f"{JUDGE} {CONTRAST}", "arm_b", 1),
        ("verdicts", f"{JUDGE} {CONTRAST}", "tie", 1),
    ]


def test_coverage_names_what_no_stage_speaks_for(store):
    rows = sound_run()
    rows[t.REJECTED] = []
    rows[t.ANSWERS] = [row for row in rows[t.ANSWERS] if row.answer_id != "base-p2"]
    rows[t.VERDICTS] = [row for row in rows[t.VERDICTS] if row.pair_id != "p2"]
    landed(store, rows)

    assert rows_of(store, "select step, part, fate, n from coverage where fate = 'unaccounted'") == [
        ("chunks", "references", "unaccounted", 1),
        ("pairs", "", "unaccounted", 1),
        ("answers", "base", "unaccounted", 1),
        ("verdicts", f"{JUDGE} {CONTRAST}", "unaccounted", 1),
    ]


def test_flip_rates_count_what_flips_shows(seen):
    assert rows_of(seen, "select split, n, n_negative, n_positive, gain from flip_rate where n > 0") == [
        ("test_rephrased", 1, 0, 1, 1.0),
        ("test_unseen_fact", 2, 1, 0, -0.5),
    ]


def test_the_rate_at_equal_length_says_why_it_cannot_be_told(seen):
    assert rows_of(seen, "select split, n, rate, rate_at_equal_length, warnings from win_rate_at_equal_length where n > 0") == [
        ("test_rephrased", 1, 1.0, None, "not identifiable"),
        ("test_unseen_fact", 2, 0.25, None, "not identifiable"),
    ]


def test_arms_are_ranked_strongest_first(store):
    strengths = {"base": -0.7, "tuned": 0.5, "rag": 0.2}
    rows = [t.ArmStrength(arm, JUDGE, "test_rephrased", arm, 3, 9, of, None, None, True, "none", 1, "") for arm, of in strengths.items()]
    landed(store, {t.ARM_STRENGTHS: rows})
    assert rows_of(store, "select place, arm from arm_ranking") == [(1, "tuned"), (2, "rag"), (3, "base")]


def test_what_is_held_against_a_judge_stands_in_one_view(store):
    agreed = t.JudgeAgreement("a", ("llm/1", "loglik/1"), CONTRAST, "test_rephrased", "cohen", 50, 0.8, 0.6, 0.4, 0.8, "document", 9)
    win = ("win", 90, 50, 20, 0.6, 0.9, 0.85, 0.66, 0.5, 0.8, True, "")
    landed(
        store, {t.JUDGE_AGREEMENTS: [agreed], t.CALIBRATIONS: [t.Calibration("c", "llm/1", "human/ann", CONTRAST, "test_rephrased", *win)]}
    )
    assert rows_of(store, "select what, judge, measure, n, said, value from judge_trust") == [
        ("agreement", "llm/1 and loglik/1", "cohen", 50, 0.8, 0.6),
        ("calibration", "llm/1 by human/ann", "share of a win", 90, 0.6, 0.66),
    ]


def test_the_prompts_part_and_what_was_known_before_stand_by_set(store):
    spread = t.FormatSpread("s", "base", "test_rephrased", 9, 4, 0.61, 0.58, "bullets", 0.7, "praise", 0.12)
    gain = t.FormatGain("g", CONTRAST, "test_rephrased", 4, 0.09, -0.07, 0.09, 3)
    known = [
        t.SliceRate(name, JUDGE, CONTRAST, "test_rephrased", name, 4, 4, 2, 1, 1, 0.625, None, None, "none", 1)
        for name in ("unknown", "known")
    ]
    landed(store, {t.FORMAT_SPREADS: [spread], t.FORMAT_GAINS: [gain], t.SLICE_RATES: known})
    assert rows_of(store, "select what, name, by_default, lowest, highest, n_same_sign from prompt_spread") == [
        ("arm", "base", 0.61, 0.58, 0.7, None),
        ("contrast", CONTRAST, 0.09, -0.07, 0.09, 3),
    ]
    assert rows_of(store, "select slice, rate from knowledge_win_rate") == [("known", 0.625), ("unknown", 0.625)]


def test_imported_judgements_are_counted_whole_and_break_no_claim(store):
    log = read_log(b"Loaded 4 finetune entries from x\nWinner: EvalWinner.FINE_TUNED\nWinner: EvalWinner.BASE\n", "log.txt")
    made = judgements(log, CONTRAST, "gpt/1", ReportParams())
    landed(store, {t.IMPORTED_JUDGEMENTS: made.entries, t.VERDICTS: made.verdicts, t.ESTIMATES: [made.estimate]})

    assert rows_of(store, "select split, n, n_wins, n_losses, n_unscored, rate, is_difference from win_rate") == [
        ("imported", 2, 1, 1, 2, 0.5, False)
    ]
    assert rows_of(store, "select part, fate, n from coverage") == [
        (f"gpt/1 {CONTRAST}", "unscored", 2),
        (f"gpt/1 {CONTRAST}", "arm_a", 1),
        (f"gpt/1 {CONTRAST}", "arm_b", 1),
    ]
    assert {name for name in claims() if offenders(store, name)} == set()


def test_an_imported_entry_without_its_verdict_row_is_found(store):
    made = judgements(read_log(b"Winner: EvalWinner.BASE\nWinner: EvalWinner.BASE\n", "log.txt"), CONTRAST, "gpt/1", ReportParams())
    landed(store, {t.IMPORTED_JUDGEMENTS: made.entries, t.VERDICTS: made.verdicts[:1], t.ESTIMATES: [made.estimate]})
    assert offenders(store, "estimates_match_outcomes")
    assert rows_of(store, "select fate, n from coverage where fate = 'unaccounted'") == [("unaccounted", 1)]


# ---- the other views -------------------------------------------------------------------------------------------------------------


def test_lineage_leads_from_the_file_to_the_verdict(seen):
    columns = "file_name, page, chunk_id, fact_id, split, training_role, adapter_id, arm, states_key, contrast, verdict, outcome"
    assert rows_of(seen, f"select pair_id, {columns} from lineage where pair_id in ('p1', 'p2') order by pair_id, arm") == [
        ("p1", "d1.pdf", 1, "c1", "f1", "train", "train", "a1", None, None, None, None, None),
        ("p2", "d1.pdf", 1, "c1", "f2", "test_rephrased", None, None, "base", False, CONTRAST, "first", "arm_a"),
        ("p2", "d1.pdf", 1, "c1", "f2", "test_rephrased", None, "a1", "tuned", True, CONTRAST, "first", "arm_a"),
    ]
    assert rows_of(seen, "select rejected_stage, rejected_reason, split from lineage where pair_id = 'p5'") == [
        ("deduplicate", "duplicate", None)
    ]


def test_rejections_count_each_reason(seen):
    assert rows_of(seen, "select stage, reason, n, n_documents, example_detail, example_item_id from rejections") == [
        ("deduplicate", "duplicate", 1, 1, "of p1", "p5"),
        ("generate", "kind_references", 1, 1, "", "c2"),
    ]


def test_document_yield_shows_what_came_of_each_file(seen):
    columns = (
        "file_name, status, n_chunks, n_chunks_asked, n_facts, n_pairs, n_facts_kept, n_kept, n_train, n_taught, "
        "n_test_rephrased, n_test_unseen_fact"
    )
    assert rows_of(seen, f"select {columns} from document_yield") == [
        ("d1.pdf", "ok", 2, 1, 5, 5, 4, 4, 1, 1, 1, 2),
        ("d2.pdf", "empty", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    ]


def test_the_loss_curve_adds_up_what_was_spent(seen):
    assert rows_of(seen, "select step, loss, n_tokens_so_far, seconds_so_far from loss_curve") == [(1, 2.0, 100, 0.5), (2, 1.0, 200, 1.0)]
    assert rows_of(seen, "select round(perplexity, 4) from loss_curve where step = 2") == [(2.7183,)]


def test_run_history_shows_every_run_with_what_it_is_made_of(run):
    store = run
    store.land("more", {t.VERDICTS: [vote("none", "tie")]}, stage="judge")
    land_run(store, "r2", "judge", ["unit", "more"], at="2026-02-01")
    store.land("started", {t.RUNS: [t.Run("r3", "2026-03-01", "", "{}", "{}", None, None, "{}")]}, stage="run")

    assert rows_of(store, "select run_id, status, n_documents, n_pairs, n_kept, n_answers, n_verdicts from run_history") == [
        ("r3", "unfinished", 0, 0, 0, 0, 0),
        ("r2", "completed", 2, 5, 4, 6, 4),
        ("r1", "completed", 2, 5, 4, 6, 3),
    ]


def test_commits_are_counted_by_stage(run):
    run.land("later", {t.VERDICTS: [vote("none", "tie")]}, stage="judge", n_retryable=1)

    counted = {row[0]: row[1:] for row in rows_of(run, "select stage, n_units, n_pending, n_rows from commits_by_stage")}
    assert counted["judge"] == (1, 1, 1)
    assert counted["everything"][:2] == (1, 0)


def test_two_runs_shown_together_are_counted_apart(run):
    land_run(run, "r2", "everything", ["unit"], at="2026-02-01")

    for view in ("question_outcomes", "coverage", "lineage", "flips", "win_rate", "document_yield"):
        counts = query(run, f"select run_id, count(*) as n from {view} group by run_id order by run_id", "all").to_pylist()
        assert [row["run_id"] for row in counts] == ["r1", "r2"], view
        assert counts[0]["n"] == counts[1]["n"], view


# ---- checks ----------------------------------------------------------------------------------------------------------------------


def offenders(store, name, run=None):
    _, select = claims()[name]
    return query(store, select, run).to_pylist()


def broken_checks(store):
    with connect(store) as con:
        return {name for name, (_, select) in claims().items() if name in ALL_OURS and con.sql(select).to_arrow_table().num_rows}


def without(rows, table, row_id):
    rows[table] = [row for row in rows[table] if getattr(row, table.key) != row_id]


def changed(rows, table, row_id, **values):
    rows[table] = [replace(row, **values) if getattr(row, table.key) == row_id else row for row in rows[table]]


def added(rows, table, *extra):
    rows[table] = [*rows.get(table, []), *extra]


OURS = {
    "a_difference_needs_interval_and_p": lambda rows: changed(rows, t.ESTIMATES, rows[t.ESTIMATES][0].estimate_id, is_difference=True),
    "adapter_is_live": lambda rows: changed(rows, t.ADAPTERS, "a1", is_live=False),
    "answers_only_for_test_questions": lambda rows: added(
        rows, t.ANSWERS, t.Answer("base-p1", "p1", "base", "tiny", None, "", 9, 0, "stop")
    ),
    "arm_rates_match_scores": lambda rows: changed(rows, t.SCORES, "tuned-p3", states_key=True),
    "estimates_match_outcomes": lambda rows: changed(rows, t.VERDICTS, "v-p3", verdict="first"),
    "every_answer_is_scored": lambda rows: without(rows, t.SCORES, "tuned-p3"),
    "every_arm_answers_a_question_once": lambda rows: added(
        rows, t.ANSWERS, t.Answer("base-p2-again", "p2", "base", "tiny", None, "", 9, 0, "stop")
    ),
    "every_chunk_is_asked_or_rejected": lambda rows: without(rows, t.REJECTED, "r1"),
    "every_contrast_has_an_estimate": lambda rows: without(rows, t.ESTIMATES, rows[t.ESTIMATES][2].estimate_id),
    "every_document_is_read_or_says_why": lambda rows: changed(rows, t.PAGES, "d1-1", text=TEXT[1:]),
    "every_id_finds_its_row": lambda rows: changed(rows, t.EVIDENCE, "e1", pair_id="nowhere"),
    "every_readable_document_is_chunked": lambda rows: added(
        rows, t.CHUNKS, t.Chunk("c9", "d2", 0, "", "references", "text of a file that could not be read", 3)
    ),
    "every_test_question_is_answered": lambda rows: without(rows, t.ANSWERS, "base-p2"),
    "flip_rates_match_flips": lambda rows: changed(rows, t.SCORES, "tuned-p2", states_key=False),
    "gates_match_estimates": lambda rows: changed(rows, t.GATES, rows[t.GATES][0].gate_id, min_win_rate=1.01),
    "holm_counts_every_test": lambda rows: changed(rows, t.ESTIMATES, rows[t.ESTIMATES][0].estimate_id, n_tests=5),
    "every_test_question_is_judged": lambda rows: without(rows, t.VERDICTS, "v-p3"),
    "preference_pairs_ask_no_tested_fact": lambda rows: added(
        rows, t.PREFERENCE_PAIRS, t.PreferencePair("x1", "g1", None, rows[t.QA_PAIRS][1].question.upper(), "It is red.", "It is blue.")
    ),
    "preference_pairs_come_from_train": lambda rows: added(
        rows, t.PREFERENCE_PAIRS, t.PreferencePair("x1", "g1", None, "Which colour?", "It is red.", "It is blue.", "p2")
    ),
    "preference_pairs_share_no_13gram_with_tests": lambda rows: (
        changed(rows, t.QA_PAIRS, "p2", answer="Turn the bolt of the outer cover by a quarter once it has been cleaned and dried."),
        added(
            rows,
            t.PREFERENCE_PAIRS,
            t.PreferencePair(
                "x1", "g1", None, "How?", "So.", "First turn the bolt of the outer cover by a quarter once it has been cleaned."
            ),
        ),
    ),
    "only_tuned_arms_use_the_adapter": lambda rows: changed(rows, t.ANSWERS, "base-p2", adapter_id="a1"),
}


ALL_OURS = {*OURS, "every_key_stands_once", "every_run_unit_is_known"}


def test_a_sound_run_breaks_no_claim_of_ours(seen):
    assert set(claims()) >= ALL_OURS
    assert broken_checks(seen) == set()


@pytest.mark.parametrize("name", OURS)
def test_each_check_finds_the_breach_planted_for_it(store, name):
    rows = sound_run()
    OURS[name](rows)
    assert offenders(landed(store, rows), name)


def test_both_fates_of_a_chunk_are_one_too_many(store):
    rows = sound_run()
    added(rows, t.REJECTED, t.Rejected("r9", "generate", "c1", "d1", "no_pattern", ""))
    assert offenders(landed(store, rows), "every_chunk_is_asked_or_rejected")


@pytest.mark.parametrize(
    "values", [{"reason": None}, {"reason": ""}, {"status": "ok"}], ids=["no reason", "blank reason", "ok without pages"]
)
def test_an_unread_document_must_say_why(store, values):
    rows = sound_run()
    changed(rows, t.DOCUMENTS, "d2", **values)
    assert offenders(landed(store, rows), "every_document_is_read_or_says_why")


def test_a_key_in_two_units_of_a_run_is_found(run):
    run.land("copy", {t.CHUNKS: sound_run()[t.CHUNKS]}, stage="chunk")
    land_run(run, "r2", "everything", ["unit", "copy"], at="2026-02-01")
    assert offenders(run, "every_key_stands_once")


def test_a_completed_run_whose_unit_is_not_committed_is_found(run):
    land_run(run, "r2", "everything", ["unit", "never-committed"], at="2026-02-01")
    assert offenders(run, "every_run_unit_is_known")


def test_an_incomplete_run_may_name_units_still_to_do(run):
    land_run(run, "r2", "everything", ["unit", "never-committed"], at="2026-02-01", status="incomplete")
    assert offenders(run, "every_run_unit_is_known") == []


def test_before_its_answers_a_run_breaks_no_claim_about_them(store):
    rows = sound_run()
    late = (t.ADAPTERS, t.TRAINING_STEPS, t.TRAINING_EXAMPLES, t.ANSWERS, t.SCORES, t.VERDICTS, t.ESTIMATES, t.ARM_RATES, t.FLIP_RATES)
    for table in (*late, t.LENGTH_CONTROLS, t.GATES):
        rows[table] = []
    assert broken_checks(landed(store, rows)) == set()


def test_an_arm_that_always_declines_declines_wrongly_as_often(store):
    rows = sound_run()
    rows[t.QA_PAIRS] = [replace(one, answer_kind="refusal") if one.pair_id == "p4" else one for one in rows[t.QA_PAIRS]]
    rows[t.SCORES] = [replace(one, declines=one.arm == "base" or one.pair_id == "p4") for one in rows[t.SCORES]]

    found = query(landed(store, rows), "from refusal_balance where split = 'test_unseen_fact'").to_pylist()

    shares = {
        row["arm"]: (row["n_unanswerable"], row["declined_share"], row["n_answerable"], row["declined_wrongly_share"]) for row in found
    }
    assert shares == {"base": (1, 1.0, 1, 1.0), "tuned": (1, 1.0, 1, 0.0)}


def blank_row(table):
    """A row of the table whose ids point nowhere, not even at itself."""
    values = {"string": "orphan", "int64": 0, "double": 0.0, "bool": True, "list<item: string>": ("orphan",)}
    row = [column.choices[0] if column.choices else values.get(str(column.arrow), ()) for column in table.columns]
    return replace(table.row_type(*row), **{table.key: f"own-{table.name}"})


def test_every_reference_that_the_tables_declare_is_followed(store):
    ledgers = set(t.LEDGERS)
    declared = {(table.name, column.name) for table in t.TABLES if table not in ledgers for column in table.columns if "-> " in column.doc}
    assert len(declared) > 20
    for table in t.TABLES:
        if table not in ledgers:
            store.land(f"orphan-{table.name}", {table: [blank_row(table)]})
    land_run(store, "orphans", "all", [f"orphan-{table.name}" for table in t.TABLES if table not in ledgers])

    rows = offenders(store, "every_id_finds_its_row", "orphans")

    found = {(row["table_name"], row["column_name"]) for row in rows}
    assert declared - found == set()

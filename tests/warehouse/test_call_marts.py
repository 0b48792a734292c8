"""The views and checks over ``llm_calls``: every figure against one counted by hand, every breach found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from warehouse import tables as t
from warehouse.checks import claims
from warehouse.views import query

from .conftest import land_run

BIG, SMALL = "openai/big", "openai/small"


def call(name, stage="generate", model=BIG, *, tokens=(100, 10), cost=0.01, **values):
    """Made at noon of the day on which run r1 began."""
    made = t.LlmCall(
        llm_call_id=name, call_key=f"key-{name}", stage=stage, item_id="c1", document_id="d1", prompt=f"ask_{stage}",
        prompt_sha256="0" * 64, model=model, served_model=model, parameters="{}", sample=0, messages="[]",
        reply="{}", finish_reason="stop", status="ok", error=None,
        n_prompt_tokens=tokens[0], n_reply_tokens=tokens[1], n_attempts=1, call_seconds=2.0, cost_usd=cost, is_from_ledger=False,
        asked_at="2026-01-01T12:00:00",
    )  # fmt: skip
    return replace(made, **values)


def calls():
    return [
        call("a", cost=0.02, call_seconds=1.0),
        call("b", cost=0.04, call_seconds=3.0, n_attempts=3),
        call("c", status="failed", error="truncated: cut", reply='{"x', cost=0.03, call_seconds=9.0),
        call("d", is_from_ledger=True, cost=0.0),
        call("e", status="retryable", error="budget_spent: 3 of 3", reply="", n_attempts=0, tokens=(0, 0), cost=0.0),
        call("f", stage="curate", model=SMALL, cost=None),
        call("g", asked_at="2025-12-31T12:00:00", cost=0.5),
    ]


def land_calls(store, rows, *, splits=("p1", "p2")):
    document = t.Document("d1", "0" * 64, "d1.pdf", None, "Manual", "metadata", 1, 1, 9, 9, "ok", None, (), None)
    pairs = [
        t.QaPair(f"p{n}", "d1", "c1", f"f{n}", 0, "Q?", "Q?", "A.", "A", "text", "questions", "llm-1") for n in range(1, 5)
    ]  # fmt: skip
    estimate = t.CallEstimate("e1", "r1", "generate", BIG, 6, 600, 60, 0.1)
    store.land(
        "unit",
        {
            t.DOCUMENTS: [document], t.QA_PAIRS: pairs, t.LLM_CALLS: rows,
            t.SPLITS: [t.SplitRow(pair, "d1", pair, pair, "train") for pair in splits],
        },
    )  # fmt: skip
    store.land("estimates", {t.CALL_ESTIMATES: [estimate, replace(estimate, call_estimate_id="e2", run_id="another-run")]}, stage="run")
    land_run(store, "r1", "generate", ["unit"])
    return store


def rows_of(store, sql):
    return [tuple(row.values()) for row in query(store, sql).to_pylist()]


def test_cost_by_stage_counts_what_was_sent_and_what_it_cost(store):
    land_calls(store, calls())

    columns = "stage, n_calls, n_from_ledger, n_failed, n_retryable, n_attempts, n_prompt_tokens, n_reply_tokens, median_call_seconds"
    assert rows_of(store, f"select {columns} from cost_by_stage") == [
        ("curate", 1, 0, 0, 0, 1, 100, 10, 2.0),
        ("generate", 4, 1, 1, 1, 6, 400, 40, 2.5),
    ]
    (generate,) = rows_of(store, "select cost_usd from cost_by_stage where stage = 'generate'")
    assert generate[0] == pytest.approx(0.59)
    assert rows_of(store, "select cost_usd from cost_by_stage where stage = 'curate'") == [(None,)]


def test_cost_per_kept_pair_divides_what_was_paid_by_what_went_into_a_set(store):
    land_calls(store, [row for row in calls() if row.llm_call_id in "abd"])

    assert rows_of(
        store, "select n_pairs, n_kept, n_calls, n_tokens, calls_per_kept_pair, tokens_per_kept_pair from cost_per_kept_pair"
    ) == [(4, 2, 2, 220, 1.0, 110.0)]
    ((cost, per_pair, per_kept),) = rows_of(store, "select cost_usd, usd_per_pair, usd_per_kept_pair from cost_per_kept_pair")
    assert (cost, per_pair, per_kept) == (pytest.approx(0.06), pytest.approx(0.015), pytest.approx(0.03))


def test_what_has_no_price_has_no_cost_rather_than_a_wrong_one(store):
    land_calls(store, calls())

    assert rows_of(store, "select cost_usd, usd_per_kept_pair from cost_per_kept_pair") == [(None, None)]


def test_a_run_that_asked_no_model_cost_nothing(store):
    land_calls(store, [], splits=())

    assert rows_of(store, "select n_calls, cost_usd, usd_per_pair, usd_per_kept_pair from cost_per_kept_pair") == [(0, 0.0, 0.0, None)]


def test_an_estimate_is_held_against_the_calls_made_since_the_run_began(store):
    land_calls(store, calls())

    columns = "run_id, stage, n_calls_expected, n_calls, n_prompt_tokens_expected, n_prompt_tokens, expected_usd, calls_error"
    assert rows_of(store, f"select {columns} from estimate_against_actual") == [
        ("r1", "curate", None, 1, None, 100, None, None),
        ("r1", "generate", 6, 3, 600, 300, 0.1, 1.0),
    ]
    ((cost, error),) = rows_of(store, "select cost_usd, cost_error from estimate_against_actual where stage = 'generate'")
    assert (cost, error) == (pytest.approx(0.09), pytest.approx(0.01 / 0.09))


def offenders(store, name):
    return query(store, claims()[name][1]).to_pylist()


def test_a_sound_ledger_breaks_no_claim(store):
    land_calls(store, [row for row in calls() if row.status != "retryable"])

    assert offenders(store, "calls_say_what_became_of_them") == []
    assert offenders(store, "sets_hold_no_document_with_open_calls") == []


@pytest.mark.parametrize(
    "breach",
    [
        {"error": "truncated: but ok"},
        {"status": "failed"},
        {"reply": ""},
        {"is_from_ledger": True},
        {"cost_usd": -0.1},
        {"n_reply_tokens": -1},
    ],
)
def test_a_call_that_says_two_things_is_found(store, breach):
    land_calls(store, [call("a"), call("b", **breach)])

    assert [row["llm_call_id"] for row in offenders(store, "calls_say_what_became_of_them")] == ["b"]


def test_a_set_made_while_calls_were_open_is_found(store):
    land_calls(store, calls())

    assert [
        (row["document_id"], row["n_pairs"], row["n_open_calls"]) for row in offenders(store, "sets_hold_no_document_with_open_calls")
    ] == [("d1", 2, 1)]

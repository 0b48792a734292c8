import asyncio
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.budget import Budget, BudgetParams, Price, halt, refuse_halted, resume, token_estimate
from tasks.providers.base import CallFailed
from warehouse.errors import ConfigError, ProviderError

ROOT = Path(__file__).parents[2]
MODEL = "openai/small"
PRICES = {MODEL: Price(input_usd_per_million=0.5, output_usd_per_million=2.0)}


def take(budget, n_prompt=100, n_reply=100, *, wait_seconds=0.0):
    return asyncio.run(budget.reserve(MODEL, n_prompt, n_reply, wait_seconds=wait_seconds))


def test_tokens_cost_what_the_price_list_says():
    params = BudgetParams(prices=PRICES)

    assert params.cost_usd(MODEL, 1_000_000, 0) == 0.5
    assert params.cost_usd(MODEL, 2_000, 500) == pytest.approx(0.002)
    assert params.cost_usd("openai/large", 1, 1) is None


def test_a_limited_purse_is_not_opened_for_what_has_no_price():
    with pytest.raises(ConfigError, match=r"openai/large has no price"):
        BudgetParams(max_usd=1.0, prices=PRICES).refuse_unpriced("openai/large")
    BudgetParams(max_usd=1.0, prices=PRICES).refuse_unpriced(MODEL)
    BudgetParams(max_calls=5).refuse_unpriced("openai/large")


@pytest.mark.parametrize("limits", [{"max_usd": -0.1}, {"max_calls": -1}, {"max_usd": float("nan")}])
def test_a_limit_below_nothing_is_refused(limits):
    with pytest.raises(ConfigError, match="less than nothing"):
        BudgetParams(**limits)


def test_a_negative_price_is_refused():
    with pytest.raises(ConfigError, match="negative"):
        Price(-1.0, 0.0)


def test_without_a_limit_calls_are_counted_and_never_refused(tmp_path):
    budget = Budget(tmp_path, "r1", BudgetParams())

    for _ in range(5):
        budget.settle(take(budget), None)

    assert (budget.spent().n_calls, budget.spent().n_refused, budget.spent().usd) == (5, 0, 0.0)


def test_no_call_is_counted_beyond_max_calls_whoever_asks(tmp_path):
    def spend(_):
        try:
            return take(Budget(tmp_path, "r1", BudgetParams(max_calls=30))) >= 0
        except CallFailed as failure:
            return (failure.reason, failure.is_healable)

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(spend, range(100)))

    assert outcomes.count(True) == 30
    assert outcomes.count(("budget_spent", True)) == 70
    assert Budget(tmp_path, "r1", BudgetParams()).spent().n_refused == 70


def test_processes_spend_from_one_purse(tmp_path):
    code = (
        "import asyncio, sys; from tasks.budget import *; from tasks.providers.base import CallFailed\n"
        "budget, sent = Budget(sys.argv[1], 'r1', BudgetParams(max_calls=150)), 0\n"
        "for _ in range(200):\n"
        "    try: asyncio.run(budget.reserve('m/m', 1, 1, wait_seconds=0)); sent += 1\n"
        "    except CallFailed: pass\n"
        "print(sent)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]

    sent = [int(one.communicate(timeout=60)[0]) for one in both]

    assert sum(sent) == 150


@settings(max_examples=20, deadline=None)
@given(costs=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=20), limit=st.integers(0, 20))
def test_money_never_runs_over_the_limit(tmp_path_factory, costs, limit):
    budget = Budget(tmp_path_factory.mktemp("purse"), "r1", BudgetParams(max_usd=limit / 1000, prices=PRICES))
    under_way = []

    for n_prompt, n_reply in costs:
        try:
            under_way.append((take(budget, n_prompt, 400), budget.params.cost_usd(MODEL, n_prompt, n_reply)))
        except CallFailed:
            if under_way:
                budget.settle(*under_way.pop())
        assert budget.spent().usd + budget.spent().usd_under_way <= limit / 1000 + 1e-9
    while under_way:
        budget.settle(*under_way.pop())

    assert budget.spent().usd <= limit / 1000
    assert budget.spent().usd_under_way == 0


def test_a_call_that_fits_once_others_are_settled_waits_for_them(tmp_path):
    budget = Budget(tmp_path, "r1", BudgetParams(max_usd=0.0004, prices=PRICES))  # one call may cost 0.00025

    async def two():
        first = await budget.reserve(MODEL, 100, 100, wait_seconds=0)
        second = asyncio.create_task(budget.reserve(MODEL, 100, 100, wait_seconds=5))
        await asyncio.sleep(0.15)
        assert not second.done()
        budget.settle(first, 0.0001)
        return await second

    assert asyncio.run(two()) == pytest.approx(0.00025)
    with pytest.raises(CallFailed, match=r"0\.0001 of budget\.max_usd 0\.0004"):
        take(budget)


def test_a_purse_travels_by_its_names_and_counts_on(tmp_path):
    budget = Budget(tmp_path, "r1", BudgetParams(max_calls=2))
    take(budget)

    other = pickle.loads(pickle.dumps(budget))
    take(other)

    assert budget.spent().n_calls == 2
    with pytest.raises(CallFailed):
        take(other)
    assert Budget(tmp_path, "r2", BudgetParams()).spent().n_calls == 0


def test_what_a_kill_left_under_way_counts_as_spent_when_the_run_is_taken_up(tmp_path):
    budget = Budget(tmp_path, "r1", BudgetParams(max_usd=0.0004, prices=PRICES))
    take(budget)

    again = Budget(tmp_path, "r1", budget.params)
    again.take_up()

    assert (again.spent().usd, again.spent().usd_under_way) == (pytest.approx(0.00025), 0.0)
    with pytest.raises(CallFailed, match="budget_spent"):
        take(again, wait_seconds=60)


def test_a_halted_run_sends_nothing_until_it_is_resumed(tmp_path):
    budget = Budget(tmp_path, "r1", BudgetParams())
    halt(budget, ProviderError("the key is not accepted", where="openai", mend="set it"))

    with pytest.raises(ProviderError, match="not accepted"):
        refuse_halted(Budget(tmp_path, "r1", BudgetParams()))
    refuse_halted(Budget(tmp_path, "r2", BudgetParams()))
    resume(budget)
    refuse_halted(budget)


def test_a_text_has_about_a_token_for_four_bytes():
    assert token_estimate("") == 0
    assert token_estimate("abcde") == 2
    assert token_estimate("水" * 4) == 3

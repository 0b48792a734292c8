"""A run whose base is served: its calls land, count against the budget, and are not put twice."""

import pytest

from tasks.providers import close_providers
from tasks.providers.scripted_server import ScriptedServer
from warehouse.checks import run_checks
from warehouse.errors import ConfigError
from warehouse.store import Warehouse
from warehouse.views import query

from .small_runs import done_since, records, run

pytestmark = [pytest.mark.slow, pytest.mark.long]


def rows_of(store, sql):
    return [tuple(row.values()) for row in query(store, sql).to_pylist()]


def test_the_calls_of_a_served_arm_are_counted_and_expected(prefect_server, pages, tmp_path):
    store = Warehouse(tmp_path / "data")
    with ScriptedServer(lambda _: "The document does not say.") as server:
        served = ("answer.served.base=openai/base", f"answer.served.base_url={server.base_url}")
        with pytest.raises(ConfigError, match="openai/base has no price"):
            run(pages, store.root, *served, "budget.max_usd=1")
        first = run(pages, store.root, *served)
        n_asked, before = server.n_requests, records(store)
        run(pages, store.root, *served)

        assert server.n_requests == n_asked
        assert done_since(store, before) == {}
    close_providers()

    (counted,) = rows_of(store, "select count(*) from answers where arm in ('base', 'base_rag')")
    assert rows_of(store, "select count(*), count(distinct item_id), min(stage), max(stage), min(model) from llm_calls") == [
        (n_asked, counted[0] // 2, "answer", "answer", "openai/base")
    ]
    assert counted[0] == n_asked > 0
    (foreseen,) = query(store, "from estimate_against_actual", first).to_pylist()
    assert (foreseen["stage"], foreseen["n_calls"], foreseen["n_calls_expected"] > 0) == ("answer", n_asked, True)
    assert {check.name for check in run_checks(store) if not check.holds} == set()

"""What a run would ask, said before; what it asked, held against that; and a budget that stops it and lets it go on."""

import json
import shutil
from pathlib import Path

import pytest

from flows.run_config import RunConfig, load_config
from tasks.providers import close_providers
from tasks.providers.scripted_server import ScriptedServer
from warehouse.checks import run_checks
from warehouse.errors import ConfigError, RetryableUnits
from warehouse.store import Warehouse
from warehouse.tables import CALL_ESTIMATES, LLM_CALLS, RUN_RESULTS
from warehouse.views import latest_finished_run, ledger_rows, query

from ..tasks.scripted_generators import GoodGenerator
from .conftest import PAPERS, ROOT

pytestmark = pytest.mark.slow
PRICES = {"openai/writer": {"input_usd_per_million": 1.0, "output_usd_per_million": 4.0}}


def marks(request):
    return json.dumps({"reasons": "It says what the passage says.", "faithful": 5, "standalone": 5, "clear": 5, "useful": 4})


@pytest.fixture
def server():
    with ScriptedServer(GoodGenerator(others=marks)) as endpoint:
        yield endpoint
    close_providers()


@pytest.fixture(scope="module")
def papers(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("papers")
    for path in sorted(PAPERS.glob("*.pdf"))[:2]:
        shutil.copy(path, folder)
    return folder


def settings(papers: Path, warehouse: Path, server: ScriptedServer | None, **budget: object) -> RunConfig:
    data = {
        "train": {"base_model": f"{ROOT}/deployments/demo/tiny_base", "max_steps": 4},
        "answer": {"max_new_tokens": 8},
        "split": {"unseen_unit": "fact"},
        "budget": {"prices": PRICES} | budget,
    }
    if server:
        model = {"model": "openai/writer", "base_url": server.base_url, "api_key_env": ""}
        data["generate"] = {"method": "llm", "llm": {"model": model, "questions_per_chunk": 2}}
    return load_config(None, sources=(str(papers),), warehouse=str(warehouse), **data)


def synthesized(config: RunConfig) -> str:
    """A run up to its split; training costs time and shows nothing here."""
    from flows import runs
    from flows.estimate import land_estimates
    from flows.ingest import ingest
    from flows.synthesize import synthesize

    store = Warehouse(config.warehouse)
    run_id = ingest(config)
    land_estimates(store, config, run_id)
    synthesize(config, run_id)
    runs.finish_run(store, run_id, message="", is_at_end=True)
    return run_id


def paid(store: Warehouse) -> float:
    return sum(row.cost_usd for row in store.rows(LLM_CALLS, [commit.unit_id for commit in store.commits()]))


def test_a_dry_run_asks_nothing_and_says_what_it_would_ask(prefect_server, papers, server, tmp_path):
    from flows.estimate import estimate, estimate_text

    config = settings(papers, tmp_path / "data", server, max_calls=9)

    run_id = estimate(config)

    assert server.n_requests == 0
    store = Warehouse(config.warehouse)
    (row,) = ledger_rows(store, CALL_ESTIMATES)
    assert (row.run_id, row.stage, row.model) == (run_id, "generate", "openai/writer")
    assert row.n_calls > 20
    assert row.cost_usd == pytest.approx((row.n_prompt_tokens * 1.0 + row.n_reply_tokens * 4.0) / 1e6)
    assert [result.status for result in ledger_rows(store, RUN_RESULTS)] == ["estimated"]
    said = estimate_text(store, config, run_id)
    assert f"{row.n_calls} calls, {row.cost_usd:.4f} US dollars" in said
    assert "budget.max_calls 9 would stop the run" in said


@pytest.mark.long
def test_without_a_model_nothing_is_asked_and_nothing_costs(prefect_server, papers, tmp_path):
    from flows.estimate import estimate, estimate_text

    config = settings(papers, tmp_path / "data", None)

    run_id = estimate(config)

    assert estimate_text(Warehouse(config.warehouse), config, run_id).startswith("0 calls, 0 US dollars")
    assert ledger_rows(Warehouse(config.warehouse), CALL_ESTIMATES) == []


def test_a_limited_budget_without_a_price_is_refused_before_anything_is_read(prefect_server, papers, server, tmp_path):
    from flows.estimate import estimate
    from flows.pipeline import pipeline

    config = settings(papers, tmp_path / "data", server, max_usd=5.0, prices={})

    for flow in (estimate, pipeline):
        with pytest.raises(ConfigError, match=r"openai/writer has no price"):
            flow(config)
    assert server.n_requests == 0
    assert not query(Warehouse(config.warehouse), "from run_units", "all").num_rows


@pytest.mark.long
def test_the_estimate_is_near_what_a_willing_model_is_asked(prefect_server, papers, server, tmp_path):
    config = settings(papers, tmp_path / "data", server)

    run_id = synthesized(config)

    store = Warehouse(config.warehouse)
    (row,) = query(store, "from estimate_against_actual", run_id).to_pylist()
    assert row["n_calls"] == server.n_requests
    assert row["calls_error"] < 0.35
    assert 0.5 < row["n_reply_tokens_expected"] / row["n_reply_tokens"] < 4
    (paid,) = query(store, "from cost_per_kept_pair", run_id).to_pylist()
    assert paid["n_kept"] > 10
    assert paid["n_calls"] == server.n_requests
    assert paid["usd_per_kept_pair"] == pytest.approx(paid["cost_usd"] / paid["n_kept"])
    assert {check.name: check.offenders.to_pylist()[:3] for check in run_checks(store, run_id) if not check.holds} == {}
    assert list((store.root / "journal").iterdir()) == []


@pytest.mark.long
def test_what_stands_is_expected_to_cost_nothing(prefect_server, papers, server, tmp_path):
    from flows.estimate import estimate

    config = settings(papers, tmp_path / "data", server)
    first = synthesized(config)
    asked = server.n_requests

    second = estimate(config)

    store = Warehouse(config.warehouse)
    assert {row.run_id: row.n_calls for row in ledger_rows(store, CALL_ESTIMATES) if row.run_id == second} == {second: 0}
    assert latest_finished_run(store) == first
    assert synthesized(config) != first
    assert server.n_requests == asked


def test_a_spent_budget_stops_the_run_before_the_split_and_the_next_run_pays_for_the_rest_alone(prefect_server, papers, server, tmp_path):
    from flows.pipeline import pipeline

    warehouse = tmp_path / "data"
    with pytest.raises(
        RetryableUnits, match=r"the budget is spent: 25 calls(.|\n)*max_calls 25(.|\n)*run again: what is paid is not asked again"
    ):
        pipeline(settings(papers, warehouse, server, max_calls=25))

    assert server.n_requests == 25
    store = Warehouse(warehouse)
    assert {commit.stage for commit in store.commits()} == {"run", "ingest", "chunk", "embed", "generate"}
    generated = [commit for commit in store.commits() if commit.stage == "generate"]
    assert len(generated) == 2
    assert not any(commit.is_whole for commit in generated)

    before, asked = paid(store), server.n_requests
    with pytest.raises(RetryableUnits, match=r"budget\.max_usd 0\.02"):
        synthesized(settings(papers, warehouse, server, max_usd=0.02))
    assert before < paid(store) <= before + 0.02
    assert server.n_requests > asked

    run_id = synthesized(settings(papers, warehouse, server))

    requests = [json.dumps(one.request["messages"]) for one in server.asked]
    assert len(set(requests)) == len(requests)
    rows = query(store, "select status, is_from_ledger from llm_calls", run_id).to_pylist()
    assert len(rows) == len(requests)
    assert {(row["status"], row["is_from_ledger"]) for row in rows} == {("ok", False)}
    assert len(store.rows(LLM_CALLS, [commit.unit_id for commit in generated])) == len(requests)

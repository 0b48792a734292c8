"""Whole runs whose pairs a model makes, over real HTTP: every claim holds of them, and nothing is asked twice."""

from pathlib import Path

import pytest

from flows.run_config import RunConfig, load_config
from tasks.providers import close_providers
from tasks.providers.scripted_server import ScriptedServer
from warehouse.checks import run_checks
from warehouse.store import Warehouse
from warehouse.views import query

from ..tasks.scripted_generators import BadGenerator, GoodGenerator
from .conftest import PAPERS, ROOT

pytestmark = pytest.mark.slow
REAL_PAPERS = ROOT / ".." / "shared" / "data" / "papers"


def settings(sources: Path, warehouse: Path, server: ScriptedServer, **changes: object) -> RunConfig:
    model = {"model": "openai/writer", "base_url": server.base_url, "api_key_env": "", "timeout_seconds": 60}
    data = {
        "train": {"base_model": f"{ROOT}/deployments/demo/tiny_base", "max_steps": 2},
        "answer": {"max_new_tokens": 4},
        "split": {"unseen_document_share": 0.2, "rephrased_share": 0.3},
        "generate": {"method": "llm", "llm": {"model": model, "questions_per_chunk": 3, "refine_share": 0.5} | changes},
    }
    return load_config(None, sources=(str(sources),), warehouse=str(warehouse), **data)


def synthesized(config: RunConfig) -> Warehouse:
    """A run up to its split; training costs time and shows nothing here."""
    from flows import runs
    from flows.ingest import ingest
    from flows.synthesize import synthesize

    store = Warehouse(config.warehouse)
    run_id = ingest(config)
    synthesize(config, run_id)
    runs.finish_run(store, run_id, message="", is_at_end=True)
    return store


def offenders(store: Warehouse) -> dict[str, list]:
    return {check.name: check.offenders.to_pylist()[:3] for check in run_checks(store) if not check.holds}


def count(store: Warehouse, what: str) -> int:
    return int(query(store, f"select count(*) as n from {what}").to_pylist()[0]["n"])


@pytest.fixture
def server():
    with ScriptedServer(GoodGenerator()) as endpoint:
        yield endpoint
    close_providers()


def test_a_run_goes_through_and_a_second_asks_nothing(prefect_server, pages, server, tmp_path):
    from flows.pipeline import pipeline

    config = settings(pages, tmp_path / "data", server, shares={"unanswerable": 0.3})
    pipeline(config)
    store, n_asked = Warehouse(config.warehouse), server.n_requests

    assert offenders(store) == {}
    assert store.verify() == []
    assert count(store, "kept_pairs") == count(store, "qa_pairs") > 60
    assert count(store, "splits join qa_pairs using (run_id, pair_id) where parent_id is not null") > 0
    assert count(store, "splits join qa_pairs using (run_id, pair_id) where answer_kind = 'refusal'") > 0
    assert count(store, "llm_calls where stage = 'generate'") == n_asked
    refused = query(
        store, "select distinct states_key is null as is_unscored from scores join qa_pairs using (run_id, pair_id)"
    ).to_pylist()
    assert refused == [{"is_unscored": False}]

    pipeline(config)

    assert server.n_requests == n_asked


@pytest.mark.long
def test_documents_under_way_keep_the_models_slots_full(prefect_server, tmp_path):
    with ScriptedServer(GoodGenerator(), latency_seconds=0.1) as endpoint:
        config = settings(PAPERS, tmp_path / "data", endpoint, refine_rounds=0)
        assert config.workers == 2
        synthesized(config)

        assert 24 <= endpoint.max_open <= config.generate.llm.model.max_concurrency == 32
    close_providers()


@pytest.mark.long
@pytest.mark.skipif(not REAL_PAPERS.is_dir(), reason="the papers lie beside the checkout on some machines only")
@pytest.mark.parametrize("generator", [GoodGenerator, BadGenerator])
def test_pairs_of_real_papers_reread_whatever_a_model_says(prefect_server, tmp_path, generator):
    with ScriptedServer(generator()) as endpoint:
        store = synthesized(settings(REAL_PAPERS, tmp_path / "data", endpoint))
        n_asked = endpoint.n_requests
        synthesized(settings(REAL_PAPERS, tmp_path / "data", endpoint))

        assert offenders(store) == {}
        assert count(store, "kept_pairs") > 50
        assert endpoint.n_requests == n_asked
    close_providers()

"""Pairs made and marked by models over real HTTP, through the flows: the marks decide, and another threshold costs no call."""

import json
from pathlib import Path

import pytest

from tasks.providers import close_providers
from tasks.providers.scripted_server import ScriptedServer
from warehouse.checks import run_checks
from warehouse.store import Warehouse
from warehouse.views import query

from ..tasks.scripted_generators import GoodGenerator
from .small_runs import NAMES, save_pages, settings

pytestmark = [pytest.mark.slow, pytest.mark.long]


def scorer(request) -> str:
    """Marks long questions as less useful, so that a threshold has something to choose."""
    is_long = len(request["messages"][1]["content"].rsplit("Question:", 1)[1]) % 3 == 0
    return json.dumps({"reasons": "As told.", "faithful": 5, "standalone": 5, "clear": 5, "useful": 3 if is_long else 5})


def synthesized(folder: Path, warehouse: Path, server: ScriptedServer, *overrides: str) -> Warehouse:
    """Make and curate pairs, as far as the split."""
    from flows.ingest import ingest
    from flows.synthesize import synthesize

    model = [f"model.base_url={server.base_url}", "model.api_key_env=''", "model.max_attempts=1"]
    asked = [f"{place}.{setting}" for place in ("generate.llm", "curate.scorer") for setting in model]
    names = ["generate.llm.model.model=openai/qwen2.5-7b-instruct", "curate.scorer.model.model=openai/mistral-small"]
    few = ["generate.method=llm", "generate.llm.questions_per_chunk=2", "generate.llm.refine_share=0", "split.unseen_document_share=0"]
    config = settings(folder, warehouse, *few, *names, *asked, *overrides)
    synthesize(config, ingest(config))
    return Warehouse(warehouse)


def test_marks_decide_what_is_kept_and_another_threshold_asks_nobody(prefect_server, tmp_path):
    save_pages(tmp_path / "papers", NAMES[:1])
    with ScriptedServer(GoodGenerator(others=scorer)) as server:
        strict = synthesized(tmp_path / "papers", tmp_path / "data", server, "curate.min_score=4")
        n_asked = server.n_requests
        dropped = query(strict, "select item_id, detail from rejected where reason = 'low_score'").to_pylist()
        marked = query(strict, "select count(*) as n, min(model) as model from pair_scores").to_pylist()[0]
        faults = {check.name: check.offenders.to_pylist()[:3] for check in run_checks(strict) if not check.holds}
        lenient = synthesized(tmp_path / "papers", tmp_path / "data", server, "curate.min_score=3")
        n_after = server.n_requests
    close_providers()

    assert faults == {}
    assert dropped
    assert all(row["detail"] == "useful 3: As told." for row in dropped)
    assert marked["model"] == "openai/mistral-small"
    assert marked["n"] == query(strict, "select count(*) as n from llm_calls where stage = 'curate'").to_pylist()[0]["n"]
    assert n_after == n_asked
    kept = {row["pair_id"] for row in query(lenient, "select pair_id from kept_pairs").to_pylist()}
    assert {row["item_id"] for row in dropped} <= kept

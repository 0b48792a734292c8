"""Two generators by two thresholds, four whole runs over real HTTP: what two runs have in common is computed and asked for once."""

import json
from collections import Counter
from itertools import product

import pytest

from flows.sweep_matrix import Given, read_matrix
from tasks.providers import close_providers
from tasks.providers.scripted_server import ScriptedServer
from warehouse.store import Warehouse
from warehouse.views import query

from ..tasks.scripted_generators import GoodGenerator
from .small_runs import NAMES, SMALL, records, save_pages

pytestmark = [pytest.mark.slow, pytest.mark.long]
GENERATORS, THRESHOLDS = (0.0, 0.5), (3, 4)  # generate.llm.refine_share, curate.min_score


def marks(request) -> str:
    """Marks some questions as less useful, so that a threshold has something to choose."""
    is_long = len(request["messages"][1]["content"].rsplit("Question:", 1)[1]) % 3 == 0
    return json.dumps({"reasons": "As told.", "faithful": 5, "standalone": 5, "clear": 5, "useful": 3 if is_long else 5})


def rows_of(store, sql, run_id="all"):
    return [tuple(row.values()) for row in query(store, sql, run_id).to_pylist()]


def test_four_runs_compute_and_ask_for_what_they_share_once(prefect_server, tmp_path):
    from flows.sweep import try_all

    save_pages(tmp_path / "papers", NAMES[:2])
    store = Warehouse(tmp_path / "data")
    runs, done, asked = {}, {}, {}
    with ScriptedServer(GoodGenerator(others=marks)) as server:
        models = [("generate.llm.model", "openai/qwen2.5-7b-instruct"), ("curate.scorer.model", "openai/mistral-small")]
        places = [f"{place}.{setting}" for place, _ in models for setting in (f"base_url={server.base_url}", "api_key_env=''")]
        names = [f"{place}.model={name}" for place, name in models]
        common = ["generate.method=llm", "generate.llm.questions_per_chunk=4", "split.unseen_unit=fact", *places, *names]
        matrix = tmp_path / "refined.yaml"
        matrix.write_text("generate.llm.refine_share: [0.0, 0.5]\ncurate.min_score: [3, 4]\n")
        given = Given(None, (*SMALL, *common), (str(tmp_path / "papers"),), str(store.root))
        store.prepare()
        seen = []  # what had landed and been asked whenever something was told: before and after each run
        tried = try_all(read_matrix(matrix, given), lambda _: seen.append((records(store), server.n_requests)))
        for rank, values in enumerate(product(GENERATORS, THRESHOLDS)):
            (before, n_before), (after, n_after) = seen[2 * rank : 2 * rank + 2]
            runs[values], asked[values] = tried[rank].run_id, n_after - n_before
            done[values] = Counter(json.loads(record)["stage"] for unit, record in after.items() if record != before.get(unit))
        bodies = [json.dumps(one.request, sort_keys=True) for one in server.asked]
    close_providers()

    assert [(one.rank, one.status, json.loads(one.settings)) for one in tried] == [
        (rank, "completed", {"generate.llm.refine_share": str(refined), "curate.min_score": str(least)})
        for rank, (refined, least) in enumerate(product(GENERATORS, THRESHOLDS))
    ]
    n = 2  # documents
    first, other_threshold, other_generator, both = (done[key] for key in product(GENERATORS, THRESHOLDS))
    upstream = {"ingest": n, "chunk": n, "embed": n}
    assert {stage: first[stage] for stage in upstream} == upstream
    for later in (other_threshold, other_generator, both):
        assert not later.keys() & upstream.keys()
    assert (first["generate"], other_threshold["generate"], other_generator["generate"], both["generate"]) == (n, 0, n, 0)
    assert [made["curate"] for made in done.values()] == [n] * 4
    assert sum((made["train"] for made in done.values()), 0) == 4

    assert asked[0.0, 4] == asked[0.5, 4] == 0
    assert 0 < asked[0.5, 3] < asked[0.0, 3] + asked[0.5, 3]
    assert len(set(bodies)) == len(bodies) == sum(asked.values())
    paid = rows_of(store, "select count(distinct llm_call_id) from llm_calls where not is_from_ledger")
    assert paid == [(len(bodies),)]

    for refined in GENERATORS:
        lenient, strict = (
            {name for (name,) in rows_of(store, "select pair_id from kept_pairs", runs[refined, least])} for least in THRESHOLDS
        )
        assert strict < lenient
    pairs = [{name for (name,) in rows_of(store, "select pair_id from qa_pairs", runs[refined, 3])} for refined in GENERATORS]
    assert pairs[0] < pairs[1]
    rated = rows_of(store, "select distinct run_id from estimates")
    assert {run_id for (run_id,) in rated} == set(runs.values())
    shown = rows_of(store, "select distinct rank, settings['curate.min_score'], run_id from sweep where judge is not null order by rank")
    assert shown == [(one.rank, str(least), one.run_id) for one, (_, least) in zip(tried, product(GENERATORS, THRESHOLDS), strict=True)]

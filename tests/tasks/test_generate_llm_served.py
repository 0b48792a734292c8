"""The llm generator over real HTTP, through the ledger: paid calls are not made again, and what could not be had now is had later."""

import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks import generate_unit, prompt, stages
from tasks.chunk import ChunkParams
from tasks.embed import EmbedParams
from tasks.find_files import find_files
from tasks.generate import GenerateParams, named_by
from tasks.generate_llm_params import LlmGenerateParams
from tasks.providers import close_providers
from tasks.providers.base import ModelParams
from tasks.providers.scripted_answers import FAULTS, Answer
from tasks.providers.scripted_server import ScriptedServer
from tasks.read_pdf import IngestParams
from tasks.units import Landed, Unit, land_once, unit
from warehouse.store import Warehouse
from warehouse.tables import CHUNKS, EVIDENCE, LLM_CALLS, PAGES, QA_PAIRS, REJECTED

from .scripted_generators import GoodGenerator, read

PAPER = Path(__file__).parents[2] / "deployments" / "demo" / "papers" / "tavelin-lab-protocol.pdf"


@pytest.fixture(autouse=True)
def _closed_providers():
    yield
    close_providers()


@pytest.fixture
def chunked(tmp_path) -> tuple[Warehouse, list[Unit]]:
    """A warehouse with one document, cut."""
    store = Warehouse(tmp_path / "data")
    store.prepare()
    (source,) = find_files([PAPER]).files
    reading = unit("ingest", 1, "paper", inputs=[source.document_id])
    land_once(store, reading, lambda: stages.ingest(source, IngestParams()))
    cutting = unit("chunk", 1, "paper", reads=[reading])
    land_once(store, cutting, lambda: stages.chunk(store, cutting, ChunkParams()))
    return store, [reading, cutting]


def settings(server: ScriptedServer, **changes: Any) -> GenerateParams:
    model = ModelParams(model="openai/scripted", base_url=server.base_url, api_key_env="", timeout_seconds=5, max_attempts=2)
    return GenerateParams(method="llm", llm=LlmGenerateParams(model=model, **{"top_k": 100, **changes}))


def generate(store: Warehouse, reads: list[Unit], params: GenerateParams) -> Landed:
    version, named = named_by(params)
    work = unit("generate", version, "paper", reads=reads, settings=named)
    return land_once(store, work, lambda: generate_unit.generate(store, work, params, EmbedParams()))


def rows(store: Warehouse, landed: Landed) -> tuple[list[Any], ...]:
    return tuple(store.rows(table, [landed.unit.unit_id]) for table in (QA_PAIRS, EVIDENCE, REJECTED))


def prompts(server: ScriptedServer, start: int = 0) -> Counter[str]:
    return Counter(read(asked.request).prompt for asked in server.asked[start:])


def test_every_call_lands_and_every_span_rereads(chunked):
    store, reads = chunked
    with ScriptedServer(GoodGenerator()) as server:
        landed = generate(store, reads, settings(server))
        pairs, evidence, _ = rows(store, landed)

        calls = store.rows(LLM_CALLS, [landed.unit.unit_id])
        assert len(calls) == len({call.call_key for call in calls}) == server.n_requests
        assert Counter(call.prompt for call in calls) == prompts(server)
        assert {(call.status, call.stage, call.served_model) for call in calls} == {("ok", "generate", "scripted")}
        known = {chunk.chunk_id for chunk in store.rows(CHUNKS, [reads[1].unit_id])} | {pair.pair_id for pair in pairs}
        assert {call.item_id for call in calls} <= known
        texts = {page.page: page.text for page in store.rows(PAGES, [reads[0].unit_id])}
        assert len(pairs) > 100
        assert [row for row in evidence if texts[row.page][row.char_from : row.char_from + row.n_chars] != row.quote] == []
        assert {row.pair_id for row in evidence} == {pair.pair_id for pair in pairs if pair.answer_kind != "refusal"}


def test_a_second_time_nothing_is_asked_and_the_same_rows_come(chunked, tmp_path):
    store, reads = chunked
    with ScriptedServer(GoodGenerator()) as server:
        first = generate(store, reads, settings(server))
        n_asked = server.n_requests

        again = generate(store, reads, settings(server))
        other_name = generate(store, reads, replace(settings(server), source_in_question=False))

        assert (first.is_new, again.is_new, other_name.is_new) == (True, False, True)
        assert server.n_requests == n_asked > 100
        assert [pair.pair_id for pair in rows(store, other_name)[0]] == [pair.pair_id for pair in rows(store, first)[0]]
        assert all(call.is_from_ledger for call in store.rows(LLM_CALLS, [other_name.unit.unit_id]))

        elsewhere = Warehouse(tmp_path / "elsewhere")
        shutil.copytree(store.root, elsewhere.root)
        shutil.rmtree(elsewhere.root / "journal", ignore_errors=True)
        for commit in elsewhere.root.glob(f"commits/**/*{first.unit.unit_id}*"):
            commit.unlink()
        for commit in elsewhere.root.glob(f"commits/**/*{other_name.unit.unit_id}*"):
            commit.unlink()
        anew = generate(elsewhere, reads, settings(server))
        assert server.n_requests == 2 * n_asked
        assert rows(elsewhere, anew) == rows(store, first)


def test_a_changed_prompt_is_asked_anew_and_no_other(chunked, tmp_path, monkeypatch):
    store, reads = chunked
    with ScriptedServer(GoodGenerator()) as server:
        generate(store, reads, settings(server))
        before, n_asked = prompts(server), server.n_requests
        changed = tmp_path / "prompts"
        shutil.copytree(prompt.PROMPTS, changed)
        text = (changed / "reword.md").read_text(encoding="utf-8")
        (changed / "reword.md").write_text(text.replace("You reword questions.", "You put questions in other words."), encoding="utf-8")
        monkeypatch.setattr(prompt, "PROMPTS", changed)
        prompt.load_prompt.cache_clear()

        landed = generate(store, reads, settings(server))
        prompt.load_prompt.cache_clear()

        assert landed.is_new
        assert [asked.request["messages"][0]["content"][:33] for asked in server.asked[n_asked:]] == [
            "You put questions in other words."
        ] * before["reword"]


class Unwell:
    """A good generator whose endpoint fails each prompt's every third request in one way, until it is healed."""

    def __init__(self, fault: str) -> None:
        self.good, self.fault, self.is_ill, self.n_asked = GoodGenerator(), fault, True, Counter[str]()

    def __call__(self, request: dict[str, Any]) -> Answer | str:
        name = next((m["content"] for m in request["messages"] if m["role"] == "user"), "")
        self.n_asked[name] += 1
        if self.is_ill and sum(map(ord, name)) % 3 == 0:
            return FAULTS[self.fault]()
        if len(request["messages"]) > 2:  # asked to mend a reply that it did not give
            request = request | {"messages": request["messages"][:2]}
        return self.good(request)


def test_what_could_not_be_had_now_is_had_later_and_nothing_else_is_asked(chunked, tmp_path):
    store, reads = chunked
    healthy = Warehouse(tmp_path / "healthy")
    shutil.copytree(store.root, healthy.root)
    responder = Unwell("500")
    with ScriptedServer(responder) as server:
        ill = generate(store, reads, settings(server))
        assert ill.n_retryable > 0
        assert not store.is_landed(ill.unit.unit_id)
        missing = [row for row in rows(store, ill)[2] if "call_unavailable" in row.reason]
        assert missing
        responder.is_ill = False
        n_asked = server.n_requests
        answered = {call.call_key for call in store.rows(LLM_CALLS, [ill.unit.unit_id]) if call.status == "ok"}

        well = generate(store, reads, settings(server))

        assert (well.is_new, well.n_retryable) == (True, 0)
        assert server.n_requests - n_asked == len({c.call_key for c in store.rows(LLM_CALLS, [well.unit.unit_id])} - answered)
        unbroken = generate(healthy, reads, settings(server))
        assert rows(store, well) == rows(healthy, unbroken)


@pytest.mark.parametrize("fault", ["html", "duplicate_keys", "length", "content_filter", "choices_empty"])
def test_replies_that_cannot_be_used_are_rows_and_the_rest_stands(chunked, fault):
    store, reads = chunked
    with ScriptedServer(Unwell(fault)) as server:
        landed = generate(store, reads, settings(server, questions_per_chunk=2))

    pairs, evidence, rejected = rows(store, landed)
    n_chunks = sum(chunk.kind in ("body", "table") for chunk in store.rows(CHUNKS, [reads[1].unit_id]))
    heads = [pair for pair in pairs if pair.wording == 0 and pair.parent_id is None]
    unfilled = [row for row in rejected if row.reason.startswith("unfilled_")]
    assert len(heads) + len(unfilled) + 2 * sum(row.reason == "too_short" for row in rejected) == 2 * n_chunks
    assert any(re.match(r"(unfilled_|wording_|refined_)?call_", row.reason) for row in rejected)
    assert pairs
    assert evidence

"""Real documents, a scripted model over real HTTP: every defect that it plants is caught by the rule that names it, good rows pass."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.budget import Budget, BudgetParams
from tasks.chunk import chunk_document
from tasks.curate import CurateParams
from tasks.curate_scores import ScorerParams
from tasks.curate_unit import curate
from tasks.find_files import find_files
from tasks.generate import GenerateParams, Model, generate_pairs
from tasks.generate_llm_params import LlmGenerateParams
from tasks.ledger import Ledger
from tasks.providers import close_providers
from tasks.providers.base import ModelParams
from tasks.providers.scripted_server import ScriptedServer
from tasks.quoting import fenced
from tasks.read_pdf import read_document
from tasks.text import normalise
from tasks.units import Unit
from warehouse import tables as t
from warehouse.store import Warehouse

from .scripted_generators import DEFECTS, BadGenerator, GoodGenerator, Passage

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SAMPLES, PAPERS = ROOT / "deployments" / "demo" / "papers", ROOT / ".." / "shared" / "data" / "papers"
PLAIN_QUESTIONS = 3  # of each chunk
REFUSAL = LlmGenerateParams().refusal
GOOD = {"reasons": "It stands there.", "faithful": 5, "standalone": 5, "clear": 5, "useful": 5}


@pytest.fixture(scope="module", autouse=True)
def _providers_are_closed() -> Iterator[None]:
    yield
    close_providers()


def scorer(request) -> str:
    """A model that compares: an answer whose words do not stand in the excerpt is not faithful, a first letter is not worth knowing."""
    parts = re.findall(r"<source-\w+>\n(.*?)\n</source-", request["messages"][1]["content"], re.DOTALL)
    _, excerpt, question, answer = parts
    said, known = [word for word in normalise(answer).split() if len(word) > 4], set(normalise(excerpt).split())
    is_invented = sum(word in known for word in said) < len(said) / 2
    is_invented = is_invented and answer != REFUSAL
    marks = {"faithful": 1, "reasons": "The excerpt says nothing of it."} if is_invented else {}
    return json.dumps(GOOD | ({"useful": 1, "reasons": "A letter."} if "With which letter" in question else marks))


class Sifted:
    """One document asked about and curated, with a scoring model."""

    def __init__(self, path: Path, folder: Path, generator: GoodGenerator) -> None:
        read = read_document(find_files([path]).files[0])
        cut = chunk_document(read.document, read.pages, read.lines, read.sections)
        store = Warehouse(folder)
        store.prepare()
        with ScriptedServer(generator) as server:
            model = ModelParams(model="openai/scripted", base_url=server.base_url, api_key_env="", timeout_seconds=30)
            llm = LlmGenerateParams(model=model, questions_per_chunk=PLAIN_QUESTIONS, refine_share=0.2)
            ids = [chunk.chunk_id for chunk in cut.chunks if chunk.kind in ("body", "table")]
            source = (read.document, cut.chunks, cut.chunk_pages, read.pages, read.lines, GenerateParams(method="llm", llm=llm))
            budget, document_id = Budget(store.root, "run", BudgetParams()), read.document.document_id
            with Ledger(store, Unit("g", "generate", path.name), model, stage="generate", document_id=document_id, budget=budget) as ledger:
                made = generate_pairs(*source, Model(ledger.ask, lambda _: ids))
            rows = {
                t.DOCUMENTS: [read.document],
                t.PAGES: read.pages,
                t.CHUNKS: cut.chunks,
                t.QA_PAIRS: made.pairs,
                t.EVIDENCE: made.evidence,
            }
            store.land("g", rows, stage="generate")
            work = Unit("c", "curate", path.name, ("g",))
            params = CurateParams(scorer=ScorerParams(model=model))
            curated = curate(store, work, params, budget, refusal=llm.refusal)
        self.document, self.chunks, self.pages = read.document, cut.chunks, {page.page: page.text for page in read.pages}
        self.pairs = {pair.pair_id: pair for pair in made.pairs}
        self.evidence = made.evidence
        self.dropped: list[t.Rejected] = made.rejected
        self.kept: list[t.KeptPair] = list(curated.tables[t.KEPT_PAIRS])
        self.rejected: list[t.Rejected] = list(curated.tables[t.REJECTED])

    def passages(self) -> list[Passage]:
        """What the model was shown of each chunk, as it was shown."""
        return [Passage(self.document.title, fenced(chunk.text).split("\n", 1)[1].rsplit("\n", 1)[0]) for chunk in self.chunks]

    def offenders(self) -> list[str]:
        """Kept pairs whose evidence does not stand in the page, or that have none and are no refusals."""
        spans = defaultdict(list)
        for span in self.evidence:
            spans[span.pair_id].append(self.pages[span.page][span.char_from : span.char_from + span.n_chars] == span.quote)
        kept = (self.pairs[row.pair_id] for row in self.kept)
        return [pair.pair_id for pair in kept if not all(spans[pair.pair_id]) or not (spans[pair.pair_id] or pair.answer_kind == "refusal")]


def papers() -> list[Path]:
    """Four sample documents, and the papers beside the checkout where they are."""
    return sorted(SAMPLES.glob("*.pdf"))[:4] + sorted(PAPERS.glob("*.pdf"))


@pytest.fixture(scope="module")
def bad(tmp_path_factory) -> list[tuple[Sifted, dict]]:
    """Each document with what a bad generator made of it, and its planted defects by question."""
    generator = BadGenerator(others=scorer)
    sifted = [Sifted(path, tmp_path_factory.mktemp("bad"), generator) for path in papers()]
    return [(one, generator.planted(case for passage in one.passages() for case in passage.cases)) for one in sifted]


def found_defects(bad) -> dict[str, set[str]]:
    """Name of a planted defect -> the reasons, as stage:reason, that its questions ended with; "kept" where one came through."""
    fates = defaultdict(set)
    for one, planted in bad:
        reasons = {row.item_id: f"curate:{row.reason}" for row in one.rejected} | {row.pair_id: "kept" for row in one.kept}
        for pair in one.pairs.values():
            if defect := planted.get(normalise(pair.bare_question)):
                fates[defect.name].add(reasons[pair.pair_id])
        for row in one.dropped:
            if defect := planted.get(normalise(row.detail.split(" | ")[0])):
                fates[defect.name].add(f"generate:{row.reason}")
    return fates


def test_no_planted_defect_is_kept_and_each_is_named_by_its_rule(bad):
    fates = found_defects(bad)

    wrong = {
        defect.name: sorted(fates[defect.name])
        for defect in DEFECTS
        if "kept" in fates[defect.name] or not defect.caught_by & fates[defect.name]
    }
    assert wrong == {}


def test_everything_a_bad_generator_made_is_kept_or_rejected_once_and_what_is_kept_rereads(bad):
    for one, _ in bad:
        assert sorted([row.pair_id for row in one.kept] + [row.item_id for row in one.rejected]) == sorted(one.pairs)
        assert one.offenders() == []


def test_good_rows_pass(tmp_path):
    for path in papers():
        one = Sifted(path, tmp_path / path.stem, GoodGenerator(others=scorer))

        assert {(row.reason, one.pairs[row.item_id].question, row.detail) for row in one.rejected} == set(), path.name
        assert len(one.kept) == len(one.pairs) > 10
        assert one.offenders() == []


def test_refusals_are_kept_as_such_and_need_no_evidence(tmp_path):
    one = Sifted(papers()[0], tmp_path, GoodGenerator(others=scorer))

    refusals = [one.pairs[row.pair_id] for row in one.kept if one.pairs[row.pair_id].answer_kind == "refusal"]
    assert refusals
    assert not {pair.pair_id for pair in refusals} & {span.pair_id for span in one.evidence}

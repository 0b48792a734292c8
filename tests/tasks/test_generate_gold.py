"""Recall of the gold facts of our own sample papers, read, chunked and asked about as any PDF is."""

import functools
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tasks.chunk import chunk_document
from tasks.find_files import find_files
from tasks.generate import Generated, GenerateParams, generate_pairs
from tasks.key_match import states
from tasks.read_pdf import ReadDocument, read_document
from tasks.text import ngrams, words
from warehouse.tables import Chunk

REPOSITORY = Path(__file__).parents[2]
SAMPLES = REPOSITORY / "deployments" / "demo" / "papers"
PAPERS = REPOSITORY / ".." / "shared" / "data" / "papers"
WANTED_RECALL = 0.6
SHARED_WORDS = 4


def generate_folder(folder: Path) -> list[tuple[ReadDocument, list[Chunk], Generated]]:
    made = []
    for source in find_files([folder]).files:
        read = read_document(source)
        cut = chunk_document(read.document, read.pages, read.lines, read.sections)
        made.append(
            (read, cut.chunks, generate_pairs(read.document, cut.chunks, cut.chunk_pages, read.pages, read.lines, GenerateParams()))
        )
    return made


@pytest.fixture(scope="module")
def samples() -> list[tuple[ReadDocument, list[Chunk], Generated]]:
    return generate_folder(SAMPLES)


@functools.cache
def grams(quote: str, n: int) -> set[tuple[str, ...]]:
    return ngrams(words(quote), n)


def overlap(quote: str, other: str) -> bool:
    """True where the two share a run of words: tables print cells with marks between them, so not the whole quote is looked for."""
    n = min(SHARED_WORDS, len(quote.split()), len(other.split()))
    return bool(grams(quote, n) & grams(other, n))


def found_keys(made: Generated, quote: str, wanted: str) -> list[str | None]:
    """The keys of the pairs that rest on ``quote`` and whose answer or key states ``wanted``."""
    quotes: dict[str, str] = {}
    for row in made.evidence:
        quotes[row.pair_id] = f"{quotes.get(row.pair_id, '')} {row.quote}"
    near = [pair for pair in made.pairs if overlap(quote, quotes[pair.pair_id])]
    return [pair.answer_key for pair in near if states(pair.answer, wanted) or states(pair.answer_key or "", wanted)]


def test_at_least_sixty_percent_of_the_gold_facts_are_found(samples: list[tuple[ReadDocument, list[Chunk], Generated]]) -> None:
    gold = yaml.safe_load((SAMPLES / "gold_facts.yaml").read_text("utf-8"))
    n_found, n_asked, n_gold, by_kind = 0, 0, 0, Counter[tuple[str, bool]]()
    for read, _, made in samples:
        facts = gold[Path(read.document.file_name).stem]
        keys = [found_keys(made, fact["quote"], fact["answer_key"]) for fact in facts]
        asked = [any(key and (states(key, fact["answer_key"]) or states(fact["answer_key"], key)) for key in found)
                 for found, fact in zip(keys, facts, strict=True)]  # fmt: skip
        by_kind.update((fact["kind"], bool(found)) for found, fact in zip(keys, facts, strict=True))
        n_found, n_asked, n_gold = n_found + sum(map(bool, keys)), n_asked + sum(asked), n_gold + len(facts)
        print(f"{read.document.file_name}: {sum(map(bool, keys))} of {len(facts)} gold facts, {len(made.pairs)} pairs")  # noqa: T201
    kinds = {kind: f"{by_kind[kind, True]}/{by_kind[kind, True] + by_kind[kind, False]}" for kind in sorted({kind for kind, _ in by_kind})}
    print(f"gold facts found {n_found} of {n_gold} ({n_found / n_gold:.1%}), asked for by their key {n_asked / n_gold:.1%}; {kinds}")  # noqa: T201

    assert n_found / n_gold >= WANTED_RECALL
    assert n_asked / n_gold >= WANTED_RECALL


def test_every_fact_of_the_samples_has_three_wordings_and_evidence_that_rereads(
    samples: list[tuple[ReadDocument, list[Chunk], Generated]],
) -> None:
    for read, _, made in samples:
        texts = {page.page: page.text for page in read.pages}
        assert all(texts[row.page][row.char_from : row.char_from + row.n_chars] == row.quote and row.box for row in made.evidence)
        wordings = Counter((pair.fact_id, pair.answer_key, pair.pattern) for pair in made.pairs)
        assert min(wordings.values()) >= GenerateParams().min_wordings


def test_every_chunk_of_the_samples_is_asked_about_or_named_as_dropped(samples: list[tuple[ReadDocument, list[Chunk], Generated]]) -> None:
    for _, chunks, made in samples:
        asked = {pair.chunk_id for pair in made.pairs}
        dropped = {row.item_id for row in made.rejected}
        assert all(chunk.chunk_id in asked or chunk.chunk_id in dropped for chunk in chunks)


@pytest.mark.slow
@pytest.mark.skipif(not PAPERS.is_dir(), reason="the four arXiv papers are not beside the checkout")
def test_the_four_papers_give_at_least_two_hundred_facts_none_from_references() -> None:
    n_facts = 0
    for read, chunks, made in generate_folder(PAPERS):
        n_facts += len({pair.fact_id for pair in made.pairs})
        kinds = {chunk.chunk_id: chunk.kind for chunk in chunks}
        assert {kinds[pair.chunk_id] for pair in made.pairs} <= {"body", "table"}
        texts = {page.page: page.text for page in read.pages}
        assert all(texts[row.page][row.char_from : row.char_from + row.n_chars] == row.quote for row in made.evidence)
    print(f"{n_facts} facts")  # noqa: T201

    assert n_facts >= 200

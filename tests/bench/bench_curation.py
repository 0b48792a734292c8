"""How much of what is wrong the curation rules find, and how often they speak up wrongly.

``python tests/bench/bench_curation.py [--write]``    (--write: into the table of tasks/README.md)
Recall: on the printed cases of the prototype's judging log, labelled by one reader and by regular expression (beside the checkout in
../shared/data/judging; third-party text, so never part of the repository; without it nothing is measured). The cases name no chunk, so
rules that read one are measured on the papers that are at hand. False alarms: on cases without the label, and on every pair that the
extractive generator reads off the sample documents and those papers, which are sound by construction.
"""

from __future__ import annotations

import argparse
import functools
import json
import logging
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tasks import curate_patterns as pattern
from tasks import curate_rules as rules
from tasks.chunk import chunk_document
from tasks.curate import CurateParams, curate_document
from tasks.curate_context import Context
from tasks.curate_evidence import numbers_stand_in_chunk, reference_density
from tasks.curate_measures import answerable_share, body_of, grounded_share
from tasks.deduplicate import DeduplicateParams, deduplicate
from tasks.embed import EmbedParams, embed
from tasks.find_files import find_files
from tasks.generate import GenerateParams, generate_pairs
from tasks.read_pdf import read_document
from tasks.text import fold, ngrams, normalise, words
from warehouse.tables import Chunk, QaPair

ROOT = Path(__file__).parents[2]
CASES = ROOT / ".." / "shared" / "data" / "judging" / "labelled_cases.jsonl"
SAMPLES, PAPERS = ROOT / "deployments" / "demo" / "papers", ROOT / ".." / "shared" / "data" / "papers"
README = ROOT / "tasks" / "README.md"
MARKS = ("<!-- bench-curation: begin -->", "<!-- bench-curation: end -->")
PARAMS = CurateParams()
PIECE_WORDS = 250
EXAMPLE = 23  # the case that repeats the example of the prompt that made it, word for word
REFERENCES = re.compile(r"^\W*(?:\d+\W+)?(?:references|bibliography)\W*$", re.IGNORECASE)
ATTRIBUTION = re.compile(r",? (?:as \w+ )?(?:in|by|from) ['\"]\s*['\"]|['\"]\s*['\"]")
Case = dict[str, Any]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of the table: of ``n_labelled`` items ``n_found``, of ``n_other`` items ``n_false``."""

    rule: str
    what: str
    n_labelled: int
    n_found: int
    n_other: int
    n_false: int
    note: str = ""

    def line(self, alarms: str) -> str:
        """As a line of Markdown."""
        recall = f"{self.n_found} of {self.n_labelled} ({self.n_found / self.n_labelled:.0%})" if self.n_labelled else "none labelled"
        return f"| {self.rule} | {self.what} | {recall} | {self.n_false} of {self.n_other} | {alarms} | {self.note} |"


@dataclass(frozen=True, slots=True)
class Text:
    """Rules that read nothing but the pair, and the labels of what they are for."""

    rule: str
    what: str
    functions: tuple[Callable[[QaPair, Context], Any], ...]
    labels: frozenset[str]
    note: str = ""
    is_without_sources: bool = False
    """Look at the answer without its source block, which would else hide what the rule is for."""


TEXTS = (
    Text("D3, D4", "names another title, or its own not verbatim", (rules.quotes_no_other_title,),
         frozenset({"q_wrong_document", "q_title_altered", "auto_q_title_missing_or_altered"}), "false: a letter of the title differs"),
    Text("D4", "title twice, or text after the question", (rules.names_own_title_once, rules.is_a_question),
         frozenset({"q_attribution_grammar", "q_double_attribution"})),
    Text("D5", "markup, footnote mark or axis label", (rules.has_no_markup,), frozenset({"q_format_artefact"})),
    Text("D5", "garbled extraction in the answer", (rules.is_clean_text,), frozenset({"r_garbled_extraction"})),
    Text("D6", "speaks of the passage", (rules.has_no_meta_phrase,), frozenset({"q_meta_phrase", "auto_r_meta_phrase"}),
         "false: a paper about contexts; words of the chunk are exempt"),
    Text("D7", "refusal, hedge or admission", (rules.is_an_answer,), frozenset({"r_refusal", "r_admits_not_in_text"})),
    Text("D8", "source block, addresses or list of works", (rules.has_no_source_block,),
         frozenset({"auto_r_source_boilerplate", "r_affiliation_dump", "r_reference_list"})),
    Text("D9", "answer opens with the question", (rules.does_not_echo,), frozenset({"r_question_echo"})),
    Text("D10", "answer breaks off", (rules.is_whole,), frozenset({"r_reference_list_truncated"}),
         "false: an answer that ends in code", is_without_sources=True),
    Text("D14", "asks or answers in words of opinion", (rules.is_not_speculative,), frozenset({"q_speculative"}),
         "false: words that the source may use, and is then exempt"),
)  # fmt: skip


def cases() -> list[Case]:
    """The labelled cases."""
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]


def as_pair(case: Case) -> tuple[QaPair, Context]:
    """A case as curation would meet it, its chunk unknown."""
    title = case["context"]
    bare = ATTRIBUTION.sub("", rules.without_title(case["question"], title)).strip()
    pair = QaPair(str(case["index"]), title, "", str(case["index"]), 0, case["question"], bare, case["true_answer"], None, "text", "", "")
    return pair, Context(title, None, "", (), {}, PARAMS)


def without_sources(pair: QaPair) -> QaPair:
    """The pair with its answer cut where a source block begins."""
    found = pattern.SOURCE_BLOCK.search(pair.answer)
    return replace(pair, answer=pair.answer[: found.start() + 1].rstrip()) if found else pair


def measure_text(text: Text, some: Sequence[Case]) -> Measured:
    """A rule that reads the pair alone."""
    labelled = {case["index"] for case in some if text.labels & set(case["labels"])}
    found = set()
    for case in some:
        pair, context = as_pair(case)
        if text.is_without_sources and case["index"] not in labelled:
            pair = without_sources(pair)
        if any(function(pair, context) for function in text.functions):
            found.add(case["index"])
    return counted(text.rule, text.what, {case["index"] for case in some}, labelled, found, text.note)


def counted(rule: str, what: str, every: set[Any], labelled: set[Any], found: set[Any], note: str = "") -> Measured:
    """Sets of items as a line."""
    return Measured(rule, what, len(labelled), len(labelled & found), len(every - labelled), len(found - labelled), note)


def measure_example(some: Sequence[Case]) -> Measured:
    """D2: the prompt's example comes back."""
    bare = {case["index"]: as_pair(case)[0].bare_question for case in some}
    example = bare[EXAMPLE]
    vectors = embed(list(bare.values()), EmbedParams()) @ embed([example], EmbedParams())[0]
    grams = ngrams(words(example), PARAMS.example_ngram)
    found = {
        index
        for (index, question), cosine in zip(bare.items(), vectors, strict=True)
        if cosine >= PARAMS.max_example_cosine or ngrams(words(question), PARAMS.example_ngram) & grams
    }
    labelled = {case["index"] for case in some if "q_prompt_example_leak" in case["labels"]}
    return counted("D2", "repeats the prompt's example", set(bare), labelled, found, "one of that prompt's examples is known")


def measure_duplicates(some: Sequence[Case]) -> Measured:
    """D15: near duplicates, at the cut that keeps wanted wordings."""
    pairs = [as_pair(case)[0] for case in some]
    found = {row.item_id for row in deduplicate(pairs, DeduplicateParams())}
    labelled = {str(case["index"]) for case in some if "q_near_duplicate" in case["labels"]}
    every = {pair.pair_id for pair in pairs}
    return counted("D15", "near duplicates", every, labelled, found, "questions as near as these also ask different facts; by design")


@functools.cache
def documents(folder: Path) -> tuple[tuple[Any, Any], ...]:
    """Each PDF of a folder as it is read and cut."""
    read = [read_document(source) for source in find_files([folder]).files] if folder.is_dir() else []
    return tuple((row, chunk_document(row.document, row.pages, row.lines, row.sections)) for row in read)


def measure_references() -> Measured:
    """D1: pieces of the papers, those behind the heading of the references being labelled."""
    labelled, found, every = set(), set(), set()
    for read, cut in documents(PAPERS):
        for is_list in (True, False):
            chunks = [chunk for chunk in cut.chunks if bool(REFERENCES.match(chunk.section)) == is_list]
            tokens = "\n".join(chunk.text for chunk in chunks).split()
            for at in range(0, len(tokens) - PIECE_WORDS + 1, PIECE_WORDS):
                name = (read.document.document_id, is_list, at)
                piece = Chunk("", "", 0, "", "body", " ".join(tokens[at : at + PIECE_WORDS]), 0)
                every.add(name)
                labelled |= {name} if is_list else set()
                found |= {name} if reference_density(piece, PARAMS.min_reference_words, PARAMS.max_citation_marks) else set()
    return counted("D1", "made from a list of works", every, labelled, found, f"{PIECE_WORDS}-word pieces of four papers")


def measure_grounding(some: Sequence[Case]) -> Iterable[Measured]:
    """D12, D13, D17: the cases whose document is at hand, measured against its whole body."""
    bodies = {}
    for read, cut in documents(PAPERS):
        chunks = [chunk for chunk in cut.chunks if chunk.kind in ("body", "table", "caption")]
        bodies[normalise(read.document.title)] = (body_of(chunks), fold("\n".join(chunk.text for chunk in chunks)))
    here = [(case, bodies[name]) for case in some if (name := paper_of(case, bodies))]
    every = {case["index"] for case, _ in here}
    low, unasked, wrong = set(), set(), set()
    for case, (body, source) in here:
        pair, context = as_pair(case)
        answer = without_sources(pair).answer
        low |= {case["index"]} if grounded_share(answer, pair.question, body.grams) < PARAMS.min_grounded_share else set()
        unasked |= {case["index"]} if answerable_share(pair.bare_question, body.words) < PARAMS.min_answerable_share else set()
        wrong |= {case["index"]} if numbers_stand_in_chunk(without_sources(pair), replace(context, source=source)) else set()
    note = "cases whose paper is at hand; a flag, never a drop"
    for rule, what, labels, found in (
        ("D12 flag", "answer stands nowhere in the document", {"r_hallucinated", "r_generic"}, low),
        ("D13 flag", "question asks for what is not there", {"q_not_answerable_from_document"}, unasked),
    ):
        yield counted(rule, what, every, {case["index"] for case, _ in here if labels & set(case["labels"])}, found, note)
    yield counted(
        "D17", "number that the document does not have", every, set(), wrong, "planted defects: tests/tasks/test_curate_planted.py"
    )


def paper_of(case: Case, bodies: dict[str, Any]) -> str | None:
    """The title, as read, of the paper that a case is about."""
    wanted = set(words(case["context"]))
    likeness = {name: len(wanted & set(name.split())) / len(wanted | set(name.split())) for name in bodies}
    best = max(likeness, key=lambda name: likeness[name], default=None)
    return best if best and likeness[best] >= 0.5 else None


def extractive_alarms() -> tuple[dict[str, int], int]:
    """(reason or flag -> how often on extractive pairs, pairs) over the samples and the papers."""
    alarms: dict[str, int] = {}
    n_pairs = 0
    for read, cut in (*documents(SAMPLES), *documents(PAPERS)):
        made = generate_pairs(read.document, cut.chunks, cut.chunk_pages, read.pages, read.lines, GenerateParams())
        curated = curate_document(read.document, made.pairs, made.evidence, cut.chunks, read.pages, PARAMS)
        n_pairs += len(made.pairs)
        for name in (*(row.reason for row in curated.rejected), *(flag for row in curated.kept for flag in row.flags)):
            alarms[name] = alarms.get(name, 0) + 1
    return alarms, n_pairs


REASONS_OF = {
    "D1": ("from_references", "outside_body"), "D2": ("from_prompt_example",), "D3, D4": ("foreign_title", "title_altered"),
    "D4": ("title_twice", "text_after_question"), "D5": ("markup", "garbled_text", "not_a_question", "no_verb", "question_length"),
    "D6": ("meta_phrase",), "D7": ("unanswerable", "empty_answer"), "D8": ("source_block", "contact_details", "reference_list"),
    "D9": ("echoes_question",), "D10": ("cut_answer",), "D12 flag": ("low_groundedness",), "D13 flag": ("low_answerability",),
    "D14": ("speculative",), "D17": ("number_not_in_evidence",),
}  # fmt: skip


def table() -> list[str]:
    """The whole table as Markdown."""
    some = cases()
    measured = [measure_references(), measure_example(some), *(measure_text(text, some) for text in TEXTS)]
    measured += [*measure_grounding(some), measure_duplicates(some)]
    measured.sort(key=lambda row: int(re.search(r"\d+", row.rule).group()))  # type: ignore[union-attr]
    alarms, n_pairs = extractive_alarms()
    head = ["rule", "finds", "recall", "false alarms, labelled cases", f"false alarms, {n_pairs} extractive pairs", "note"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + [row.line(str(sum(alarms.get(name, 0) for name in REASONS_OF.get(row.rule, ())))) for row in measured]


def main() -> int:
    """Print the table, or write it into tasks/README.md."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for name in ("tasks", "sentence_transformers", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into tasks/README.md")
    is_writing = parser.parse_args().write
    if not CASES.exists():
        log.info("skipped: %s is not there", CASES)
        return 0
    lines = table()
    log.info("\n".join(lines))
    if is_writing:
        before, _, rest = README.read_text(encoding="utf-8").partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        README.write_text("\n".join([before + MARKS[0], *lines, MARKS[1] + after]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

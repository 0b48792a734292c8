"""The claims about pairs, evidence and sets: nothing of a good run offends, and each planted breach is the one offender."""

from dataclasses import dataclass, field, replace

import pytest

from tasks.split import SplitParams, split_pairs
from tasks.text import words
from tasks.units import Unit, record_units
from warehouse.checks import claims
from warehouse.keys import key
from warehouse.schema import Table
from warehouse.store import Warehouse
from warehouse.tables import (
    CHUNKS,
    EVIDENCE,
    KEPT_PAIRS,
    PAGES,
    QA_PAIRS,
    REJECTED,
    RUN_RESULTS,
    RUNS,
    SPLITS,
    Chunk,
    Evidence,
    KeptPair,
    Page,
    QaPair,
    Rejected,
    Run,
    RunResult,
    Split,
    SplitRow,
)  # fmt: skip
from warehouse.views import connect

PAIR_CHECKS = (
    "pair_is_kept_or_rejected_once", "kept_pair_is_split_or_rejected_once", "train_and_test_share_no_wording",
    "unseen_fact_shares_no_fact_with_train", "unseen_fact_shares_no_span_with_train", "unseen_fact_shares_no_13gram_with_train",
    "unseen_document_shares_no_document", "unseen_document_shares_no_quote_or_13gram", "rephrased_fact_is_taught", "evidence_rereads",
    "no_pair_from_references", "one_evidence_at_least", "unseen_fact_shares_no_family_with_train",
)  # fmt: skip
# combining marks, an emoji of four code points, a flag of two, a letter beyond the first plane: all before and inside the quotes
LEAD = "Cafe\u0301 \U0001f469\u200d\U0001f680 \U0001f1e9\U0001f1ea \U0001d538: "
SENTENCES = [
    "The re\u0301sume\u0301 lamp \U0001f6a8 glows red when the tank of the second pump is nearly empty after a long shift.",
    "The hose bears 9 bar.",
    "The seal is changed every 9 months by a technician who has been trained on the rig for two full days.",
    "The clamp is blue.",
]
Rows = dict[Table, list]


@dataclass
class Corpus:
    """Rows of a run, to be spoilt one at a time."""

    rows: Rows = field(default_factory=lambda: {t: [] for t in (PAGES, CHUNKS, QA_PAIRS, EVIDENCE, KEPT_PAIRS, REJECTED, SPLITS)})

    def add_document(self, document: str) -> None:
        text = LEAD + "\n".join(SENTENCES)
        self.rows[PAGES].append(Page(f"{document}-1", document, 1, text, 595, 842))
        self.rows[CHUNKS].append(Chunk(f"{document}-body", document, 0, "", "body", text, 50))
        self.rows[CHUNKS].append(Chunk(f"{document}-refs", document, 1, "References", "references", "[1] A. Berg. Lamps.", 9))

    def add_pair(
        self, pair_id: str, split: Split, at: int, bare: str, *, document: str = "manual", answer: str = "", start: int = 0
    ) -> None:
        quote = SENTENCES[at][start:]
        char_from = (LEAD + "\n".join(SENTENCES)).index(quote)
        fact = f"{document}-{at}-{start}"
        self.rows[QA_PAIRS].append(
            QaPair(
                pair_id, document, f"{document}-body", fact, 0, f"In {document}: {bare}", bare, answer or quote, None, "text", "p", "hand/1"
            )
        )
        self.rows[EVIDENCE].append(Evidence(f"e-{pair_id}", pair_id, document, 0, 1, char_from, len(quote), quote, ()))
        self.rows[KEPT_PAIRS].append(KeptPair(pair_id, document, 1.0, 1.0, 5, 9, ()))
        self.rows[SPLITS].append(SplitRow(pair_id, document, fact, fact, split))

    def drop(self, table: Table, row_id: str) -> None:
        self.rows[table] = [row for row in self.rows[table] if getattr(row, table.key) != row_id]

    def change(self, table: Table, row_id: str, **changes: object) -> None:
        self.rows[table] = [replace(row, **changes) if getattr(row, table.key) == row_id else row for row in self.rows[table]]

    def reject(self, stage: str, pair_id: str) -> None:
        self.rows[REJECTED].append(Rejected(key(stage, pair_id), stage, pair_id, "manual", "reason", ""))


@pytest.fixture
def corpus() -> Corpus:
    made = Corpus()
    made.add_document("manual")
    made.add_document("leaflet")
    made.add_pair("lamp-1", "train", 0, "When does the lamp glow red?")
    made.add_pair("lamp-2", "train", 0, "The lamp glows red when?")
    made.add_pair("lamp-3", "test_rephrased", 0, "What makes the lamp glow red?")
    made.add_pair("hose", "validation", 1, "What does the hose bear?")
    made.add_pair("seal", "test_unseen_fact", 2, "How often is the seal changed?")
    made.add_pair("clamp", "test_unseen_document", 3, "Which colour is the clamp?", document="leaflet")
    made.reject("curate", "bad")
    made.reject("deduplicate", "copy")
    made.rows[QA_PAIRS] += [replace(made.rows[QA_PAIRS][0], pair_id=name) for name in ("bad", "copy")]
    made.rows[KEPT_PAIRS].append(replace(made.rows[KEPT_PAIRS][0], pair_id="copy"))
    made.rows[EVIDENCE].append(replace(made.rows[EVIDENCE][0], evidence_id="e-copy", pair_id="copy"))
    return made


def offenders(store: Warehouse, rows: Rows) -> dict[str, list[str]]:
    """Check -> ids of what offends it, in a run of one unit a stage."""
    units = {"generate": (PAGES, CHUNKS, QA_PAIRS, EVIDENCE), "curate": (KEPT_PAIRS, REJECTED), "split": (SPLITS,)}
    for stage, tables in units.items():
        store.land(stage, {table: rows[table] for table in tables}, stage=stage)
    run = Run("r", "2026-01-01", "", "{}", "{}", None, None, "{}")
    store.land("run-r", {RUNS: [run], RUN_RESULTS: [RunResult("r", "2026-01-01", "completed", 5, 5, 0, 0, "")]})
    for stage in units:
        record_units(store, "r", stage, [Unit(stage, stage, stage)])
    found = {}
    with connect(store) as con:
        for name in PAIR_CHECKS:
            broken = con.sql(claims()[name][1]).to_arrow_table().to_pylist()
            if broken:
                found[name] = sorted({row.get("pair_id") or row["evidence_id"] for row in broken})
    return found


def test_a_good_run_offends_no_claim(store, corpus):
    assert offenders(store, corpus.rows) == {}


def test_an_empty_run_offends_no_claim(store):
    assert offenders(store, Corpus().rows) == {}


@pytest.mark.parametrize("name", PAIR_CHECKS)
def test_a_claim_is_a_sentence(name):
    claim, select = claims()[name]

    assert claim.endswith(".")
    assert select.startswith("-- ")


def lose(corpus: Corpus) -> None:
    corpus.drop(KEPT_PAIRS, "lamp-1")


def keep_twice(corpus: Corpus) -> None:
    corpus.reject("curate", "lamp-1")


def keep_all_and_reject_all_vanish(corpus: Corpus) -> None:
    corpus.rows[REJECTED] = [row for row in corpus.rows[REJECTED] if row.stage != "curate"]


def invent(corpus: Corpus) -> None:
    corpus.reject("curate", "never generated")


def put_in_no_set(corpus: Corpus) -> None:
    corpus.drop(SPLITS, "hose")


def put_in_a_set_and_reject(corpus: Corpus) -> None:
    corpus.reject("split", "hose")


def ask_in_trained_words(corpus: Corpus) -> None:
    corpus.change(QA_PAIRS, "lamp-3", bare_question="when does  the Lamp glow red", question="another")


def ask_in_trained_words_elsewhere(corpus: Corpus) -> None:
    corpus.change(QA_PAIRS, "clamp", question="In manual: When does the lamp glow RED?")


def train_the_same_fact(corpus: Corpus) -> None:
    corpus.change(SPLITS, "seal", fact_id="manual-1-0")


def train_the_same_lineage(corpus: Corpus) -> None:
    corpus.change(SPLITS, "seal", lineage_id="manual-1-0")


def overlap_by_one_code_point(corpus: Corpus) -> None:
    hose = next(row for row in corpus.rows[EVIDENCE] if row.pair_id == "hose")
    page = corpus.rows[PAGES][0].text
    at = hose.char_from + hose.n_chars - 1
    corpus.change(EVIDENCE, "e-seal", char_from=at, n_chars=5, quote=page[at : at + 5])


def share_thirteen_words(corpus: Corpus) -> None:
    thirteen = " ".join(words(SENTENCES[0])[3:16])
    corpus.change(QA_PAIRS, "seal", answer=f"Mind: {thirteen.upper()}!")


def ask_thirteen_trained_words(corpus: Corpus) -> None:
    thirteen = " ".join(words(SENTENCES[0])[3:16])
    corpus.change(QA_PAIRS, "clamp", bare_question=f"Is it so that {thirteen}?")


def train_on_the_document(corpus: Corpus) -> None:
    corpus.add_pair("leaflet hose", "train", 1, "Which pressure does it bear?", document="leaflet", answer="Nine.")


def rest_on_a_trained_quote(corpus: Corpus) -> None:
    corpus.add_pair("leaflet hose", "test_unseen_document", 1, "Which pressure does it bear?", document="leaflet", answer="Nine.")


def teach_no_lamp(corpus: Corpus) -> None:
    for pair_id in ("lamp-1", "lamp-2"):
        corpus.change(SPLITS, pair_id, split="validation")


def shift_a_quote(corpus: Corpus) -> None:
    corpus.change(EVIDENCE, "e-hose", char_from=corpus.rows[EVIDENCE][3].char_from + 1)


def name_a_page_that_is_not(corpus: Corpus) -> None:
    corpus.change(EVIDENCE, "e-hose", page=7)


def quote_nothing(corpus: Corpus) -> None:
    corpus.change(EVIDENCE, "e-hose", n_chars=0, quote="")


def ask_about_references(corpus: Corpus) -> None:
    corpus.change(QA_PAIRS, "hose", chunk_id="manual-refs")


def ask_about_no_chunk(corpus: Corpus) -> None:
    corpus.change(QA_PAIRS, "hose", chunk_id="gone")


def lose_the_evidence(corpus: Corpus) -> None:
    corpus.drop(EVIDENCE, "e-hose")


def answer_nothing_with_evidence(corpus):
    corpus.change(QA_PAIRS, "hose", answer_kind="refusal")


def refine_from_a_trained_pair(corpus):
    corpus.change(QA_PAIRS, "seal", parent_id="lamp-1")


def refine_both_from_a_dropped_pair(corpus):
    """The middle of the chain was dropped by curation; its own parent was too."""
    corpus.change(QA_PAIRS, "bad", parent_id="copy")
    corpus.change(QA_PAIRS, "seal", parent_id="bad")
    corpus.change(QA_PAIRS, "hose", parent_id="copy")


BREACHES = {
    lose: {"pair_is_kept_or_rejected_once": ["lamp-1"], "kept_pair_is_split_or_rejected_once": ["lamp-1"]},
    keep_twice: {"pair_is_kept_or_rejected_once": ["lamp-1"]},
    keep_all_and_reject_all_vanish: {"pair_is_kept_or_rejected_once": ["bad"]},
    invent: {"pair_is_kept_or_rejected_once": ["never generated"]},
    put_in_no_set: {"kept_pair_is_split_or_rejected_once": ["hose"]},
    put_in_a_set_and_reject: {"kept_pair_is_split_or_rejected_once": ["hose"]},
    ask_in_trained_words: {"train_and_test_share_no_wording": ["lamp-3"]},
    ask_in_trained_words_elsewhere: {"train_and_test_share_no_wording": ["clamp"]},
    train_the_same_fact: {"unseen_fact_shares_no_fact_with_train": ["seal"]},
    train_the_same_lineage: {"unseen_fact_shares_no_fact_with_train": ["seal"]},
    overlap_by_one_code_point: {"unseen_fact_shares_no_span_with_train": ["seal"]},
    share_thirteen_words: {"unseen_fact_shares_no_13gram_with_train": ["seal"]},
    ask_thirteen_trained_words: {"unseen_document_shares_no_quote_or_13gram": ["clamp"]},
    train_on_the_document: {"unseen_document_shares_no_document": ["clamp"]},
    rest_on_a_trained_quote: {"unseen_document_shares_no_quote_or_13gram": ["leaflet hose"]},
    teach_no_lamp: {"rephrased_fact_is_taught": ["lamp-3"], "train_and_test_share_no_wording": []},
    shift_a_quote: {"evidence_rereads": ["hose"]},
    name_a_page_that_is_not: {"evidence_rereads": ["hose"]},
    quote_nothing: {"evidence_rereads": ["hose"]},
    ask_about_references: {"no_pair_from_references": ["hose"]},
    ask_about_no_chunk: {"no_pair_from_references": ["hose"]},
    lose_the_evidence: {"one_evidence_at_least": ["hose"]},
    answer_nothing_with_evidence: {"one_evidence_at_least": ["hose"]},
    refine_from_a_trained_pair: {"unseen_fact_shares_no_family_with_train": ["seal"]},
    refine_both_from_a_dropped_pair: {"unseen_fact_shares_no_family_with_train": ["seal"]},
}


@pytest.mark.parametrize("breach", BREACHES, ids=lambda breach: breach.__name__)
def test_a_planted_breach_is_the_offender(store, corpus, breach):
    breach(corpus)

    assert offenders(store, corpus.rows) == {name: ids for name, ids in BREACHES[breach].items() if ids}


def test_every_claim_about_pairs_is_broken_by_some_breach():
    assert {name for broken in BREACHES.values() for name in broken} == set(PAIR_CHECKS)


def test_twelve_words_in_common_are_allowed(store, corpus):
    twelve = " ".join(words(SENTENCES[0])[3:15])
    corpus.change(QA_PAIRS, "seal", answer=f"Mind: {twelve}!")

    assert offenders(store, corpus.rows) == {}


def test_a_run_that_has_not_curated_yet_offends_no_claim(store, corpus):
    store.land("generate", {QA_PAIRS: corpus.rows[QA_PAIRS]}, stage="generate")
    record_units(store, "r", "generate", [Unit("generate", "generate", "generate")])

    with connect(store) as con:
        assert con.sql(claims()["pair_is_kept_or_rejected_once"][1]).to_arrow_table().num_rows == 0


def test_sql_reads_words_as_python_does(store):
    tricky = [
        "Cafe\u0301 no. 3\u20135: K\u20112 isn\u2019t state-of-art; 1,200.5 m\u00b2 at 24\u202f\u00b0C \u2014 \U0001f469\u200d\U0001f680?",
        "stra\u00dfe \u03a3\u03b1\u03c2",
        "",
        "a_b c\u2013d \uff21\uff1a\uff22\uff0c2",
    ]
    pairs = [QaPair(str(at), "d", "c", "f", 0, text, text, text, None, "text", "p", "hand/1") for at, text in enumerate(tricky)]
    store.land("generate", {QA_PAIRS: pairs}, stage="generate")

    with connect(store) as con:
        read = dict(con.sql("select pair_id, answer_words from stg_pair_words").fetchall())

    assert {pair_id: len(tokens) for pair_id, tokens in read.items()} == {pair.pair_id: len(words(pair.answer)) for pair in pairs}
    assert read["0"][:4] == words(tricky[0])[:4]


def test_what_the_split_makes_offends_no_claim(store, corpus):
    pairs, evidence = corpus.rows[QA_PAIRS], corpus.rows[EVIDENCE]
    kept = [pair for pair in pairs if pair.pair_id not in ("bad", "copy")]
    for seed in range(5):
        result = split_pairs(kept, evidence, SplitParams(seed=seed, unseen_document_share=0.5, unseen_fact_share=0.4, validation_share=0.2))
        corpus.rows[SPLITS] = result.rows
        dropped = [row for row in corpus.rows[REJECTED] if row.stage != "split"]
        assert offenders(store, {**corpus.rows, REJECTED: [*dropped, *result.rejected]}) == {}

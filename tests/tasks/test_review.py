"""A sheet goes out and comes back: nothing edited is nothing decided, a bad line is told, and what a person decides wins."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.csv_cells import plain_cell, safe_cell
from tasks.curate import CurateParams, curate_document
from tasks.curate_reviews import concerning, rewritten_id, standing
from tasks.review import decide, export_sheet, import_sheet
from tasks.review_sheet import COLUMNS, Line, read_sheet
from tasks.units import Unit, record_units
from warehouse import tables as t
from warehouse.errors import ConfigError, MissingPrerequisite
from warehouse.store import Warehouse
from warehouse.views import ledger_rows, query

TORQUE = "The outlet flange is fastened with four M8 bolts at 24.5 Nm."
RELAY = "The start relay closes 1,200 ms after the pump has been switched on."
FORMULA = '=HYPERLINK("http://x.example","+1") is what the display shows while the pump is filled.'
TEXT = f"{TORQUE} {RELAY}\n{FORMULA}\n"
DOCUMENT = t.Document("d1", "0" * 64, "pump.pdf", None, "Kestrel K-9", "metadata", 1, 1, 9, len(TEXT), "ok", None, (), None)
PAGE = t.Page("p1", "d1", 1, TEXT, 595.0, 842.0)
CHUNK = t.Chunk("c1", "d1", 0, "Assembly", "body", TEXT, 60)
NOW, LATER = "2026-01-01T00:00:00.000+00:00", "2026-01-02T00:00:00.000+00:00"


def pair(name, bare, answer, answer_key, quote=TORQUE, **changes):
    asked = f'According to "Kestrel K-9", {bare[0].lower()}{bare[1:]}'
    made = t.QaPair(name, "d1", "c1", f"fact-{quote[:9]}", 0, asked, bare, answer, answer_key, "text", "predicate", "extractive-2")
    return replace(made, **changes), t.Evidence(f"e-{name}", name, "d1", 0, 1, TEXT.index(quote), len(quote), quote, ())


MADE = [
    pair("torque", "At what torque is the outlet flange fastened?", TORQUE, "24.5 Nm"),
    pair("relay", "When does the start relay close after switching on?", RELAY, "1,200 ms", RELAY),
    pair("formula", "What does the display show while it is filled?", FORMULA, None, FORMULA),
    pair("short", "What torque?", TORQUE, "24.5 Nm", question="What torque?"),
    (
        t.QaPair("none", "d1", "c1", "fact-none", 0, "Which grease does the Kestrel K-9 need?", "Which grease does the Kestrel K-9 need?",
                 "The document does not state this.", None, "refusal", "unanswerable", "llm-1"),
        None,
    ),
]  # fmt: skip
PAIRS, EVIDENCE = [made for made, _ in MADE], [span for _, span in MADE if span]


def curate(reviews=(), evidence=EVIDENCE, pairs=PAIRS):
    return curate_document(DOCUMENT, pairs, evidence, [CHUNK], [PAGE], CurateParams(), reviews=reviews)


@pytest.fixture
def store(tmp_path) -> Warehouse:
    """One run of one document, curated."""
    warehouse = Warehouse(tmp_path / "data")
    warehouse.prepare()
    curated = curate()
    warehouse.land("i", {t.DOCUMENTS: [DOCUMENT], t.PAGES: [PAGE]}, stage="ingest")
    warehouse.land("g", {t.CHUNKS: [CHUNK], t.QA_PAIRS: PAIRS, t.EVIDENCE: EVIDENCE}, stage="generate")
    warehouse.land("c", {t.KEPT_PAIRS: curated.kept, t.REJECTED: curated.rejected}, stage="curate")
    warehouse.land("run", {t.RUNS: [t.Run("r1", NOW, "", "{}", "{}", None, None, "{}")]}, stage="run")
    for stage, name in (("ingest", "i"), ("generate", "g"), ("curate", "c")):
        record_units(warehouse, "r1", stage, [Unit(name, stage, "pump.pdf")])
    return warehouse


def edited(store: Warehouse, path: Path, edits: dict[str, dict[str, str]], *, delimiter: str = ",") -> Path:
    """The run's sheet with some cells filled in by hand, as a spreadsheet would save it."""
    export_sheet(store, None, path)
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    rows = [row | edits.get(row["pair_id"], {}) for row in rows]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def reviews(store: Warehouse) -> list[t.Review]:
    return list(standing(ledger_rows(store, t.REVIEWS)).values())


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)) | st.sampled_from("'=+-@ \t\r\n\0＝"), max_size=12))  # noqa: RUF001
def test_a_cell_is_safe_and_comes_back_to_the_letter(text):
    cell = safe_cell(text)

    assert cell.lstrip(" ")[:1] not in ("=", "+", "-", "@", "\t", "\r", "\0", "\n")
    assert plain_cell(cell) == text


def test_a_sheet_that_nobody_edited_decides_nothing(store, tmp_path):
    assert export_sheet(store, None, tmp_path / "sheet.csv") == len(PAIRS)

    imported = import_sheet(store, None, tmp_path / "sheet.csv", "Ann")

    assert (imported.reviews, imported.n_standing, imported.faults) == ([], 0, [])
    assert reviews(store) == []


def test_the_sheet_shows_what_a_decision_needs_and_no_cell_is_a_formula(store, tmp_path):
    export_sheet(store, None, tmp_path / "sheet.csv")
    rows = {
        row["pair_id"]: row for row in csv.DictReader(io.StringIO((tmp_path / "sheet.csv").read_text(encoding="utf-8-sig"), newline=""))
    }

    assert (
        rows["torque"] | {"decision": "", "note": "", "title": "Kestrel K-9", "page": "1", "quote": TORQUE, "status": "kept"}
        == rows["torque"]
    )
    assert rows["short"]["status"] == "curate: question_length"
    assert rows["formula"]["quote"] == f"'{FORMULA}"
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows.values() for cell in row.values())


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_decisions_land_with_who_and_when_whatever_the_spreadsheet_writes_between_cells(store, tmp_path, delimiter):
    edits = {
        "torque": {"decision": "Drop ", "note": "-trivial"},
        "short": {"decision": "keep"},
        "formula": {"decision": "change", "answer": "'=HYPERLINK is shown."},
    }

    imported = import_sheet(store, None, edited(store, tmp_path / "sheet.csv", edits, delimiter=delimiter), "Ann")

    assert imported.faults == []
    found = {review.pair_id: review for review in reviews(store)}
    assert {name: (review.decision, review.reviewer) for name, review in found.items()} == {
        "torque": ("drop", "Ann"), "short": ("keep", "Ann"), "formula": ("change", "Ann")
    }  # fmt: skip
    assert found["formula"].answer == "=HYPERLINK is shown."
    assert found["torque"].note == "-trivial"
    assert all(review.reviewed_at.endswith("+00:00") for review in found.values())


def test_the_same_sheet_twice_lands_once_and_the_latest_decision_wins(store, tmp_path):
    drop = edited(store, tmp_path / "drop.csv", {"torque": {"decision": "drop"}})
    keep = edited(store, tmp_path / "keep.csv", {"torque": {"decision": "keep"}})

    counts = [len(import_sheet(store, None, path, "Ann").reviews) for path in (drop, drop, keep, keep, drop)]

    assert counts == [1, 0, 1, 0, 1]
    assert [review.decision for review in reviews(store)] == ["drop"]
    assert query(store, "select count(*) as n from reviews").to_pylist() == [{"n": 3}]


BAD = {
    "no such word": ("torque", {"decision": "yes"}, "'yes' is no decision"),
    "edited, but undecided": ("torque", {"answer": "24.5 Nm."}, "answer was edited, but nothing is decided"),
    "a note alone": ("torque", {"note": "hm"}, "note was edited"),
    "kept and edited": ("torque", {"decision": "keep", "answer": "24.5 Nm."}, "write change"),
    "changed nothing": ("torque", {"decision": "change"}, "nothing was changed"),
    "no answer left": ("torque", {"decision": "change", "answer": " "}, "the answer is empty"),
    "a key that the answer lacks": ("torque", {"decision": "change", "answer_key": "12 Nm"}, "does not state its key"),
    "a key that the quote lacks": (
        "torque", {"decision": "change", "answer": "It takes 12 Nm.", "answer_key": "12 Nm"}, "does not stand in the quote"
    ),
    "an answer where there is no evidence": ("none", {"decision": "change", "answer": "White grease."}, "can only decline"),
    "a pair of another run": ("torque", {"decision": "drop", "pair_id": "elsewhere"}, "no pair 'elsewhere'"),
    "the same pair twice": ("relay", {"decision": "drop", "pair_id": "short"}, "line 2 decides on this pair already"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_line_is_told_by_its_number_and_the_others_go_in(store, tmp_path, case):
    name, cells, fault = BAD[case]
    path = edited(store, tmp_path / "sheet.csv", {"short": {"decision": "drop"}} | {name: cells})
    lines = {row["pair_id"]: at for at, row in enumerate(csv.DictReader(path.open(encoding="utf-8", newline="")), start=2)}

    imported = import_sheet(store, None, path, "Ann")

    assert [review.pair_id for review in imported.reviews] == ["short"]
    assert len(imported.faults) == 1
    assert fault in imported.faults[0]
    if "pair_id" not in cells:
        assert imported.faults[0].startswith(f"line {lines[name]}: ")


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_text('pair_id,decision,answer\r\na,keep,"two\nlines"\r\n\r\nb,drop,one\r\n', encoding="utf-8", newline="")

    assert [(line.number, line.cells["pair_id"]) for line in read_sheet(path)] == [(2, "a"), (5, "b")]


@pytest.mark.parametrize(
    ("content", "what"), [(b"\xff\xfe\x00", "cannot be read"), (b"a,b\n1,2\n", "no columns"), (b"", "no columns")]
)  # fmt: skip
def test_what_is_no_sheet_is_refused_whole(store, tmp_path, content, what):
    (tmp_path / "sheet.csv").write_bytes(content)

    with pytest.raises(ConfigError, match=what):
        import_sheet(store, None, tmp_path / "sheet.csv", "Ann")


def test_somebody_must_be_named(store, tmp_path):
    with pytest.raises(ConfigError, match="nobody is named"):
        import_sheet(store, None, tmp_path / "sheet.csv", "  ")


def test_without_pairs_there_is_nothing_to_review(tmp_path):
    store = Warehouse(tmp_path)
    store.prepare()

    with pytest.raises(MissingPrerequisite, match="no pairs"):
        export_sheet(store, None, tmp_path / "sheet.csv")


def review_of(name, decision, before=None, at=NOW, **texts):
    (line,) = [Line(2, {"pair_id": name, "decision": decision, **texts})]
    given_pair = next(pair for pair in PAIRS if pair.pair_id == name)
    row = {
        "pair_id": name, "document_id": "d1", "question": given_pair.bare_question, "answer": given_pair.answer,
        "answer_key": given_pair.answer_key, "quote": TORQUE, "status": "kept", "status_detail": None, "rereads": True,
        "answer_kind": given_pair.answer_kind,
    }  # fmt: skip
    decided = decide([line], {name: row}, {name: before} if before else {}, "Ann", at)
    assert decided.faults == []
    return decided.reviews[0]


def test_drop_and_keep_win_over_the_rules():
    curated = curate([review_of("torque", "drop", note="trivial"), review_of("short", "keep")])

    assert [(row.item_id, row.reason, row.detail) for row in curated.rejected] == [("torque", "dropped_by_reviewer", "Ann: trivial")]
    assert {row.pair_id: row.flags for row in curated.kept}["short"][-1] == "kept_by_reviewer"


def test_a_change_is_a_new_pair_of_the_same_fact_and_evidence_and_the_old_one_says_so():
    review = review_of("torque", "change", question="What torque does the outlet flange take?", answer="It takes 24.5 Nm.")

    curated = curate([review])

    (new,) = curated.new_pairs
    assert (new.generator, new.parent_id, new.fact_id, new.answer_key) == ("person", "torque", PAIRS[0].fact_id, "24.5 Nm")
    assert new.bare_question == "What torque does the outlet flange take?"
    assert new.question.count("Kestrel K-9") == 1
    assert [(span.pair_id, span.quote, span.char_from) for span in curated.new_evidence] == [(new.pair_id, TORQUE, 0)]
    assert ("torque", "changed_by_reviewer") in [(row.item_id, row.reason) for row in curated.rejected]
    assert {row.pair_id: row.flags for row in curated.kept}[new.pair_id] == ("changed_by_reviewer",)
    assert len(curated.kept) + len(curated.rejected) == len(PAIRS) + 1


def test_a_changed_pair_can_be_reviewed_again():
    change = review_of("torque", "change", answer="It takes 24.5 Nm.")
    again = replace(change, review_id="r2", pair_id=rewritten_id(change), answer="At 24.5 Nm.")
    dropped = replace(change, review_id="r3", pair_id=rewritten_id(again), decision="drop")
    decisions = standing([change, again, dropped])

    heard = concerning([pair.pair_id for pair in PAIRS], decisions)
    curated = curate(heard)

    assert {review.review_id for review in heard} == {change.review_id, "r2", "r3"}
    assert [pair.answer for pair in curated.new_pairs] == ["It takes 24.5 Nm.", "At 24.5 Nm."]
    assert {row.item_id: row.reason for row in curated.rejected} | {
        "torque": "changed_by_reviewer", rewritten_id(change): "changed_by_reviewer", rewritten_id(again): "dropped_by_reviewer"
    } == {row.item_id: row.reason for row in curated.rejected}  # fmt: skip


def test_no_one_can_keep_what_does_not_stand_in_its_page():
    keep = review_of("torque", "keep")
    moved = [replace(span, char_from=1) if span.pair_id == "torque" else span for span in EVIDENCE]

    assert "evidence_not_verbatim" in [row.reason for row in curate([keep], moved).rejected]


def test_a_keep_without_evidence_that_rereads_is_refused_at_import(tmp_path, store):
    moved = [replace(span, char_from=1) if span.pair_id == "torque" else span for span in EVIDENCE]
    curated = curate((), moved)
    store.land("g", {t.CHUNKS: [CHUNK], t.QA_PAIRS: PAIRS, t.EVIDENCE: moved}, stage="generate")
    store.land("c", {t.KEPT_PAIRS: curated.kept, t.REJECTED: curated.rejected}, stage="curate")

    imported = import_sheet(store, None, edited(store, tmp_path / "sheet.csv", {"torque": {"decision": "keep"}}), "Ann")

    assert imported.reviews == []
    assert "its evidence does not stand in the page that it names (evidence_not_verbatim)" in imported.faults[0]


def test_a_duplicate_cannot_be_kept_beside_its_elder(tmp_path, store):
    store.land(
        "x", {t.REJECTED: [t.Rejected("r", "deduplicate", "relay", "d1", "near_duplicate", "of torque, cosine 0.97")]}, stage="deduplicate"
    )
    record_units(store, "r1", "deduplicate", [Unit("x", "deduplicate", "1 document")])

    imported = import_sheet(store, None, edited(store, tmp_path / "sheet.csv", {"relay": {"decision": "keep"}}), "Ann")

    assert "deduplicate took it out (near_duplicate, of torque, cosine 0.97)" in imported.faults[0]


def test_of_two_machines_decisions_the_later_holds():
    one, other = review_of("torque", "drop"), review_of("torque", "keep", at=LATER)

    assert standing([one, other])["torque"].decision == standing([other, one])["torque"].decision == "keep"


def test_the_same_decisions_give_the_same_rows():
    decided = [review_of("torque", "change", answer="It takes 24.5 Nm."), review_of("short", "keep")]

    assert curate(decided) == curate(list(reversed(decided)))

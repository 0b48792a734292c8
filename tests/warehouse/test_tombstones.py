"""A document that is gone: what its last run held of it, which adapters learnt it, and that it may come back."""

import pytest

from flows.gone import gone_since, land_tombstones
from tasks.find_files import SourceFile
from tasks.units import Unit, record_units
from warehouse import tables as t
from warehouse.store import Warehouse
from warehouse.views import query

from .conftest import make_document


def source(document: str, sha256: str | None = None) -> SourceFile:
    return SourceFile(None, f"{document}.pdf", None, sha256 or document * 3, 9, document, None, is_pdf=True)


def land_documents(
    store: Warehouse, run_id: str, documents: list[str], *, status: str | None = "completed", sources: str = "papers"
) -> None:
    """A run over ``documents``: each with a chunk, a pair and a place in a set; the train pairs are learnt by the run's adapter."""
    settings = f'{{"sources": ["{sources}"]}}'
    store.land(f"run-{run_id}", {t.RUNS: [t.Run(run_id, f"2026-01-0{run_id[1:]}", "", settings, "{}", None, None, "{}")]}, stage="run")
    units = []
    for name in documents:
        rows = {
            t.DOCUMENTS: [make_document(name, f"{name}.pdf")],
            t.CHUNKS: [t.Chunk(f"c-{name}", name, 0, "", "body", "text", 1)],
            t.QA_PAIRS: [t.QaPair(f"p-{name}", name, f"c-{name}", "f", 0, "Q?", "Q?", "A", None, "text", "p", "g/1")],
        }
        store.land(f"u-{name}", rows, stage="ingest", label=f"{name}.pdf")
        units.append(Unit(f"u-{name}", "ingest", f"{name}.pdf"))
    splits = [t.SplitRow(f"p-{name}", name, "f", "l", "train" if name != "d3" else "test_unseen_fact") for name in documents]
    learnt = [t.TrainingExample(f"e-{run_id}-{name}", f"a-{run_id}", f"p-{name}", "train", 9, is_truncated=False) for name in documents]
    adapter = t.Adapter(f"a-{run_id}", "tiny", "0", "weights/a", "1", 8, 1, 1.0, 1.0, is_live=True)
    store.land(f"s-{run_id}", {t.SPLITS: splits, t.ADAPTERS: [adapter], t.TRAINING_EXAMPLES: learnt[:2]}, stage="split")
    record_units(store, run_id, "ingest", units)
    record_units(store, run_id, "split", [Unit(f"s-{run_id}", "split", "all")])
    if status:
        result = t.RunResult(run_id, f"2026-01-0{run_id[1:]}T12", status, 1, 1, 0, 0, "")
        store.land(f"end-{run_id}", {t.RUN_RESULTS: [result]}, stage="run")


@pytest.fixture
def two_runs(store) -> Warehouse:
    """Run r1 over d1, d2 and d3; then r2, which does not find d1."""
    land_documents(store, "r1", ["d1", "d2", "d3"])
    land_documents(store, "r2", ["d2", "d3"], status=None)
    return store


def test_a_document_that_is_not_found_any_more_gets_a_tombstone(two_runs):
    (stone,) = land_tombstones(two_runs, "r2", [source("d2"), source("d3")])

    assert (stone.document_id, stone.file_name, stone.last_run_id, stone.noticed_run_id) == ("d1", "d1.pdf", "r1", "r2")
    assert [stone.file_name for stone in gone_since(two_runs, "r2")] == ["d1.pdf"]
    (row,) = query(two_runs, "from tombstoned_documents").to_pylist()
    counts = {name: row[name] for name in ("n_chunks", "n_pairs", "n_train", "n_validation", "n_test", "n_adapters", "is_back")}
    assert counts == {"n_chunks": 1, "n_pairs": 1, "n_train": 1, "n_validation": 0, "n_test": 0, "n_adapters": 1, "is_back": False}
    kinds = query(two_runs, "select kind, item_id, split from stg_tombstoned_rows order by all").to_pylist()
    assert [(row["kind"], row["item_id"], row["split"]) for row in kinds] == [
        ("chunk", "c-d1", None),
        ("document", "d1", None),
        ("pair", "p-d1", None),
        ("set_member", "p-d1", "train"),
    ]


def test_which_adapters_saw_a_document_is_a_query_over_all_runs(two_runs):
    land_tombstones(two_runs, "r2", [source("d2"), source("d3")])

    rows = query(two_runs, "select file_name, adapter_id, n_train_pairs, is_gone from adapters_that_saw").to_pylist()

    assert [tuple(row.values()) for row in rows] == [
        ("d1.pdf", "a-r1", 1, True),
        ("d2.pdf", "a-r1", 1, False),
        ("d2.pdf", "a-r2", 1, False),
        ("d3.pdf", "a-r2", 1, False),
    ]


def test_it_is_noticed_once_also_when_the_run_that_noticed_failed(two_runs):
    land_tombstones(two_runs, "r2", [source("d2"), source("d3")])
    land_documents(two_runs, "r3", ["d2"], status=None)

    stones = land_tombstones(two_runs, "r3", [source("d2")])

    assert {stone.document_id for stone in stones} == {"d1", "d3"}
    rows = query(two_runs, "select document_id, noticed_run_id from tombstones order by all").to_pylist()
    assert [tuple(row.values()) for row in rows] == [("d1", "r2"), ("d3", "r3")]


def test_a_document_that_comes_back_is_no_longer_gone(two_runs):
    land_tombstones(two_runs, "r2", [source("d2"), source("d3")])
    two_runs.land("end-r2", {t.RUN_RESULTS: [t.RunResult("r2", "2026-01-02T12", "completed", 1, 1, 0, 0, "")]}, stage="run")
    stone = query(two_runs, "from tombstones").to_pylist()[0]
    later = f"9{stone['noticed_at'][1:]}"
    land_documents(two_runs, "r3", ["d1", "d2", "d3"])
    two_runs.land("run-r3", {t.RUNS: [t.Run("r3", later, "", '{"sources": ["papers"]}', "{}", None, None, "{}")]}, stage="run")

    assert land_tombstones(two_runs, "r3", [source("d1"), source("d2"), source("d3")]) == []
    assert gone_since(two_runs, "r3") == []
    assert [row["is_back"] for row in query(two_runs, "from tombstoned_documents").to_pylist()] == [True]
    assert {row["is_gone"] for row in query(two_runs, "from adapters_that_saw").to_pylist()} == {False}


def test_a_renamed_file_and_one_of_which_a_copy_is_left_are_not_gone(two_runs):
    renamed = source("d1", "d1" * 3)

    assert land_tombstones(two_runs, "r2", [renamed, source("d2"), source("d3")]) == []


def test_a_run_over_other_sources_notices_nothing(store):
    land_documents(store, "r1", ["d1", "d2", "d3"])
    land_documents(store, "r2", ["d2"], status=None, sources="elsewhere")

    assert land_tombstones(store, "r2", [source("d2")]) == []
    assert query(store, "from tombstones").to_pylist() == []

"""A file that is deleted from its folder, and comes back: the others keep their units and sets, and nothing is computed that stood."""

import shutil

import pytest

from flows.summary import run_summary, status_text
from warehouse.checks import run_checks
from warehouse.store import Warehouse
from warehouse.views import query

from .small_runs import NAMES, contents, done_since, records, run

pytestmark = pytest.mark.slow
GONE = NAMES[1]


def sets(store: Warehouse) -> dict[str, tuple[str, str]]:
    rows = query(store, "select s.pair_id, s.split, d.file_name from splits s join documents d using (document_id)").to_pylist()
    return {row["pair_id"]: (row["file_name"], row["split"]) for row in rows}


def test_a_deleted_document_is_tombstoned_the_others_keep_their_sets_and_it_may_come_back(store, pages, tmp_path):
    folder = shutil.copytree(pages, tmp_path / "papers")
    run(folder, store.root)  # other sources than the finished run's: this one is the first to look here
    first, first_contents = sets(store), contents(store)
    before = records(store)
    (folder / f"{GONE}.pdf").rename(tmp_path / "kept.pdf")

    run(folder, store.root)

    second = sets(store)
    assert {pair: place for pair, place in first.items() if place[0] != f"{GONE}.pdf"} == second
    assert not set(done_since(store, before).values()) & {"ingest", "chunk", "embed", "generate", "curate"}
    (row,) = query(store, "from tombstoned_documents").to_pylist()
    assert (row["file_name"], row["is_back"]) == (f"{GONE}.pdf", False)
    of_it = [split for file, split in first.values() if file == f"{GONE}.pdf"]
    assert row["n_train"] + row["n_validation"] + row["n_test"] == len(of_it) > 0
    assert row["n_pairs"] >= len(of_it)
    assert f"1 document is gone since the last run: {GONE}.pdf" in run_summary(store, None)
    assert "1 document is gone" in status_text(store)
    saw = query(store, f"select adapter_id, is_gone from adapters_that_saw where file_name = '{GONE}.pdf'").to_pylist()
    assert bool(saw) == ("train" in of_it)
    assert all(one["is_gone"] for one in saw)
    assert {check.name: check.offenders.to_pylist()[:3] for check in run_checks(store) if not check.holds} == {}

    before = records(store)
    (tmp_path / "kept.pdf").rename(folder / "back under another name.pdf")
    run(folder, store.root)

    assert done_since(store, before) == {}
    assert contents(store) == first_contents
    assert "gone since" not in status_text(store)
    assert [row["is_back"] for row in query(store, "from tombstoned_documents").to_pylist()] == [True]

"""What a unit was made from is in its commit: done again with the same outcome nothing is stale, with another one what read it is."""

import json

import pytest

from tasks.units import Made, Unit, land_once, record_failure, record_units, unit
from warehouse.checks import run_checks
from warehouse.commits import Origin
from warehouse.errors import TunehouseError
from warehouse.store import Warehouse
from warehouse.tables import DOCUMENTS, LLM_CALLS, RUNS, VERDICTS, LlmCall, Run
from warehouse.views import query, write_duckdb

from .conftest import make_document, make_verdict

UP, MIDDLE, END = Unit("up", "ingest", "a.pdf"), Unit("middle", "judge", "batch", ("up",)), Unit("end", "judge", "all", ("middle",))


def call(asked_at: str, usd: float) -> LlmCall:
    texts = ["ask", "0" * 64, "p/m", "m", "{}"]
    figures = (None, 1, 1, 1, 0.5, usd)
    return LlmCall(
        "c1", "k1", "generate", "x", "d1", *texts, 0, "[]", "yes", "stop", "ok", *figures, is_from_ledger=False, asked_at=asked_at
    )  # fmt: skip


def make(word: str):
    return lambda: Made({DOCUMENTS: [make_document("d1", word)]})


@pytest.fixture
def chain(store) -> Warehouse:
    """Three units of run r1, each made from the one before."""
    for work in (UP, MIDDLE, END):
        land_once(store, work, make("a.pdf") if work is UP else lambda: Made({VERDICTS: [make_verdict("q1")]}))
    store.land("run-r1", {RUNS: [Run("r1", "2026-01-01", "", "{}", "{}", None, None, "{}")]}, stage="run")
    for stage, works in (("ingest", [UP]), ("judge", [MIDDLE, END])):
        record_units(store, "r1", stage, works)
    return store


def again(work: Unit) -> Unit:
    return Unit(work.unit_id, work.stage, work.label, work.reads, is_again=True)


def stale(store: Warehouse) -> list[tuple[str, bool]]:
    return [(row["unit_id"], row["is_certain"]) for row in query(store, "from stale_units").to_pylist()]


def test_a_commit_says_what_it_was_made_from_and_how_long_that_took(chain):
    assert chain.commit("middle").reads == {"up": chain.commit("up").content}
    assert chain.commit("up").reads == {}
    assert chain.commit("end").work_seconds >= 0.0


def test_work_done_again_with_the_same_outcome_leaves_everything_fresh(chain):
    assert land_once(chain, again(UP), make("a.pdf")).is_new

    assert all(chain.is_landed(work.unit_id) for work in (UP, MIDDLE, END))
    assert stale(chain) == []


def test_another_outcome_makes_what_read_it_stale_until_it_is_made_anew(chain):
    land_once(chain, again(UP), make("b.pdf"))

    assert not chain.is_landed("middle")
    assert chain.is_landed("end")  # whether it is stale is known once `middle` has been made anew
    assert stale(chain) == [("middle", True), ("end", False)]
    assert [c.offenders.num_rows for c in run_checks(chain, "r1") if c.name == "no_unit_is_stale"] == [1]

    landed = land_once(chain, MIDDLE, lambda: Made({VERDICTS: [make_verdict("q1")]}))

    assert landed.is_new
    assert chain.is_landed("end")
    assert stale(chain) == []


def test_a_change_that_comes_while_the_work_is_under_way_is_noticed(chain):
    def make_while_it_changes() -> Made:
        land_once(chain, again(UP), make("b.pdf"))
        return Made({VERDICTS: [make_verdict("q1")]})

    land_once(chain, again(MIDDLE), make_while_it_changes)

    assert not chain.is_landed("middle")


def test_work_that_fails_when_done_again_leaves_what_stood(chain):
    def fail() -> Made:
        raise TunehouseError("no", where="here", mend="there")

    with pytest.raises(TunehouseError):
        land_once(chain, again(UP), fail)

    assert all(chain.is_landed(work.unit_id) for work in (UP, MIDDLE, END))


def test_times_and_money_are_no_content(store):
    first = store.land("u1", {DOCUMENTS: [make_document("d1")], LLM_CALLS: [call("2026-01-01", 0.1)]})
    second = store.land("u1", {DOCUMENTS: [make_document("d1")], LLM_CALLS: [call("2026-01-02", 0.0)]})
    third = store.land("u1", {DOCUMENTS: [make_document("d2")], LLM_CALLS: [call("2026-01-02", 0.0)]})

    assert first.content == second.content != third.content


def test_a_unit_that_was_taken_back_is_to_do_and_makes_nothing_stale(chain):
    with chain.lock("up"):
        chain.retract("up")

    assert not chain.is_landed("up")
    assert chain.is_landed("middle")
    assert Warehouse(chain.root).commit("up") is None


def test_a_unit_named_by_content_is_stale_only_by_what_its_reads_name(chain):
    work = unit("train", 1, "LoRA", inputs=["x"], reads=["up"], also_reads=["middle"], is_named_by_content=True)
    land_once(chain, work, lambda: Made({VERDICTS: [make_verdict("q7")]}))
    land_once(chain, again(MIDDLE), lambda: Made({VERDICTS: [make_verdict("q2")]}))
    assert chain.is_landed(work.unit_id)

    land_once(chain, again(UP), make("c.pdf"))
    assert not chain.is_landed(work.unit_id)
    assert work.reads == ("up", "middle")


def test_what_else_a_unit_reads_does_not_rename_it(chain):
    plain = unit("split", 1, "all", reads=["up"])

    assert unit("split", 1, "all", reads=["up"], also_reads=["middle", "up"]).unit_id == plain.unit_id
    assert unit("split", 1, "all", reads=["up", "middle"]).unit_id != plain.unit_id


def test_commit_records_from_before_contents_were_recorded_are_read(chain):
    path = chain.root / "commits" / "up.json"
    record = json.loads(path.read_bytes())
    path.write_text(json.dumps({name: value for name, value in record.items() if name not in {"content", "reads", "work_seconds"}}))

    assert Warehouse(chain.root).commit("up").content == record["content"]
    assert Warehouse(chain.root).is_landed("middle")


def test_a_run_record_that_says_the_same_is_not_landed_again(chain):
    before = {commit.unit_id: commit.committed_at for commit in chain.commits()}
    record_units(chain, "r1", "judge", [MIDDLE, END])
    assert {commit.unit_id: commit.committed_at for commit in chain.commits()} == before

    record_units(chain, "r1", "judge", [MIDDLE])
    assert {commit.unit_id: commit.committed_at for commit in chain.commits()} != before


def test_a_failure_is_a_row_until_the_unit_is_landed(chain):
    lost = Unit("lost", "judge", "batch 2")
    record_units(chain, "r1", "judge", [MIDDLE, END, lost])
    for task_run in ("t1", "t1", "t2"):
        record_failure(chain, lost, TunehouseError(f"broken in {task_run}", where="x", mend="y"), Origin("f1", task_run))

    (row,) = query(chain, "from failures").to_pylist()
    assert (row["run_id"], row["stage"], row["label"], row["n_failures"]) == ("r1", "judge", "batch 2", 2)
    assert (row["error_type"], row["redo"], row["task_run_id"]) == ("TunehouseError", "tunehouse rerun lost", "t2")
    assert row["error"].startswith("broken in t2")

    land_once(chain, lost, lambda: Made({VERDICTS: [make_verdict("q2")]}))
    assert query(chain, "from failures").to_pylist() == []
    assert query(chain, "select count(*) as n from unit_failures").to_pylist() == [{"n": 2}]
    write_duckdb(chain)

import json
import multiprocessing
import os
import signal
import time

import pytest

from tasks.units import Made, Unit, land_once, record_units, units_of
from warehouse.errors import SchemaError, TunehouseError
from warehouse.store import Warehouse, write_atomically
from warehouse.tables import CHUNKS, VERDICTS, Chunk, Verdict


def verdicts(n: int, word: str = "first") -> list[Verdict]:
    return [Verdict(f"v{at:06}", "tuned:base", f"p{at}", "similarity/1", "none", 0, word, "x" * 50) for at in range(n)]


def test_a_unit_lands_whole_with_a_record_that_names_its_parts(store):
    commit = store.land("u1", {VERDICTS: verdicts(3), CHUNKS: []}, stage="judge", label="batch 1")

    assert store.is_landed("u1")
    assert [(part.table, part.n_rows) for part in commit.parts] == [("verdicts", 3), ("chunks", 0)]
    assert all(part.file == f"{part.table}/u1-{part.sha256[:12]}.parquet" for part in commit.parts)
    assert store.rows(VERDICTS, ["u1"]) == verdicts(3)
    assert store.verify() == []


def test_landing_the_same_rows_again_leaves_the_same_bytes(store):
    first = store.land("u1", {VERDICTS: verdicts(3)})
    again = store.land("u1", {VERDICTS: list(reversed(verdicts(3)))})

    assert first.parts == again.parts


def test_a_part_without_a_commit_does_not_exist_and_is_swept(store):
    store.land("u1", {VERDICTS: verdicts(1)})
    (store.root / "commits" / "u1.json").unlink()
    (store.root / "verdicts" / ".u2-abc.parquet.99.1.tmp").write_bytes(b"torn")

    assert store.rows(VERDICTS, ["u1"]) == []
    assert store.sweep() == 2
    assert list((store.root / "verdicts").iterdir()) == []


def test_the_sweep_leaves_what_somebody_is_writing(store):
    (store.root / "verdicts" / "u9-abc.parquet").write_bytes(b"not committed yet")

    with store.lock("u9"):
        assert Warehouse(store.root).sweep() == 0
    assert Warehouse(store.root).sweep() == 1


def test_a_bad_row_lands_nothing(store):
    bad = Verdict("v", "tuned:base", "p", "similarity/1", "none", 0, "won", "")

    with pytest.raises(SchemaError, match="'won', not one of"):
        store.land("u1", {CHUNKS: [], VERDICTS: [bad]})
    assert store.commit("u1") is None
    assert list((store.root / "chunks").iterdir()) == []


def test_a_unit_with_retryable_rows_is_readable_and_still_pending(store):
    store.land("u1", {VERDICTS: verdicts(2)}, n_retryable=1)
    assert not store.is_landed("u1")
    assert len(store.rows(VERDICTS, ["u1"])) == 2

    store.land("u1", {VERDICTS: verdicts(3)})
    assert store.is_landed("u1")
    assert len(store.rows(VERDICTS, ["u1"])) == 3


def test_work_that_stands_committed_is_not_done_again(store):
    work = Unit("u1", "judge", "batch")
    calls = []

    landed = [land_once(store, work, lambda: calls.append(1) or Made({VERDICTS: verdicts(1)})) for _ in range(3)]

    assert [one.is_new for one in landed] == [True, False, False]
    assert calls == [1]


def test_every_changed_byte_of_a_part_is_found(store):
    commit = store.land("u1", {VERDICTS: verdicts(200)})
    path = store.root / commit.parts[0].file
    content = path.read_bytes()
    for at in range(0, len(content), 97):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert store.verify(), f"byte {at}"
    path.unlink()
    assert "missing" in store.verify()[0]


def test_a_full_disk_leaves_what_stood_and_says_so(store, monkeypatch):
    store.land("u1", {VERDICTS: verdicts(2)})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TunehouseError, match="No space left"):
        store.land("u1", {VERDICTS: verdicts(3)})
    monkeypatch.undo()

    assert len(Warehouse(store.root).rows(VERDICTS, ["u1"])) == 2
    assert Warehouse(store.root).verify() == []


def test_a_folder_that_cannot_be_written_is_refused_at_once(tmp_path):
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(TunehouseError, match="cannot be written"):
        Warehouse(tmp_path / "file").prepare()


def test_a_newer_layout_is_refused(store):
    (store.root / "layout.json").write_text(json.dumps({"layout": 99}))

    with pytest.raises(TunehouseError, match="layout 99"):
        Warehouse(store.root).prepare()


def test_the_units_of_a_run_come_back_in_order_over_all_parts(store):
    units = [Unit(f"u{at}", "ingest", f"file {at}", ("up",)) for at in range(5)]
    record_units(store, "r1", "ingest", units[:3], part=0)
    record_units(store, "r1", "ingest", units[3:], part=1)

    assert units_of(store, "r1", "ingest") == units
    assert units_of(store, "r1", "chunk") == []


def land_for_ever(root: str, started) -> None:
    store = Warehouse(root)
    started.set()
    for at in range(10_000):
        store.land(f"unit{at}", {VERDICTS: verdicts(2000), CHUNKS: [Chunk(f"c{at}", "d", 0, "", "body", "t", 1)]}, stage="judge")


def test_a_killed_writer_leaves_no_torn_unit(store):
    context = multiprocessing.get_context("spawn")
    left_over = n_units = 0
    for turn in range(4):
        started = context.Event()
        writer = context.Process(target=land_for_ever, args=(str(store.root), started))
        writer.start()
        assert started.wait(60)
        while not Warehouse(store.root).commits():
            time.sleep(0.01)
        time.sleep(0.11 + 0.037 * turn)
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        fresh = Warehouse(store.root)
        n_units = max(n_units, len(fresh.commits()))
        assert fresh.verify() == []
        assert all(len(fresh.rows(VERDICTS, [commit.unit_id])) == 2000 for commit in fresh.commits())
        left_over += fresh.sweep()
    assert n_units > 0, "no kill came after a commit: the test showed nothing"


def test_writing_aside_never_shows_half_a_file(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"one")
    write_atomically(path, b"two" * 1000)

    assert path.read_bytes() == b"two" * 1000
    assert list(tmp_path.iterdir()) == [path]

import duckdb
import pyarrow.parquet as pq
import pytest

from warehouse.errors import ConfigError, TunehouseError
from warehouse.tables import DOCUMENTS, TABLES, VERDICTS
from warehouse.views import connect, query, shipped_views, write_duckdb

from .conftest import land_run, make_document, make_verdict


def pairs(table):
    return sorted((row["run_id"], row["pair_id"]) for row in table.to_pylist())


def test_a_table_shows_the_latest_finished_run(judged):
    assert pairs(query(judged, "from verdicts")) == [("r2", "q1"), ("r2", "q2")]


def test_a_named_run_shows_its_own_rows_and_a_shared_unit_serves_both(judged):
    assert pairs(query(judged, "from verdicts", "r1")) == [("r1", "q1")]
    assert pairs(query(judged, "from verdicts", "all")) == [("r1", "q1"), ("r2", "q1"), ("r2", "q2")]


def test_a_failed_run_does_not_hide_the_one_before(judged):
    land_run(judged, "r3", "judge", ["new"], status="failed", at="2026-01-03")

    assert {row["run_id"] for row in query(judged, "from verdicts").to_pylist()} == {"r2"}


def test_rows_of_no_run_are_seen_only_among_all(judged):
    judged.land("stray", {VERDICTS: [make_verdict("q9")]})

    assert ("r2", "q9") not in pairs(query(judged, "from verdicts"))
    assert [row["pair_id"] for row in query(judged, "from verdicts where run_id is null", "all").to_pylist()] == ["q9"]


def test_an_unknown_run_is_refused(judged):
    with pytest.raises(ConfigError, match="there is no run r7"):
        query(judged, "from verdicts", "r7")


def test_every_table_and_view_can_be_queried_in_an_empty_warehouse(store):
    with connect(store) as con:
        for name in [*(table.name for table in TABLES), *shipped_views()]:
            assert con.execute(f"select count(*) from {name}").fetchone()[0] >= 0, name


def test_every_view_names_its_grain_first():
    assert [name for name, select in shipped_views().items() if not select.startswith("-- One row per ")] == []


def test_the_duckdb_file_answers_the_same_to_any_reader(judged):
    path = write_duckdb(judged)

    with duckdb.connect(str(path), read_only=True) as con:
        assert con.sql("select run_id, pair_id from verdicts order by all").fetchall() == [("r2", "q1"), ("r2", "q2")]
        assert con.execute("select count(*) from pages").fetchone() == (0,)
        con.execute("set variable run_id = 'r1'")
        assert con.sql("select run_id, pair_id from verdicts").fetchall() == [("r1", "q1")]
        for name in shipped_views():
            con.sql(f"from {name}").fetchall()


def test_a_changed_page_is_refused_not_answered(store):
    rows = [make_verdict(f"q{at}") for at in range(3000)]
    (part,) = store.land("u1", {VERDICTS: rows}).parts
    path = store.root / part.file
    column = pq.read_metadata(path).row_group(0).column(VERDICTS.schema.get_field_index("pair_id"))
    content = bytearray(path.read_bytes())
    content[(column.dictionary_page_offset or column.data_page_offset) + column.total_compressed_size // 2] ^= 1
    path.write_bytes(bytes(content))

    with pytest.raises(duckdb.Error, match=r"(?i)crc|checksum"):
        query(store, "select sum(hash(pair_id)) from verdicts", "all")
    with pytest.raises(TunehouseError, match="run again: the unit is made anew"):
        store.rows(VERDICTS, ["u1"])


def test_parts_from_before_a_column_was_declared_show_null_in_it(store):
    (part,) = store.land("u1", {DOCUMENTS: [make_document("d1")]}).parts
    land_run(store, "r1", "ingest", ["u1"])
    path = store.root / part.file
    pq.write_table(pq.read_table(path, partitioning=None).drop_columns(["duplicate_of"]), path)

    with duckdb.connect(str(write_duckdb(store)), read_only=True) as con:
        assert con.sql("select document_id, duplicate_of, unit_id from documents").fetchall() == [("d1", None, "u1")]
    assert query(store, "select document_id, duplicate_of from documents").to_pylist() == [{"document_id": "d1", "duplicate_of": None}]

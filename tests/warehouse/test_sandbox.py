import hashlib
import time

import pytest

from warehouse.errors import TunehouseError
from warehouse.sandbox import SandboxParams, select
from warehouse.tables import VERDICTS

from .conftest import make_verdict

ATTACKS = [
    "copy (select 1) to 'stolen.csv'",
    "copy verdicts to '{root}/verdicts/x.parquet'",
    "export database '{root}/out'",
    "attach '{root}/new.db'",
    "select 1; copy (select 1) to 'stolen.csv'",
    "explain analyze copy (select 1) to '{root}/stolen.csv'",
    "create table t as select 1",
    "drop view verdicts",
    "delete from verdicts",
    "install httpfs",
    "load httpfs",
    "set enable_external_access = true",
    "set lock_configuration = false",
    "pragma database_list",
    "call pragma_version()",
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from read_blob('{root}/layout.json')",
    "select * from read_parquet('{root}/verdicts/*.parquet')",
    "select * from '{root}/layout.json'",
    "select * from glob('/etc/*')",
    "select * from 'https://example.org/x.csv'",
    "select * from sniff_csv('/etc/passwd')",
    "from secret_frame",
]


def tree(root):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in root.rglob("*") if path.is_file()}


def test_one_select_is_answered(store):
    store.land("u1", {VERDICTS: [make_verdict("q1")]})

    table = select(store, "select pair_id, 1 + 1 as two from verdicts;", run="all")

    assert table.to_pylist() == [{"pair_id": "q1", "two": 2}]


def test_a_bare_name_shows_that_view(store):
    store.land("u1", {VERDICTS: [make_verdict("q1")]})

    assert [row["pair_id"] for row in select(store, "verdicts", run="all").to_pylist()] == ["q1"]
    assert {"verdicts", "win_rate"} <= {row["table_name"] for row in select(store, "tables").to_pylist()}


def test_a_name_that_is_not_there_is_met_with_those_that_are(store):
    with pytest.raises(TunehouseError, match="no view or table winrate; is win_rate"):
        select(store, "winrate")
    with pytest.raises(TunehouseError, match=r"no view or table nosuchview\n"):
        select(store, "nosuchview")


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_not_a_harmless_select_is_refused_and_changes_nothing(store, attack):
    store.land("u1", {VERDICTS: [make_verdict("q1")]})
    before = tree(store.root)

    with pytest.raises(TunehouseError):
        select(store, attack.format(root=store.root))
    assert tree(store.root) == before


def test_the_first_attacks_are_refused(store):
    before = tree(store.root)
    for attack in ("copy (select 1) to '{root}/x.csv'", "select * from read_text('{root}/layout.json')"):
        with pytest.raises(TunehouseError):
            select(store, attack.format(root=store.root))
    assert tree(store.root) == before


def test_a_query_that_never_ends_is_stopped_at_the_deadline(store):
    started = time.monotonic()

    with pytest.raises(TunehouseError, match="stopped after 3 s"):
        select(store, "select sum(a.range * b.range) from range(10000000) a, range(10000000) b", params=SandboxParams(deadline_seconds=3))
    assert time.monotonic() - started < 30


def test_a_query_error_names_the_query_and_the_way_out(store):
    with pytest.raises(TunehouseError, match=r"(?s)nothing_there.*tunehouse sql tables"):
        select(store, "select * from nothing_there")

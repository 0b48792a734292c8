from dataclasses import dataclass
from typing import Annotated, Literal

import pyarrow as pa
import pytest

from warehouse.errors import SchemaError
from warehouse.schema import Table, from_arrow
from warehouse.tables import TABLES


@dataclass(frozen=True, slots=True)
class Bolt:
    """One row per bolt."""

    bolt_id: Annotated[str, "key"]
    torque: Annotated[float | None, "Nm"]
    size: Annotated[Literal["M6", "M8"], "thread"]
    box: Annotated[tuple[float, ...], "where"] = ()


BOLTS = Table("bolts", Bolt, key="bolt_id")


def test_a_dataclass_declares_the_arrow_schema():
    assert BOLTS.schema.names == ["bolt_id", "torque", "size", "box"]
    assert BOLTS.schema.field("torque").nullable
    assert not BOLTS.schema.field("size").nullable
    assert BOLTS.schema.field("box").type == pa.list_(pa.float64())
    assert BOLTS.schema.field("torque").metadata == {b"doc": b"Nm"}


def test_rows_come_back_as_they_went_in_sorted_by_key():
    rows = [Bolt("b", 4.5, "M8", (1.0, 2.0)), Bolt("a", None, "M6")]

    assert from_arrow(BOLTS, BOLTS.to_arrow(rows)) == [rows[1], rows[0]]


def test_no_rows_make_an_empty_table_with_the_whole_schema():
    assert BOLTS.to_arrow([]).schema == BOLTS.schema


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([Bolt(None, 1.0, "M6")], "bolt_id is null"),
        ([Bolt("a", 1.0, "M7")], "'M7', not one of M6, M8"),
        ([Bolt("a", 1.0, "M6"), Bolt("a", 2.0, "M8")], "given twice"),
        ([("a", 1.0, "M6")], "a tuple was given"),
        ([Bolt("a", "much", "M6")], "do not fit"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_with_its_place(rows, said):
    with pytest.raises(SchemaError, match=said):
        BOLTS.to_arrow(rows)


def test_a_part_from_before_a_column_was_declared_is_read_where_the_column_takes_nulls():
    whole = BOLTS.to_arrow([Bolt("a", 4.5, "M6", (1.0,))])

    assert from_arrow(BOLTS, whole.drop_columns("torque")) == [Bolt("a", None, "M6", (1.0,))]
    with pytest.raises(SchemaError, match="size is missing"):
        from_arrow(BOLTS, whole.drop_columns("size"))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_explains_every_column(table):
    assert table.doc
    assert table.key in table.schema.names
    assert all(column.doc for column in table.columns)

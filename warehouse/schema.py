"""Row type -> Arrow schema: the frozen dataclass is the one declaration of a table.

A field is annotated with ``str int float bool``, a ``Literal`` of strings, ``tuple[float, ...]`` (or of ``str``, ``int``), each
also ``| None``, wrapped in ``Annotated[type, "what it means"]``. A column without ``| None`` refuses nulls.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pyarrow as pa

from warehouse.errors import SchemaError

ARROW_TYPES: dict[type, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, whether it takes nulls, what it means, and the values it is limited to (if any)."""

    name: str
    arrow: pa.DataType
    nullable: bool
    doc: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table: its name, row type and key column."""

    name: str
    row_type: type
    key: str

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns in declared order."""
        hints = get_type_hints(self.row_type, include_extras=True)
        return tuple(_column(self.name, field.name, hints[field.name]) for field in fields(self.row_type))

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema, with each column's meaning as field metadata."""
        return pa.schema([pa.field(c.name, c.arrow, nullable=c.nullable, metadata={"doc": c.doc}) for c in self.columns])

    @property
    def doc(self) -> str:
        """The row type's docstring: what one row is."""
        return (self.row_type.__doc__ or "").strip()

    def to_arrow(self, rows: Sequence[Any]) -> pa.Table:
        """Rows -> Arrow table, sorted by key.

        Raises:
            SchemaError: a row of another type, a null where none may stand, a value outside a Literal, or a key given twice.
        """
        for at, row in enumerate(rows):
            if type(row) is not self.row_type:
                raise SchemaError(
                    f"a {type(row).__name__} was given to table {self.name}",
                    where=f"{self.name}, row {at}",
                    mend=f"land {self.row_type.__name__} rows there",
                )
        ordered = sorted(rows, key=lambda row: getattr(row, self.key))
        data = {c.name: [getattr(row, c.name) for row in ordered] for c in self.columns}
        self._refuse_bad_values(data)
        try:
            return pa.table({c.name: pa.array(data[c.name], c.arrow) for c in self.columns}, schema=self.schema)
        except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError) as error:
            raise SchemaError(
                f"rows do not fit table {self.name}: {error}", where=self.name, mend="fix the stage that made the rows"
            ) from error

    def _refuse_bad_values(self, data: dict[str, list[Any]]) -> None:
        ids = data[self.key]
        for at in range(1, len(ids)):
            if ids[at] == ids[at - 1]:
                raise SchemaError(
                    f"{self.key} {ids[at]} is given twice", where=self.name, mend="make the key depend on all that tells rows apart"
                )
        for column in self.columns:
            for row_id, value in zip(ids, data[column.name], strict=True):
                if value is None and not column.nullable:
                    wrong = "is null"
                elif value is not None and column.choices and value not in column.choices:
                    wrong = f"is {value!r}, not one of {', '.join(column.choices)}"
                else:
                    continue
                raise SchemaError(
                    f"{self.name}.{column.name} {wrong}", where=f"{self.key} {row_id}", mend="fix the stage that made the row"
                )


def _column(table: str, name: str, hint: Any) -> Column:
    doc = ""
    if get_origin(hint) is Annotated:
        hint, doc = get_args(hint)[:2]
    nullable = get_origin(hint) in (Union, types.UnionType)
    if nullable:
        (hint,) = [arm for arm in get_args(hint) if arm is not type(None)]
    if get_origin(hint) is Literal:
        return Column(name, pa.string(), nullable, doc, tuple(get_args(hint)))
    if get_origin(hint) is tuple:
        return Column(name, pa.list_(ARROW_TYPES[get_args(hint)[0]]), nullable, doc)
    if hint not in ARROW_TYPES:
        raise SchemaError(
            f"no Arrow type for {hint!r}", where=f"{table}.{name}", mend=f"use one of {', '.join(t.__name__ for t in ARROW_TYPES)}"
        )
    return Column(name, ARROW_TYPES[hint], nullable, doc)


def from_arrow(table: Table, data: pa.Table) -> list[Any]:
    """Arrow table -> rows of ``table``'s row type; columns that the type does not have are left out, later ones are null.

    Raises:
        SchemaError: a column that takes no nulls is missing: the part was written before the column was declared.
    """
    for column in table.columns:
        if column.name not in data.column_names:
            if not column.nullable:
                raise SchemaError(
                    f"column {column.name} is missing",
                    where=f"a part of table {table.name}",
                    mend="use a new warehouse, or delete the unit's commit",
                )
            data = data.append_column(column.name, pa.nulls(data.num_rows, column.arrow))
    names = [c.name for c in table.columns]
    tuples = {c.name for c in table.columns if pa.types.is_list(c.arrow)}
    rows: Iterable[dict[str, Any]] = data.select(names).to_pylist()
    return [table.row_type(**{n: tuple(v) if n in tuples and v is not None else v for n, v in row.items()}) for row in rows]

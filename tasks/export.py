"""A run's pairs -> files that other tools train on, by split, with a card that says what they are and where they came from."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.export_card import Card, ExportedFile, card_text
from warehouse.errors import ConfigError, MissingPrerequisite
from warehouse.store import Warehouse, file_sha256
from warehouse.tables import Split
from warehouse.views import connect, latest_finished_run

Format = Literal["chat", "alpaca", "sharegpt", "hf"]
SPLITS: tuple[str, ...] = get_args(Split)
CARD = "README.md"
Row = dict[str, Any]


def as_chat(row: Mapping[str, Any]) -> Row:
    """One conversation of two turns, as chat templates take it."""
    return {"messages": [{"role": "user", "content": row["question"]}, {"role": "assistant", "content": row["answer"]}]}


def as_alpaca(row: Mapping[str, Any]) -> Row:
    """Stanford Alpaca's three fields; nothing is put into ``input``."""
    return {"instruction": row["question"], "input": "", "output": row["answer"]}


def as_sharegpt(row: Mapping[str, Any]) -> Row:
    """ShareGPT's turns."""
    return {"conversations": [{"from": "human", "value": row["question"]}, {"from": "gpt", "value": row["answer"]}]}


FORMATS: dict[str, Callable[[Mapping[str, Any]], Row]] = {"chat": as_chat, "alpaca": as_alpaca, "sharegpt": as_sharegpt, "hf": as_chat}
"""How each format says a pair; where it came from stands beside it. ``hf`` is chat in Parquet, the others are JSON lines."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    folder: Path
    files: tuple[ExportedFile, ...]


def export_pairs(store: Warehouse, run: str | None, how: Format, splits: Sequence[str], folder: Path, *, licence: str) -> Exported:
    """Write the pairs of some splits (none named: of all) to a new folder, whole or not at all. ``run`` None: the latest finished one.

    The same run gives the same bytes.

    Raises:
        ConfigError: the folder holds something already, or there is no such split.
        MissingPrerequisite: the run has no pairs in these splits.
    """
    if unknown := sorted(set(splits) - set(SPLITS)):
        raise ConfigError(f"no split {', '.join(unknown)}", where="--split", mend=f"use some of {', '.join(SPLITS)}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError("there is something already", where=str(folder), mend="name a new folder with --out")
    name = run or latest_finished_run(store)
    with connect(store, name) as con:
        rows = [row for row in _pairs(con) if not splits or row["split"] in splits]
        if not rows:
            raise MissingPrerequisite(
                "there are no pairs to export",
                where=f"run {name}, splits {', '.join(splits) or 'all'}",
                mend="finish the run: `tunehouse run`",
            )
        card = _card(con, str(name), how, licence, rows)
    aside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        (aside / "data").mkdir(parents=True)
        card.files.extend(_write(aside, how, split, rows) for split in SPLITS if any(row["split"] == split for row in rows))
        (aside / CARD).write_text(card_text(card), encoding="utf-8")
        aside.replace(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Exported(folder, tuple(card.files))


def _pairs(con: duckdb.DuckDBPyConnection) -> list[Row]:
    """Every pair that stands in a set, with where it came from, in reading order."""
    return _rows(
        con,
        """
        with quoted as (
            select pair_id, list({page: page, char_from: char_from, quote: quote} order by rank) as evidence
            from evidence
            group by pair_id
        )
        select
            s.split, p.pair_id, p.question, p.answer, p.answer_key, p.answer_kind, p.fact_id, p.parent_id, p.generator, p.prompt_sha256,
            d.file_name as document, d.sha256 as document_sha256, d.title, c.section, e.evidence
        from splits s
        join qa_pairs p using (pair_id)
        left join documents d on d.document_id = p.document_id
        left join chunks c on c.chunk_id = p.chunk_id
        left join quoted e using (pair_id)
        order by d.file_name, c.rank, p.fact_id, p.wording, p.pair_id
        """,
    )


def _write(folder: Path, how: Format, split: str, rows: Sequence[Row]) -> ExportedFile:
    """One split's file: each pair as its format has it, then where it came from."""
    some = [row for row in rows if row["split"] == split]
    data = [FORMATS[how](row) | {name: value for name, value in row.items() if name != "split"} for row in some]
    path = folder / "data" / f"{split}.{'parquet' if how == 'hf' else 'jsonl'}"
    if how == "hf":
        pq.write_table(pa.Table.from_pylist(data, schema=_schema()), path, compression="zstd")
    else:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in data)
    return ExportedFile(split, f"data/{path.name}", len(data), file_sha256(path))


def _schema() -> pa.Schema:
    """Of the Parquet files: fixed, so that a split without keys or parents has the same columns as one with them."""
    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    span = pa.struct([("page", pa.int64()), ("char_from", pa.int64()), ("quote", pa.string())])
    texts = (
        "pair_id", "question", "answer", "answer_key", "answer_kind", "fact_id", "parent_id", "generator", "prompt_sha256",
        "document", "document_sha256", "title", "section",
    )  # fmt: skip
    return pa.schema([("messages", pa.list_(turn)), *((name, pa.string()) for name in texts), ("evidence", pa.list_(span))])


def _card(con: duckdb.DuckDBPyConnection, run_id: str, how: Format, licence: str, rows: Sequence[Row]) -> Card:
    prompts = {
        row["prompt_sha256"]: row["prompt"]
        for row in _rows(con, "select distinct prompt, prompt_sha256 from llm_calls where stage in ('generate', 'curate') order by all")
    }
    for sha256 in {row["prompt_sha256"] for row in rows if row["prompt_sha256"]}:
        prompts.setdefault(sha256, "")
    return Card(
        run_id=run_id,
        how=how,
        licence=licence,
        documents=Counter((row["document"] or "", row["split"]) for row in rows),
        generators=Counter(row["generator"] for row in rows),
        prompts=sorted((name, sha256) for sha256, name in prompts.items()),
        rejected=[(row["stage"], row["reason"], row["n"]) for row in _rows(con, "select stage, reason, n from rejections order by all")],
    )


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    return list(con.sql(sql).to_arrow_table().to_pylist())

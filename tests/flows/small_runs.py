"""Runs that are whole and small: a page of each of three papers, a few steps of training, a few words of answer."""

from collections.abc import Callable
from pathlib import Path

import pymupdf

from flows.run_config import RunConfig, load_config
from warehouse.store import Warehouse
from warehouse.views import query

from .conftest import PAPERS, ROOT

NAMES = ("tavelin-lab-protocol", "sarn-heights-incident-report", "mirefold-plate-loan-policy")


def save_pages(folder: Path, names=NAMES) -> None:
    """The first page of each paper as a PDF of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        with pymupdf.open(PAPERS / f"{name}.pdf") as paper:
            paper.select([0])
            paper.save(folder / f"{name}.pdf", no_new_id=True)


SMALL = (
    f"train.base_model={ROOT}/deployments/demo/tiny_base",
    "train.max_steps=2",
    "answer.max_new_tokens=4",
    "answer.batch_size=16",
    "split.rephrased_share=0.3",
    "split.unseen_document_share=0.3",
)


def settings(folder: Path, warehouse: Path, *overrides: str) -> RunConfig:
    return load_config(None, [*SMALL, *overrides], sources=(str(folder),), warehouse=str(warehouse))


def run(folder: Path, warehouse: Path, *overrides: str) -> str:
    from flows.pipeline import pipeline

    return pipeline(settings(folder, warehouse, *overrides))


def records(store: Warehouse) -> dict[str, str]:
    """Every unit's commit record as it stands on disk; the run's own ledgers are not units."""
    units = [commit.unit_id for commit in store.commits() if commit.stage != "run"]
    return {unit: (store.root / "commits" / f"{unit}.json").read_text() for unit in units}


def done_since(store: Warehouse, before: dict[str, str]) -> dict[str, str]:
    """Unit -> stage of every commit that is new or another than before."""
    after = records(store)
    assert before.keys() <= after.keys()
    return {unit: store.commit(unit).stage for unit in after if after[unit] != before.get(unit)}


def unit_of(store: Warehouse, stage: str, label: str = "", run_id: str | None = None) -> str:
    """A unit of the latest run (or ``run_id``) at a stage, whose label holds ``label``."""
    where = f"run_id = '{run_id}'" if run_id else "run_id = (select max(run_id) from runs)"
    rows = query(store, f"select unit_id, label from run_units where stage = '{stage}' and {where} order by rank", "all").to_pylist()
    return next(row["unit_id"] for row in rows if label in row["label"])


def contents(store: Warehouse) -> dict[str, str]:
    """Unit -> content of the latest finished run's units."""
    rows = query(store, "select distinct unit_id from run_units where run_id = (select max(run_id) from runs)", "all").to_pylist()
    return store.contents(row["unit_id"] for row in rows)


def blocked(like: Warehouse, store: Warehouse, unit: str) -> Callable[[], None]:
    """Have a unit fail in ``store``: a folder stands where its part goes, as its commit in ``like`` names it. Returns what mends it."""
    part = next(part for part in like.commit(unit).parts if part.table)
    place = store.root / part.file
    (place / "in the way").mkdir(parents=True)

    def mend() -> None:
        (place / "in the way").rmdir()
        place.rmdir()

    return mend

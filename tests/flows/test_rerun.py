"""Single units done again: the unit alone, or with what does not fit it any more; found by task run, by unit, with or without Prefect."""

import shutil
from pathlib import Path

import pytest

from flows.run_config import RunConfig, load_config
from flows.runs import STAGES
from warehouse.checks import run_checks
from warehouse.errors import ConfigError, MissingPrerequisite
from warehouse.store import Warehouse
from warehouse.tables import DOCUMENTS, QA_PAIRS, TABLES
from warehouse.views import query

from .conftest import PAPERS, ROOT

pytestmark = pytest.mark.slow
FEW = 3


def settings(folder: Path, warehouse: Path, *overrides: str) -> RunConfig:
    small = (
        f"train.base_model={ROOT}/deployments/demo/tiny_base",
        "train.max_steps=4",
        "answer.max_new_tokens=8",
        "generate.max_facts_per_chunk=4",
        "split.rephrased_share=0.3",
        "split.unseen_document_share=0.3",
    )
    return load_config(None, [*small, *overrides], sources=(str(folder),), warehouse=str(warehouse))


def records(store: Warehouse) -> dict[str, str]:
    """Every unit's commit record as it stands on disk; the run's own ledgers are not units."""
    return {
        commit.unit_id: (store.root / "commits" / f"{commit.unit_id}.json").read_text()
        for commit in store.commits()
        if commit.stage != "run"
    }


def redone(store: Warehouse, before: dict[str, str]) -> dict[str, str]:
    """Unit -> stage of every commit that is new or another than before."""
    after = records(store)
    assert before.keys() <= after.keys()
    return {unit: store.commit(unit).stage for unit in after if after[unit] != before.get(unit)}


def unit_of(store: Warehouse, stage: str, label: str = ""):
    rows = query(store, f"select unit_id, label from run_units where stage = '{stage}'").to_pylist()
    return next(row["unit_id"] for row in rows if label in row["label"])


@pytest.fixture(scope="module")
def papers(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("papers")
    for path in sorted(PAPERS.glob("*.pdf"))[:FEW]:
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def finished(prefect_server, papers, tmp_path_factory) -> Path:
    """A finished run's warehouse, to be copied."""
    from flows.pipeline import pipeline

    warehouse = tmp_path_factory.mktemp("run") / "data"
    pipeline(settings(papers, warehouse))
    return warehouse


@pytest.fixture
def store(finished, tmp_path) -> Warehouse:
    return Warehouse(shutil.copytree(finished, tmp_path / "data"))


def rerun(store: Warehouse, unit: str, **options) -> str:
    from flows.rerun import rerun_unit

    return rerun_unit(str(store.root), unit, **options)


@pytest.mark.parametrize("stage", STAGES)
def test_a_unit_of_any_stage_is_redone_alone_with_the_same_outcome(store, stage):
    rows = query(store, f"select unit_id from run_units where stage = '{stage}' order by rank desc").to_pylist()
    if not rows:
        pytest.skip("not part of this run")
    unit, before = rows[0]["unit_id"], records(store)
    content = store.commit(unit).content

    said = rerun(store, unit)

    assert set(redone(store, before)) == {unit}
    assert Warehouse(store.root).commit(unit).content == content
    assert "its content is as before" in said
    assert "nothing that was made from it is stale" in said
    assert store.verify() == []

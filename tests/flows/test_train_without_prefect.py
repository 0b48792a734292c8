"""A run's training unit, done again by ``python -m tasks.train`` as on a machine that has the warehouse and no Prefect."""

import subprocess
import sys

import pytest

from tasks.train_command import main
from warehouse.store import Warehouse
from warehouse.tables import ADAPTERS, TRAINING_STEPS

from .conftest import ROOT

pytestmark = pytest.mark.slow


def test_the_unit_lands_with_the_same_adapter_and_no_prefect_is_imported(store: Warehouse):
    (commit,) = [commit for commit in store.commits() if commit.stage == "train"]
    (wanted,) = store.rows(ADAPTERS, [commit.unit_id])
    store.retract(commit.unit_id)
    assert not store.is_landed(commit.unit_id)

    code = "import sys; from tasks.train_command import main; code = main(sys.argv[1:]); sys.exit(9 if 'prefect' in sys.modules else code)"
    words = ["--warehouse", str(store.root), "--unit", commit.unit_id[:8]]
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "is landed in" in done.stderr
    (found,) = Warehouse(store.root).rows(ADAPTERS, [commit.unit_id])
    assert found == wanted
    assert Warehouse(store.root).rows(TRAINING_STEPS, [commit.unit_id])
    assert Warehouse(store.root).verify() == []
    assert not (store.root / "weights" / commit.unit_id / "checkpoints").exists()


def test_a_unit_that_stands_is_not_done_again_and_one_that_is_not_there_is_named(store: Warehouse, caplog):
    (commit,) = [commit for commit in store.commits() if commit.stage == "train"]

    assert main(["--warehouse", str(store.root), "--unit", commit.unit_id]) == 0
    assert main(["--warehouse", str(store.root), "--unit", "ffff"]) == 1

    assert "no training unit begins with ffff" in caplog.text
    assert store.commit(commit.unit_id) == commit

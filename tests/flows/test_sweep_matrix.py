"""A matrix in YAML -> the settings of every combination; what cannot be tried is refused before anything starts."""

from __future__ import annotations

import pytest
import yaml

from flows.cli import main
from flows.sweep_matrix import Given, read_matrix
from warehouse.errors import ConfigError
from warehouse.store import Warehouse

from .conftest import ROOT
from .small_runs import SMALL, records

SHIPPED = ROOT / "deployments" / "demo" / "sweep.yaml"


def matrix(folder, text):
    path = folder / "ranks.yaml"
    path.write_text(text)
    return read_matrix(path, Given(overrides=("train.seed=3",), sources=("papers",)))


def test_every_combination_is_tried_once_the_last_axis_turning_fastest(tmp_path):
    sweep = matrix(tmp_path, "generate.source_in_question: [true, false]\ntrain.rank: [4, 8]\n")

    assert sweep.name == "ranks"
    assert [trial.text for trial in sweep.trials] == [
        f"generate.source_in_question={named}, train.rank={rank}" for named in ("true", "false") for rank in (4, 8)
    ]
    found = [(trial.config.generate.source_in_question, trial.config.train.rank, trial.config.train.seed) for trial in sweep.trials]
    assert found == [(True, 4, 3), (True, 8, 3), (False, 4, 3), (False, 8, 3)]


def test_a_choice_with_a_name_stands_for_several_settings(tmp_path):
    text = """
generator:
  plain: {generate.method: extractive}
  model: {generate.method: llm, generate.llm.model.model: openai/qwen}
train.rank: [4]
"""
    sweep = matrix(tmp_path, text)

    assert [trial.values for trial in sweep.trials] == [
        {"generator": "plain", "train.rank": "4"},
        {"generator": "model", "train.rank": "4"},
    ]
    plain, model = (trial.config.generate for trial in sweep.trials)
    assert (plain.method, model.method, model.llm.model.model) == ("extractive", "llm", "openai/qwen")


def test_the_same_matrix_has_the_same_id_and_another_has_another(tmp_path):
    ranks = "train.rank: [4, 8]"

    assert matrix(tmp_path, ranks).sweep_id == matrix(tmp_path, ranks).sweep_id
    assert matrix(tmp_path, ranks).sweep_id != matrix(tmp_path, "train.rank: [4, 16]").sweep_id


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "no two combinations"),
        ("train.rank: [4]", "no two combinations"),
        ("train.rank: 4", "train.rank is neither a list of values nor choices of settings"),
        ("train.rank: []", "train.rank is neither"),
        ("one: {a: 1, b: 2}", "one is neither"),
        ("- train.rank", "not a mapping"),
        ("train.rank: [4, 8", "cannot be read"),
        ("train.rank: [4, 4.0]", r"train.rank=4 and train.rank=4.0 come to the same settings"),
        ("train.rank: [4, 0]", r"train\.rank"),
        ("train.rang: [4, 8]", r"train\.rang"),
        ("train.rank: [4, many]", r"where: .*ranks\.yaml, train\.rank=\"many\""),
        ("train.rank: [4, 8]\nsize: {s: {train.rank: 4}, l: {train.rank: 8}}", "train.rank stands on two axes"),
        ("warehouse: [a, b]", "share one warehouse"),
    ],
)
def test_what_cannot_be_tried_is_refused_by_name(tmp_path, text, named):
    with pytest.raises(ConfigError, match=named):
        matrix(tmp_path, text)


def test_the_shipped_matrix_is_one(tmp_path):
    given = Given(ROOT / "deployments" / "demo" / "run.yaml")

    sweep = read_matrix(SHIPPED, given)

    n = 1
    for values in yaml.safe_load(SHIPPED.read_text()).values():
        n *= len(values)
    assert len(sweep.trials) == n > 1


@pytest.mark.slow
def test_what_would_be_asked_is_said_and_nothing_is_done(prefect_server, pages, tmp_path, monkeypatch):
    from prefect.settings import PREFECT_API_URL

    monkeypatch.setenv("PREFECT_API_URL", PREFECT_API_URL.value())
    said: list[str] = []
    monkeypatch.setattr("flows.cli_sweep.say", lambda *lines: said.extend(lines))
    path = tmp_path / "scores.yaml"
    path.write_text("curate.min_score: [3, 4]\ntrain.rank: [4]\n")
    words = [word for setting in SMALL for word in ("--set", setting)]

    code = main(["sweep", str(path), str(pages), "--warehouse", str(tmp_path / "data"), "--dry-run", *words])

    assert code == 0
    assert [line for line in said if line.startswith("curate")] == [f"curate.min_score={least}, train.rank=4:" for least in (3, 4)]
    assert sum("0 calls" in line for line in said) == 2
    assert not {"generate", "train"} & {Warehouse(tmp_path / "data").commit(unit).stage for unit in records(Warehouse(tmp_path / "data"))}

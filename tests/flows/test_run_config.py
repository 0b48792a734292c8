from pathlib import Path

import pytest
import yaml

from flows.run_config import RunConfig, load_config
from warehouse.errors import ConfigError

ROOT = Path(__file__).parents[2]


def test_the_defaults_are_valid():
    assert load_config() == RunConfig()


def test_file_then_overrides_then_arguments(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("warehouse: a\nchunk: {max_tokens: 100}\njudge: {tie_band: 0.2}\n")

    config = load_config(path, ["chunk.max_tokens=120", "split.unseen_unit=document"], warehouse="b")

    assert (config.warehouse, config.chunk.max_tokens, config.judge.tie_band, config.split.unseen_unit) == ("b", 120, 0.2, "document")


def test_all_faults_are_named_at_once():
    with pytest.raises(ConfigError) as caught:
        load_config(None, ["chunk.max_tokens=-1", "chunk.maximum=3", "colour=red", "train.rank=many"])

    for name in ("chunk", "chunk.maximum", "colour", "train.rank"):
        assert name in str(caught.value)


@pytest.mark.parametrize("override", ["judge.tie_band", "=3", "warehouse.x=1", "chunk.max_tokens=[1"])
def test_an_override_that_cannot_be_read_is_named(override):
    with pytest.raises(ConfigError):
        load_config(None, ["warehouse=data", override] if override.startswith("warehouse") else [override])


def test_a_settings_file_that_cannot_be_read_is_named(tmp_path):
    for name, text in (("list.yaml", "- a\n"), ("torn.yaml", "a: [")):
        (tmp_path / name).write_text(text)
        with pytest.raises(ConfigError, match=name):
            load_config(tmp_path / name)
    with pytest.raises(ConfigError, match=r"missing\.yaml"):
        load_config(tmp_path / "missing.yaml")


SHIPPED = {*(ROOT / "deployments").rglob("run*.yaml"), *(ROOT / "deployments" / "runs").glob("*.yaml")}


@pytest.mark.parametrize("path", sorted(SHIPPED), ids=lambda path: path.name)
def test_the_shipped_settings_are_valid(path):
    assert load_config(path)


def test_settings_survive_a_round_trip_through_json_and_yaml():
    config = load_config(None, ["train.rank=4"])

    assert RunConfig.model_validate_json(config.model_dump_json()) == config
    assert RunConfig.model_validate(yaml.safe_load(yaml.safe_dump(config.model_dump(mode="json")))) == config


def test_the_placebo_run_finds_what_the_demo_landed():
    demo, placebo = (load_config(ROOT / "deployments" / "demo" / f"{name}.yaml") for name in ("run", "placebo"))

    for stage in ("sources", "ingest", "chunk", "embed", "generate", "curate", "deduplicate", "split", "train"):
        assert getattr(placebo, stage) == getattr(demo, stage), stage


def test_likelihoods_of_a_served_model_are_not_to_be_had():
    served = ["answer.served.tuned=openai/mine", "judge.contrasts=['tuned:base']"]
    with pytest.raises(ConfigError, match="tuned would be answered by an endpoint"):
        load_config(None, [*served, "judge.judges=[similarity, loglik]"])

    assert load_config(None, served).judge.judges == ("similarity",)
    assert load_config(None, ["judge.judges=[loglik]"]).judge.choice.n_others == 3

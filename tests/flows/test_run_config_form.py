"""What the Prefect form shows of the settings: every field explained, under the parameters that Prefect itself derives."""

import importlib
from pathlib import Path

import pytest
import yaml
from prefect.utilities.callables import parameter_schema

ROOT = Path(__file__).parents[2]
ENTRYPOINTS = [entry["entrypoint"] for entry in yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())["deployments"]]


def form(entrypoint: str) -> dict:
    file, _, function = entrypoint.partition(":")
    flow = getattr(importlib.import_module(file.removesuffix(".py").replace("/", ".")), function)
    return parameter_schema(flow).model_dump()


def unexplained(schema: dict) -> list[str]:
    groups = {"": schema["properties"]} | {name: group.get("properties", {}) for name, group in schema["definitions"].items()}
    return [f"{name}.{field}" for name, fields in groups.items() for field, shown in fields.items() if not shown.get("description")]


@pytest.mark.parametrize("entrypoint", ENTRYPOINTS)
def test_every_field_of_a_deployments_form_says_what_it_is(entrypoint):
    assert unexplained(form(entrypoint)) == []


def test_every_stages_settings_are_in_the_pipelines_form():
    from flows.run_config import RunConfig

    definitions = form("flows/pipeline.py:pipeline")["definitions"]
    stages = {name for name, field in RunConfig.model_fields.items() if hasattr(field.annotation, "__dataclass_fields__")}

    assert len(stages) >= 13
    assert {RunConfig.model_fields[stage].annotation.__name__ for stage in stages} <= set(definitions)
    assert "tokens" in definitions["ChunkParams"]["properties"]["max_tokens"]["description"]


def test_settings_come_back_from_the_json_that_prefect_stores():
    from flows.pipeline import pipeline
    from flows.run_config import load_config

    config = load_config(None, ["train.rank=7"], sources=("a.pdf",))
    stored = pipeline.serialize_parameters({"config": config})

    assert pipeline.validate_parameters(stored)["config"] == config

"""RunConfig: every setting there is, under the same names in YAML, on the command line and as Prefect parameters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tasks.answer_params import AnswerParams
from tasks.budget import BudgetParams
from tasks.chunk import ChunkParams
from tasks.curate import CurateParams
from tasks.deduplicate import DeduplicateParams
from tasks.embed import EmbedParams
from tasks.generate import GenerateParams
from tasks.judge import JUDGES, JudgeParams
from tasks.metrics import ScoreParams
from tasks.prefer_params import PreferParams
from tasks.read_pdf import IngestParams
from tasks.retrieve import RetrieveParams
from tasks.split import SplitParams
from tasks.statistics import ReportParams
from tasks.train_params import TrainParams
from tasks.yaml_file import read_yaml
from warehouse.errors import ConfigError
from warehouse.tables import Run


class RunConfig(BaseModel):
    """Every setting of a run. Each stage's settings stand beside its function; here they are put together."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)  # of every stage's fields: the form shows them

    sources: tuple[str, ...] = Field(default=(), description="PDF files, or folders that are searched for them.")
    warehouse: str = Field(default="data", description="Folder that everything lands in.")
    workers: int = Field(default=2, ge=1, le=256, description="Documents worked on at the same time.")
    documents_per_flow_run: int = Field(default=200, ge=1, le=200, description="More documents go into further flow runs.")
    runner: Literal["threads", "dask"] = Field(
        default="threads",
        description="What works on documents: threads of the flow's process, or Dask's processes (`pip install tunehouse[dask]`).",
    )
    dask_address: str = Field(
        default="", description="A running Dask scheduler, e.g. tcp://host:8786; empty: as many local processes as `workers`."
    )
    finetune_deployment: str = Field(
        default="", description="Who trains, e.g. finetune/finetune, whose worker has a GPU; empty: the pipeline's own process."
    )
    compare_deployment: str = Field(
        default="", description="Who answers and judges, e.g. compare/compare; empty: the pipeline's own process."
    )
    ingest: IngestParams = Field(default_factory=IngestParams, description="Reading PDFs.")
    chunk: ChunkParams = Field(default_factory=ChunkParams, description="Cutting text into chunks.")
    embed: EmbedParams = Field(default_factory=EmbedParams, description="The embedding model.")
    generate: GenerateParams = Field(default_factory=GenerateParams, description="Making question/answer pairs.")
    curate: CurateParams = Field(default_factory=CurateParams, description="Rules that a pair must pass.")
    deduplicate: DeduplicateParams = Field(default_factory=DeduplicateParams, description="Finding pairs that say the same.")
    split: SplitParams = Field(default_factory=SplitParams, description="What is held out for testing.")
    train: TrainParams = Field(default_factory=TrainParams, description="Base model and LoRA training.")
    prefer: PreferParams = Field(
        default_factory=PreferParams, description="Tuning the adapter further to preferences (DPO); off by default."
    )
    retrieve: RetrieveParams = Field(default_factory=RetrieveParams, description="Chunks put before the model in the retrieval arms.")
    answer: AnswerParams = Field(default_factory=AnswerParams, description="Answering the test questions.")
    score: ScoreParams = Field(default_factory=ScoreParams, description="Measures that need no judge.")
    judge: JudgeParams = Field(default_factory=JudgeParams, description="Judges, and which pairs of arms they compare.")
    report: ReportParams = Field(default_factory=ReportParams, description="Statistics.")
    budget: BudgetParams = Field(default_factory=BudgetParams, description="What a run may spend on models, and what they cost.")

    @model_validator(mode="after")
    def _preferences_go_with_an_adapter(self) -> RunConfig:
        if self.prefer.source != "none" and self.train.method == "full":
            raise ConfigError("there is no adapter to tune to preferences", where="prefer.source", mend="use train.method lora")
        return self

    @model_validator(mode="after")
    def _contrasts_compare_arms_that_answer(self) -> RunConfig:
        asked = {arm for contrast in (*self.judge.contrasts, self.report.headline_contrast) for arm in contrast.split(":")}
        if silent := sorted(asked - set(self.answer.arms)):
            raise ConfigError(f"{', '.join(silent)} would not answer", where="judge.contrasts", mend="add the arm to answer.arms")
        return self

    @model_validator(mode="after")
    def _what_is_weighed_is_loaded_here(self) -> RunConfig:
        weighing = [name for name in self.judge.judges if JUDGES[name].weighs]
        asked = {arm for contrast in self.judge.contrasts for arm in contrast.split(":")}
        if weighing and (served := sorted(arm for arm in asked if self.answer.served.model_of(arm))):
            raise ConfigError(
                f"{', '.join(served)} would be answered by an endpoint, and the judge {weighing[0]} reads the likelihoods of a model "
                "loaded here",
                where="answer.served",
                mend=f"leave it empty, or take {weighing[0]} out of judge.judges",
            )
        return self


def load_config(path: Path | None = None, overrides: Sequence[str] = (), **values: Any) -> RunConfig:
    """Settings from a YAML file, then ``key=value`` overrides (dotted keys, values read as YAML), then ``values`` that are not None.

    Raises:
        ConfigError: the file cannot be read, or any setting is unknown or out of bounds; all faults are named at once.
    """
    data = read_yaml(path, mend="write `stage: {setting: value}`") if path else {}
    for override in overrides:
        _apply(data, override)
    data |= {name: value for name, value in values.items() if value is not None}
    try:
        return RunConfig.model_validate(data)
    except ValidationError as error:
        faults = "\n".join(f"  {'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors())
        raise ConfigError(
            f"the settings have faults:\n{faults}",
            where=str(path or "--set"),
            mend="`tunehouse settings` prints every setting and its default",
        ) from error


def settings_of(run: Run) -> RunConfig:
    """The settings that a run was started with.

    Raises:
        ConfigError: they are another version's.
    """
    try:
        return RunConfig.model_validate_json(run.settings)
    except ValidationError as error:
        raise ConfigError(
            f"the settings of run {run.run_id} are not those of this version of tunehouse: {error}",
            where=f"run {run.run_id}",
            mend="start a new run: `tunehouse run`; units that stand are not done again",
        ) from error


def _apply(data: dict[str, Any], override: str) -> None:
    name, sign, text = override.partition("=")
    if not sign or not name.strip():
        raise ConfigError(f"{override!r} is not key=value", where="--set", mend="write e.g. --set chunk.max_tokens=200")
    *stages, leaf = name.strip().split(".")
    for stage in stages:
        data = data.setdefault(stage, {})
        if not isinstance(data, dict):
            raise ConfigError(
                f"{stage} is not a group of settings", where=f"--set {override}", mend="`tunehouse settings` prints the names"
            )
    try:
        data[leaf] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"the value cannot be read: {error}", where=f"--set {override}", mend="quote it as YAML would") from error

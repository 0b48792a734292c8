"""``setting=value,value...`` or a matrix in YAML -> the settings of a run for each combination of values.

No Prefect here: what is mistyped is refused before that starts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from flows.run_config import RunConfig, load_config
from tasks.yaml_file import read_yaml
from warehouse.errors import ConfigError
from warehouse.keys import key

CURVE = "write e.g. train.max_pairs=50,100,200"
MATRIX = "write e.g. `train.rank: [4, 16]`, or `generator: {plain: {generate.method: extractive}, model: {generate.method: llm}}`"
SHARED = "warehouse"
"""Where the runs land: the one setting that they must have in common."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One value on an axis of the matrix: as it is shown, and the settings that it stands for."""

    text: str
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trial:
    """One combination: the value on each axis as it is shown, and all settings with it."""

    values: dict[str, str]
    config: RunConfig

    @property
    def text(self) -> str:
        """E.g. ``train.rank=8, generator=model``."""
        return ", ".join(f"{axis}={value}" for axis, value in self.values.items())


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is to be tried, in the order in which it runs: the last axis turns fastest."""

    name: str
    trials: tuple[Trial, ...]

    @property
    def sweep_id(self) -> str:
        """The same for the same combinations among the same other settings."""
        return key("sweep", self.name, [[trial.values, trial.config.model_dump_json(exclude={SHARED})] for trial in self.trials])

    @property
    def warehouse(self) -> str:
        """The folder that every run lands in."""
        return self.trials[0].config.warehouse


@dataclass(frozen=True, slots=True)
class Given:
    """What `tunehouse run` takes: the settings that every trial starts from."""

    config: Path | None = None
    overrides: Sequence[str] = ()
    sources: tuple[str, ...] = ()
    warehouse: str | None = None


def read_curve(text: str, given: Given) -> Sweep:
    """``setting=value,value...`` -> a sweep over one setting; the values are read as YAML and keep their order.

    Raises:
        ConfigError: it is no setting with two values at least, a value is out of bounds, or two values come to the same settings.
    """
    setting, _, listed = text.partition("=")
    setting = setting.strip()
    try:
        values = yaml.safe_load(f"[{listed}]")
    except yaml.YAMLError as error:
        raise ConfigError(f"the values cannot be read: {error}", where=text, mend=CURVE) from error
    if not setting or len(values) < 2:  # noqa: PLR2004  # one point is no curve
        raise ConfigError(f"{text!r} is no setting with several values", where="curve", mend=CURVE)
    return _cross(setting, {setting: _listed(setting, values)}, given, f"curve {setting}")


def read_matrix(path: Path, given: Given) -> Sweep:
    """A YAML file of axes -> a sweep over all their combinations, named as the file is.

    An axis is a setting with a list of values, or a name of your own with choices, each of which is a mapping of settings.

    Raises:
        ConfigError: the file cannot be read, an axis is neither, two axes turn one setting, a value is out of bounds, there are no two
            combinations, or two come to the same settings.
    """
    axes = {}
    for axis, values in read_yaml(path, mend=MATRIX).items():
        if isinstance(values, list) and values:
            axes[str(axis)] = _listed(str(axis), values)
        elif isinstance(values, dict) and values and all(isinstance(settings, dict) for settings in values.values()):
            axes[str(axis)] = tuple(Choice(str(name), settings) for name, settings in values.items())
        else:
            raise ConfigError(f"{axis} is neither a list of values nor choices of settings", where=str(path), mend=MATRIX)
    turned = Counter(name for choices in axes.values() for name in {name for choice in choices for name in choice.settings})
    if twice := [name for name, n in turned.items() if n > 1]:
        raise ConfigError(f"{twice[0]} stands on two axes", where=str(path), mend="name every setting on one axis")
    return _cross(path.stem, axes, given, str(path))


def _listed(setting: str, values: Sequence[Any]) -> tuple[Choice, ...]:
    return tuple(Choice(_as_yaml(value), {setting: value}) for value in values)


def _cross(name: str, axes: dict[str, tuple[Choice, ...]], given: Given, where: str) -> Sweep:
    """Every combination of one choice of each axis, the last axis turning fastest."""
    trials: list[Trial] = []
    for chosen in product(*axes.values()):
        settings = {setting: value for choice in chosen for setting, value in choice.settings.items()}
        if SHARED in settings:
            raise ConfigError("the runs of a sweep share one warehouse", where=where, mend="name it once: --warehouse DIR")
        own = [f"{setting}={json.dumps(value, default=str)}" for setting, value in settings.items()]
        values = dict(zip(axes, (choice.text for choice in chosen), strict=True))
        trial = Trial(values, _load(given, own, f"{where}, {', '.join(own)}"))
        if twin := next((other for other in trials if other.config == trial.config), None):
            raise ConfigError(f"{twin.text} and {trial.text} come to the same settings", where=where, mend="name other values, each once")
        trials.append(trial)
    if len(trials) < 2:  # noqa: PLR2004
        raise ConfigError("there are no two combinations to compare", where=where, mend=MATRIX)
    return Sweep(name, tuple(trials))


def _load(given: Given, own: Sequence[str], where: str) -> RunConfig:
    """All settings of one combination; a fault names the matrix, and what stands beside it, since either may hold it."""
    try:
        return load_config(given.config, [*given.overrides, *own], sources=given.sources or None, warehouse=given.warehouse)
    except ConfigError as error:
        beside = f", or {error.where}" if given.config or given.overrides else ""
        raise ConfigError(error.what, where=where + beside, mend=error.mend) from error


def _as_yaml(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("...\n").strip()

"""``setting=value,value...`` -> the settings of a run for each value. No Prefect here: what is mistyped is refused before that starts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from flows.run_config import RunConfig, load_config
from warehouse.errors import ConfigError
from warehouse.keys import key

EXAMPLE = "write e.g. train.max_pairs=50,100,200"
SHARED = "warehouse"
"""Where the runs land: the one setting that they must have in common."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of the setting, as YAML writes it, and all settings with it."""

    text: str
    config: RunConfig


@dataclass(frozen=True, slots=True)
class Curve:
    """What is to be tried: a setting and its values, in the order named."""

    setting: str
    values: tuple[Value, ...]

    @property
    def curve_id(self) -> str:
        """The same for the same values of the same setting among the same other settings."""
        return key("curve", self.setting, [value.config.model_dump_json(exclude={SHARED}) for value in self.values])

    @property
    def warehouse(self) -> str:
        """The folder that every run lands in."""
        return self.values[0].config.warehouse


def read_curve(text: str, config: Path | None, overrides: Sequence[str], sources: tuple[str, ...], warehouse: str | None) -> Curve:
    """``setting=value,value...`` and what `tunehouse run` takes -> what is to be tried; values are read as YAML, the others as they stand.

    Raises:
        ConfigError: it is no setting with two values at least, a value is out of bounds, or two values come to the same settings.
    """
    setting, sign, listed = text.partition("=")
    setting = setting.strip()
    try:
        values = yaml.safe_load(f"[{listed}]")
    except yaml.YAMLError as error:
        raise ConfigError(f"the values cannot be read: {error}", where=text, mend=EXAMPLE) from error
    if not sign or not setting or setting == SHARED or len(values) < 2:  # noqa: PLR2004  # one point is no curve
        raise ConfigError(f"{text!r} is no setting with several values", where="curve", mend=EXAMPLE)
    tried = []
    for value in values:
        override = f"{setting}={json.dumps(value, default=str)}"
        tried.append(Value(_as_yaml(value), load_config(config, [*overrides, override], sources=sources or None, warehouse=warehouse)))
    for at, one in enumerate(tried):
        if twin := next((other for other in tried[:at] if other.config == one.config), None):
            raise ConfigError(
                f"{twin.text} and {one.text} come to the same settings", where=f"curve {setting}", mend="name other values, each once"
            )
    return Curve(setting, tuple(tried))


def _as_yaml(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("...\n").strip()

"""A YAML file -> the mapping that it holds; what is wrong with it otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from warehouse.errors import ConfigError, plainly


def read_yaml(path: Path, *, mend: str) -> dict[str, Any]:
    """A YAML file that is one mapping; ``mend`` says how one is written where it is not.

    Raises:
        ConfigError: it cannot be read, or is no mapping.
    """
    try:
        with path.open("rb") as file:  # YAML's own messages name it
            data = yaml.safe_load(file) or {}
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"the settings file cannot be read: {plainly(error)}", where=str(path), mend="name a YAML file") from error
    if not isinstance(data, dict):
        raise ConfigError("the settings file is not a mapping", where=str(path), mend=mend)
    return data

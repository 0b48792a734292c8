"""Content -> identity: ids are hashes of what a thing is made of, never of time, run or row number."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, is_dataclass
from typing import Any

ROW_ID_LENGTH = 20
UNIT_ID_LENGTH = 32


def digest(*parts: Any) -> str:
    """SHA-256 (64 hex digits) of the canonical JSON of ``parts``; dataclasses count by their fields."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def key(*parts: Any) -> str:
    """A row's id: the first 20 hex digits of :func:`digest`."""
    return digest(*parts)[:ROW_ID_LENGTH]


def unit_id(stage: str, version: int, inputs: Iterable[str], settings: Any = None) -> str:
    """A unit of work's id: 32 hex digits over stage, stage version, input ids in order, and the settings it reads."""
    return digest("unit", stage, version, list(inputs), settings)[:UNIT_ID_LENGTH]


def draw(seed: int, *parts: Any) -> float:
    """A number in [0, 1) that depends on ``seed`` and the stable ids in ``parts`` alone."""
    return int(digest("draw", seed, *parts)[:13], 16) / 16**13


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"cannot make an id from a {type(value).__name__}")

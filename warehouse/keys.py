"""Content -> identity: ids are hashes of what a thing is made of, never of time, run or row number."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any

ROW_ID_LENGTH = 20
UNIT_ID_LENGTH = 32
TECHNICAL: Mapping[str, bool] = {"technical": True}
"""Metadata of a settings field that shapes no result, such as a number of threads: it names no unit."""


def digest(*parts: Any) -> str:
    """SHA-256 (64 hex digits) of the canonical JSON of ``parts``; dataclasses count by their fields."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def key(*parts: Any) -> str:
    """A row's id: the first 20 hex digits of :func:`digest`."""
    return digest(*parts)[:ROW_ID_LENGTH]


def unit_id(stage: str, version: int, inputs: Iterable[str], settings: Any = None) -> str:
    """A unit of work's id: 32 hex digits over stage, stage version, input ids in order, and the settings it reads."""
    return digest("unit", stage, version, list(inputs), shaping(settings))[:UNIT_ID_LENGTH]


def shaping(settings: Any) -> Any:
    """``settings`` as plain data, less every dataclass field marked TECHNICAL, at any depth."""
    if is_dataclass(settings) and not isinstance(settings, type):
        return {f.name: shaping(getattr(settings, f.name)) for f in fields(settings) if not f.metadata.get("technical")}
    if isinstance(settings, dict):
        return {name: shaping(value) for name, value in settings.items()}
    if isinstance(settings, (list, tuple)):
        return [shaping(value) for value in settings]
    return settings


def draw(seed: int, *parts: Any) -> float:
    """A number in [0, 1) that depends on ``seed`` and the stable ids in ``parts`` alone."""
    return int(digest("draw", seed, *parts)[:13], 16) / 16**13


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"cannot make an id from a {type(value).__name__}")

"""Reply text -> the type that was asked for, read strictly; pydantic type -> the JSON schema that an endpoint is given."""

from __future__ import annotations

import functools
import json
import re
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tasks.providers.base import Schema
from warehouse.keys import digest

T = TypeVar("T", bound=BaseModel)
FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)
UNFIT = re.compile("[\x00\ud800-\udfff]")
REPLACEMENT = "\ufffd"
FAULTS_NAMED = 5


class PlainText(BaseModel):
    """A reply in free words, taken as it comes: no JSON, no schema, nothing to mend."""

    text: str


class BadAnswer(Exception):
    """A reply that is not what was asked for; the text says what is wrong in words that the model can act on."""


def clean(text: str) -> str:
    """``text`` with every NUL and lone surrogate replaced by U+FFFD: neither can be landed, sent on or searched for."""
    return UNFIT.sub(REPLACEMENT, text)


def parse_reply(text: str, reply_type: type[T]) -> T:
    """The one JSON object that ``text`` is, as ``reply_type``. A fence of three backticks around it is let pass; nothing else is.

    A :class:`PlainText` is any text.

    Raises:
        BadAnswer: no JSON, not one object, a name given twice, NaN, or values that do not fit the type.
    """
    if reply_type is PlainText:
        return reply_type.model_construct(text=text)
    text = text.strip()
    if fenced := FENCE.fullmatch(text):
        text = fenced[1]
    try:
        data = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadAnswer(f"it is no JSON object ({error})") from error
    if not isinstance(data, dict):
        raise BadAnswer(f"it is a JSON {type(data).__name__}, not one object")
    try:
        return reply_type.model_validate_json(json.dumps(_cleaned(data)), strict=True)
    except ValidationError as error:
        faults = [f"{'.'.join(str(part) for part in fault['loc']) or 'reply'}: {fault['msg']}" for fault in error.errors()]
        more = f"; and {len(faults) - FAULTS_NAMED} more" if len(faults) > FAULTS_NAMED else ""
        raise BadAnswer("; ".join(faults[:FAULTS_NAMED]) + more) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is given twice")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _cleaned(data: Any) -> Any:
    """Strings that JSON escapes made unfit are cleaned as the text is."""
    if isinstance(data, str):
        return clean(data)
    if isinstance(data, list):
        return [_cleaned(value) for value in data]
    if isinstance(data, dict):
        return {clean(name): _cleaned(value) for name, value in data.items()}
    return data


@functools.cache
def reply_schema(reply_type: type[BaseModel]) -> Schema | None:
    """The type's JSON schema, made strict as endpoints ask for it: every object names all its fields and takes no others.

    None for plain text.
    """
    if reply_type is PlainText:
        return None
    schema: Schema = _strict(reply_type.model_json_schema())
    return schema


@functools.cache
def schema_key(reply_type: type[BaseModel]) -> str:
    """Hash of :func:`reply_schema`."""
    return digest(reply_schema(reply_type))


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(value) for value in node]
    if not isinstance(node, dict):
        return node
    made = {name: _strict(value) for name, value in node.items() if name != "default"}
    if "properties" in node:
        # a field may itself be called "default": only the schema's own is dropped
        made["properties"] = {name: _strict(value) for name, value in node["properties"].items()}
        made |= {"additionalProperties": False, "required": list(made["properties"])}
    return made

"""Commands of ``tunehouse``: the Prefect server, its workers, and single units done again."""

from __future__ import annotations

from flows.console import Command

COMMANDS: dict[str, Command] = {}

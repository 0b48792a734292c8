"""Commands of ``tunehouse``: pairs out of the warehouse and reviews into it."""

from __future__ import annotations

from flows.console import Command

COMMANDS: dict[str, Command] = {}

"""What every command of the command line shares: printing, the error that ends it, the warehouse it works on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warehouse.store import Warehouse


@dataclass(frozen=True, slots=True)
class Command:
    """A command: what it does, its docstring its help, and what it takes."""

    function: Callable[[argparse.Namespace], int]
    add_arguments: Callable[[argparse.ArgumentParser], None]


def add_warehouse(parser: argparse.ArgumentParser, default: str | None = "data") -> None:
    """Let the command take ``--warehouse DIR``."""
    parser.add_argument("--warehouse", metavar="DIR", default=default, help="folder that everything lands in (default: data)")


def add_run(parser: argparse.ArgumentParser) -> None:
    """Let the command take ``--run RUN_ID``."""
    parser.add_argument("--run", metavar="RUN_ID", help="a run's id, or `all` (default: the latest finished run)")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Let the command take ``--config FILE`` and ``--set key=value``."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings as YAML, e.g. deployments/demo/run.yaml")
    parser.add_argument("--set", action="append", default=[], metavar="key=value", help="one setting, e.g. train.rank=16; repeatable")


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Let the command take PDFs and folders of them."""
    parser.add_argument("sources", nargs="*", metavar="PDF_OR_FOLDER", help="PDF files, or folders that are searched for them")


def existing(folder: str) -> Warehouse:
    """The warehouse at ``folder``.

    Raises:
        MissingPrerequisite: there is none.
    """
    from warehouse.errors import MissingPrerequisite
    from warehouse.store import Warehouse

    if not (Path(folder) / "commits").is_dir():
        raise MissingPrerequisite(
            "there is no warehouse here yet", where=folder, mend="`tunehouse run PDF_OR_FOLDER`, or name it: --warehouse DIR"
        )
    return Warehouse(folder)


def refuse_missing(sources: Sequence[str]) -> None:
    """Raise for sources that are not there, before a server is started for them.

    Raises:
        ConfigError: naming them.
    """
    from warehouse.errors import ConfigError

    missing = [source for source in sources if not Path(source).exists()]
    if missing or not sources:
        what = f"there is no such file or folder in {Path.cwd()}" if missing else "no PDF or folder was named"
        mend = "name PDFs or folders of them: `tunehouse run PDF_OR_FOLDER`; names in a --config FILE are read from the current folder too"
        raise ConfigError(what, where=", ".join(missing) or "sources", mend=mend)


def say(*lines: str) -> None:
    """Print to standard output."""
    print(*lines, sep="\n", flush=True)


def fail(error: BaseException) -> int:
    """Print an error without a traceback; return the exit code."""
    from warehouse.errors import TunehouseError

    if not isinstance(error, TunehouseError):
        import traceback

        traceback.print_exception(error)  # a fault of ours: its whole story is wanted
    print(f"error: {error}", file=sys.stderr, flush=True)
    return 1

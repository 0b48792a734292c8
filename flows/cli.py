"""The command line: ``tunehouse <command>``. Only the standard library is imported before a command is chosen."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flows import cli_data, cli_server, cli_sweep, cli_verdict
from flows.console import Command, add_run, add_settings, add_sources, add_warehouse, existing, fail, refuse_missing, say

if TYPE_CHECKING:
    from flows.run_config import RunConfig

INTERRUPTED = 130


def run(args: argparse.Namespace) -> int:
    """Take PDFs, or folders of them, through every stage to a verdict."""
    from flows.run_config import load_config

    return start(load_config(args.config, args.set, sources=tuple(args.sources) or None, warehouse=args.warehouse), is_dry=args.dry_run)


def start(config: RunConfig, *, is_dry: bool = False) -> int:
    """Run the pipeline with these settings and say what came of it; dry: say what it would ask of models."""
    refuse_missing(config.sources)
    quiet_prefect(Path(config.warehouse))
    from flows.display import progress_display
    from flows.doing import error_of
    from flows.estimate import estimate, estimate_text
    from flows.pipeline import pipeline

    say(f"tunehouse: {', '.join(config.sources)} -> {config.warehouse}")
    with progress_display():
        state = (estimate if is_dry else pipeline)(config, return_state=True)
    error = error_of(state)
    from flows.summary import run_summary
    from warehouse.store import Warehouse

    store = Warehouse(config.warehouse)
    say(estimate_text(store, config, state.result()) if is_dry and error is None else run_summary(store, error))
    return 0 if error is None else fail(error)


def sql(args: argparse.Namespace) -> int:
    """Run one SELECT, or show a shipped view or table by its name (`tables` lists them)."""
    from flows.terminal import as_csv, as_text
    from warehouse.sandbox import select

    table = select(existing(args.warehouse), args.query, args.run)
    sys.stdout.write(as_csv(table) if args.csv else as_text(table))
    return 0


def check(args: argparse.Namespace) -> int:
    """Try every claim of warehouse/checks on the latest finished run, and every stored file against its commit."""
    from flows.terminal import as_text
    from warehouse.checks import run_checks

    store = existing(args.warehouse)
    checks = run_checks(store, args.run)
    width = max(len(done.name) for done in checks)
    for done in checks:
        say(f"{done.name:<{width}}  {done.offenders.num_rows} offenders")
        if not done.holds:
            say(f"  broken: {done.claim}\n{as_text(done.offenders.slice(0, 5))}")
    faults = store.verify()
    say(f"{'stored_files_are_as_committed':<{width}}  {len(faults)} offenders", *faults[:20])
    return 0 if all(done.holds for done in checks) and not faults else 1


def report(args: argparse.Namespace) -> int:
    """Print the latest finished run's verdict, and write it as one HTML file with every answer beside its source."""
    from flows.summary import verdict_text
    from tasks.report_html import write_report

    store = existing(args.warehouse)
    say(verdict_text(store, args.run), f"report: {write_report(store, args.run, args.out)}")
    return 0


def status(args: argparse.Namespace) -> int:
    """Say what ran, what failed and how to redo it, what is still to do, what it cost, and what runs next."""
    from flows.summary import status_text
    from flows.upcoming import upcoming

    store = existing(args.warehouse)
    say(status_text(store), *upcoming(store.root))
    return 0


def settings(args: argparse.Namespace) -> int:
    """Print every setting with its value, as YAML that `--config` takes."""
    import yaml

    from flows.run_config import load_config

    say(yaml.safe_dump(load_config(args.config, args.set).model_dump(mode="json"), sort_keys=False, allow_unicode=True))
    return 0


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    add_warehouse(parser, default=None)
    add_settings(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="read and cut the PDFs, then say what models would be asked and what that costs; ask nothing"
    )
    add_sources(parser)


def _sql_arguments(parser: argparse.ArgumentParser) -> None:
    add_warehouse(parser)
    add_run(parser)
    parser.add_argument("query", metavar="QUERY", help="one SELECT, or a name such as win_rate")
    parser.add_argument("--csv", action="store_true", help="print CSV instead of a table")


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    add_warehouse(parser)
    add_run(parser)


def _report_arguments(parser: argparse.ArgumentParser) -> None:
    add_warehouse(parser)
    add_run(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="the HTML file (default: reports/RUN_ID.html in the warehouse)")


COMMANDS: dict[str, Command] = {
    "run": Command(run, _run_arguments),
    "sql": Command(sql, _sql_arguments),
    "check": Command(check, _check_arguments),
    "report": Command(report, _report_arguments),
    "status": Command(status, add_warehouse),
    "settings": Command(settings, add_settings),
    **cli_data.COMMANDS,
    **cli_server.COMMANDS,
    **cli_verdict.COMMANDS,
    **cli_sweep.COMMANDS,
}


def parser() -> argparse.ArgumentParser:
    """The argument parser: one sub-command per function, its docstring its help."""
    top = argparse.ArgumentParser(
        prog="tunehouse", description="From a folder of PDFs to a fine-tuned model and evidence of whether it helped."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        text = (command.function.__doc__ or "").strip()
        command.add_arguments(commands.add_parser(name, help=text, description=text))
    return top


def quiet_prefect(warehouse: Path) -> None:
    """Settings for an embedded run, before Prefect is imported; none are touched that the user has set.

    Without ``PREFECT_API_URL`` a server is started for this one command, whose database lives below the warehouse. Whoever names a
    ``PREFECT_HOME`` has profiles there that may name a server, and whoever has imported Prefect before has settings that stand: no server.
    """
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")  # between transformers and peft: not for users
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")  # errors are told once, by us
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    if "PREFECT_API_URL" in os.environ:
        return
    os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_LOGGING_TO_API_ENABLED", "false")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    if "PREFECT_HOME" in os.environ or "prefect" in sys.modules:
        return
    from flows import embedded_server
    from warehouse.store import Warehouse

    home = (warehouse / ".prefect").resolve()
    Warehouse(warehouse).prepare()
    home.mkdir(mode=0o700, exist_ok=True)
    os.environ["PREFECT_HOME"] = str(home)
    embedded_server.start()


def _stop(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    args = parser().parse_args(argv)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: threads that spin while they wait slow a busy machine tenfold
    signal.signal(signal.SIGTERM, _stop)  # a training saves where it is, as it does at Ctrl-C
    from warehouse.errors import TunehouseError

    try:
        return COMMANDS[args.command].function(args)
    except TunehouseError as error:
        return fail(error)
    except KeyboardInterrupt:
        print("stopped: what was landed stands, and the next run continues from it", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone, e.g. `| head`
        return 0


if __name__ == "__main__":
    sys.exit(main())

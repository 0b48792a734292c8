"""Commands of ``tunehouse``: the Prefect server, its workers, and single units done again."""

from __future__ import annotations

import argparse
from pathlib import Path

from flows.console import Command, add_warehouse, existing, fail, refuse_missing, say

POOLS = ("cpu", "gpu")


def up(args: argparse.Namespace) -> int:
    """Start a Prefect server with its UI, a worker for each pool and every deployment; what runs already stays."""
    from flows.server_home import run_settings, settle
    from flows.server_up import home_of, make_home
    from flows.server_up import up as start

    home = home_of(Path(args.warehouse))
    settings = settle(home, args.host, args.port, args.database_url)
    if args.sources:
        refuse_missing(args.sources)
    make_home(home)
    config = run_settings(home, Path(args.warehouse), args.sources, args.config, args.set)
    standing = start(home, settings, config, template=args.deployments, pools=args.workers)
    say(f"Prefect: {settings.url}  ({', '.join(standing.started) + ' started' if standing.started else 'everything ran already'})")
    for name, row in standing.deployments.items():
        say(f"  {name:<24} pool {row['pool']}  {'; '.join(row['schedules'])}".rstrip())
    say(f"{len(standing.deployments)} deployments; logs and records: {home}; `tunehouse down` stops it")
    return 0


def down(args: argparse.Namespace) -> int:
    """Stop the server and the workers that `tunehouse up` started; what was landed stands."""
    from flows.server_up import down as stop
    from flows.server_up import home_of

    stopped = stop(home_of(Path(args.warehouse)))
    say(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")
    return 0


def rerun(args: argparse.Namespace) -> int:
    """Do one unit of work again, alone or with what was made from it; everything else stands."""
    from flows.cli import quiet_prefect

    store = existing(args.warehouse)
    quiet_prefect(store.root)
    from flows.display import progress_display
    from flows.rerun import rerun_unit

    with progress_display():
        state = rerun_unit(str(store.root), args.unit, args.downstream, args.fresh, args.run, return_state=True)
    outcome = state.result(raise_on_failure=False)
    if isinstance(outcome, BaseException):
        return fail(outcome)
    say(outcome)
    return 0


def _rerun_arguments(parser: argparse.ArgumentParser) -> None:
    add_warehouse(parser)
    parser.add_argument("unit", metavar="UNIT_ID|TASK_RUN_ID", help="as `tunehouse status` or a task run's page in Prefect names it")
    parser.add_argument("--downstream", action="store_true", help="also do what was made from it and does not fit it any more")
    parser.add_argument("--fresh", action="store_true", help="put every question to the model again, though it has answered it before")
    parser.add_argument("--run", metavar="RUN_ID", help="the run whose settings to use (default: the newest with that unit)")


def _up_arguments(parser: argparse.ArgumentParser) -> None:
    add_warehouse(parser)
    parser.add_argument("sources", nargs="*", metavar="PDF_OR_FOLDER", help="what the nightly run works on; none: it rests")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings as YAML, e.g. deployments/demo/run.yaml")
    parser.add_argument("--set", action="append", default=[], metavar="key=value", help="one setting, e.g. train.rank=16; repeatable")
    parser.add_argument("--host", metavar="ADDRESS", help="address to listen at (default: 127.0.0.1, this machine alone)")
    parser.add_argument("--port", type=int, metavar="N", help="port to listen at (default: 4200)")
    parser.add_argument("--database-url", metavar="URL", help="postgresql+asyncpg://user@host/name (default: SQLite in the warehouse)")
    parser.add_argument(
        "--workers", type=_pools, default=list(POOLS), metavar="POOLS", help="pools that get a worker here (default: cpu,gpu)"
    )
    parser.add_argument("--deployments", type=Path, metavar="FILE", help="what is deployed (default: deployments/prefect.yaml)")


def _pools(text: str) -> list[str]:
    pools = [name for name in text.split(",") if name]
    if unknown := sorted(set(pools) - set(POOLS)):
        raise argparse.ArgumentTypeError(f"no such pool: {', '.join(unknown)}; there are {', '.join(POOLS)}")
    return pools


COMMANDS: dict[str, Command] = {
    "up": Command(up, _up_arguments),
    "down": Command(down, add_warehouse),
    "rerun": Command(rerun, _rerun_arguments),
}

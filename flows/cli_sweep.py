"""Commands of ``tunehouse``: several settings side by side, one of them at several values (curve) or a matrix of them (sweep)."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from flows.console import Command, add_settings, add_sources, add_warehouse, refuse_missing, say

if TYPE_CHECKING:
    from flows.sweep_matrix import Given, Sweep


def curve(args: argparse.Namespace) -> int:
    """Run the pipeline with several values of one setting, what they share once, and plot each value's win rate with its interval."""
    from flows.sweep_matrix import read_curve

    wanted = read_curve(args.curve, _given(args))
    out = args.out or Path(wanted.warehouse) / "curves" / f"{wanted.sweep_id}.html"
    return _try(wanted, is_dry=args.dry_run, plot=out)


def sweep(args: argparse.Namespace) -> int:
    """Run the pipeline with every combination of a matrix of settings, what they share once; `tunehouse sql sweep` is the table of all."""
    from flows.sweep_matrix import read_matrix

    return _try(read_matrix(args.matrix, _given(args)), is_dry=args.dry_run)


def _given(args: argparse.Namespace) -> Given:
    from flows.sweep_matrix import Given

    return Given(args.config, args.set, tuple(args.sources), args.warehouse)


def _try(wanted: Sweep, *, is_dry: bool, plot: Path | None = None) -> int:
    """Run every combination and print their table; dry: say what they would ask of models. Exit code 1 where one did not complete.

    ``plot``: where the plot of a sweep over one setting goes.
    """
    from flows.cli import quiet_prefect

    for trial in wanted.trials:
        refuse_missing(trial.config.sources)
    quiet_prefect(Path(wanted.warehouse))
    from flows.sweep import as_curve, as_table, foresee, reservations, sweep_rows, try_all
    from flows.terminal import as_text
    from tasks.curve_page import write_page
    from warehouse.store import Warehouse

    if is_dry:
        return 0 if foresee(wanted, say) else 1
    tried = try_all(wanted, say)
    store = Warehouse(wanted.warehouse)
    rows = sweep_rows(store, wanted)
    notes = reservations(store, wanted, rows)
    say(as_text(as_table(wanted, rows)), *(f"- {note}" for note in notes))
    if plot:
        say(f"the plot: {write_page(as_curve(wanted, rows), notes, plot)}")
    return 0 if all(one.status == "completed" for one in tried) else 1


def _common_arguments(parser: argparse.ArgumentParser) -> None:
    add_warehouse(parser, default=None)
    add_settings(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what each run would ask of models; ask and train nothing")
    add_sources(parser)


def _curve_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("curve", metavar="SETTING=VALUE,VALUE", help="a setting and its values, e.g. train.max_pairs=50,100,200")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the plot's HTML file (default: curves/SWEEP_ID.html in the warehouse)")
    _common_arguments(parser)


def _sweep_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("matrix", type=Path, metavar="FILE", help="YAML of settings and their values, e.g. deployments/demo/sweep.yaml")
    _common_arguments(parser)


COMMANDS: dict[str, Command] = {"curve": Command(curve, _curve_arguments), "sweep": Command(sweep, _sweep_arguments)}

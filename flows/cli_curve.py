"""Commands of ``tunehouse``: one setting at several values, side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from flows.console import Command, add_settings, add_sources, add_warehouse, refuse_missing, say


def curve(args: argparse.Namespace) -> int:
    """Run the pipeline with several values of one setting, what they share once, and plot each value's win rate with its interval."""
    from flows.cli import quiet_prefect
    from flows.curve_values import read_curve

    wanted = read_curve(args.curve, args.config, args.set, tuple(args.sources), args.warehouse)
    for value in wanted.values:
        refuse_missing(value.config.sources)
    quiet_prefect(Path(wanted.warehouse))
    from flows.curve import as_table, curve_rows, draw_curve, foresee, reservations
    from flows.terminal import as_text
    from tasks.curve_page import write_page
    from warehouse.store import Warehouse

    if args.dry_run:
        return 0 if foresee(wanted, say) else 1
    points = draw_curve(wanted, say)
    store = Warehouse(wanted.warehouse)
    rows = curve_rows(store, wanted)
    notes = reservations(store, rows)
    say(as_text(as_table(rows)), *(f"- {note}" for note in notes))
    out = args.out or store.root / "curves" / f"{wanted.curve_id}.html"
    say(f"the plot: {write_page(rows, notes, out)}")
    return 0 if all(point.status == "completed" for point in points) else 1


def _curve_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("curve", metavar="SETTING=VALUE,VALUE", help="a setting and its values, e.g. train.max_pairs=50,100,200")
    add_warehouse(parser, default=None)
    add_settings(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what each value's run would ask of models; ask and train nothing")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the plot's HTML file (default: curves/CURVE_ID.html in the warehouse)")
    add_sources(parser)


COMMANDS: dict[str, Command] = {"curve": Command(curve, _curve_arguments)}

"""Commands of ``tunehouse``: pairs out of the warehouse and reviews into it."""

from __future__ import annotations

import argparse
from pathlib import Path

from flows.console import Command, add_run, add_warehouse, existing, say

EXPORT_FORMATS = ("chat", "alpaca", "sharegpt", "hf")


def export(args: argparse.Namespace) -> int:
    """Write a run's pairs for other tools to train on, by split, with a data card: JSON lines, or Parquet for `datasets`."""
    from tasks.export import export_pairs

    done = export_pairs(existing(args.warehouse), args.run, args.format, args.split, args.out, licence=args.licence)
    say(*(f"{file.n_rows:>7} pairs  {done.folder / file.path}" for file in done.files), f"the card: {done.folder / 'README.md'}")
    return 0


def review(args: argparse.Namespace) -> int:
    """Write every pair to a spreadsheet for people to decide on, or take their decisions in: they win over the machine's."""
    return int(args.action(args))


def review_export(args: argparse.Namespace) -> int:
    """Write every pair with its quote, marks and standing decision; `decision` and `note` are for you to fill in."""
    from tasks.review import export_sheet

    n_pairs = export_sheet(existing(args.warehouse), args.run, args.out)
    say(f"{n_pairs} pairs in {args.out}: write keep, drop or change into `decision`, and for change edit question, answer or answer_key")
    return 0


def review_import(args: argparse.Namespace) -> int:
    """Take the decisions of a sheet in; the next run honours them. Lines that cannot be taken are named, and change nothing."""
    from tasks.review import DECISIONS, import_sheet

    imported = import_sheet(existing(args.warehouse), args.run, args.file, args.reviewer)
    counts = ", ".join(f"{sum(review.decision == decision for review in imported.reviews)} {decision}" for decision in DECISIONS)
    say(f"{len(imported.reviews)} decisions taken in ({counts}), {imported.n_standing} stood already")
    if imported.reviews:
        say("the next `tunehouse run` with the same settings honours them")
    if imported.faults:
        say(f"{len(imported.faults)} lines were not taken:", *imported.faults)
    return 1 if imported.faults else 0


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    add_warehouse(parser)
    add_run(parser)
    parser.add_argument(
        "--format", choices=EXPORT_FORMATS, default="chat", help="chat: `messages`; hf: the same as Parquet (default: chat)"
    )
    parser.add_argument(
        "--split", action="append", default=[], metavar="NAME", help="train, validation, test_...; repeatable (default: all)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to make")
    parser.add_argument("--licence", default="unknown", metavar="NAME", help="what the data card says, e.g. cc-by-4.0 (default: unknown)")


def _review_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="review_action", required=True, metavar="ACTION")
    writing = actions.add_parser("export", help=review_export.__doc__, description=review_export.__doc__)
    writing.add_argument("--out", type=Path, required=True, metavar="FILE", help="the CSV file to write")
    writing.set_defaults(action=review_export)
    reading = actions.add_parser("import", help=review_import.__doc__, description=review_import.__doc__)
    reading.add_argument("file", type=Path, metavar="FILE", help="the CSV file, as the spreadsheet saved it")
    reading.add_argument("--reviewer", required=True, metavar="NAME", help="who decided")
    reading.set_defaults(action=review_import)
    for parser_of_action in (writing, reading):
        add_warehouse(parser_of_action)
        add_run(parser_of_action)


COMMANDS: dict[str, Command] = {"export": Command(export, _export_arguments), "review": Command(review, _review_arguments)}

"""Commands of ``tunehouse``: pairs and models out of the warehouse and reviews into it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from flows.console import Command, add_run, add_warehouse, existing, say

EXPORT_FORMATS = ("chat", "alpaca", "sharegpt", "hf")


def export(args: argparse.Namespace) -> int:
    """Write a run's pairs for other tools to train on, by split, with a data card: JSON lines, or Parquet for `datasets`."""
    from tasks.export import export_pairs

    done = export_pairs(existing(args.warehouse), args.run, args.format, args.split, args.out, licence=args.licence)
    say(*(f"{file.n_rows:>7} pairs  {done.folder / file.path}" for file in done.files), f"the card: {done.folder / 'README.md'}")
    return 0


def export_model(args: argparse.Namespace) -> int:
    """Write a run's adapter or merged model, with tokenizer and card, once every release gate lets it pass; say how to load it."""
    import warnings

    from flows.release_model import Order, release_model
    from tasks.release_params import ReleaseParams

    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")  # between transformers and peft: not for users
    given = {"max_log_prob_gap": args.max_log_prob_gap, "min_equal_answers": args.min_equal_answers, "n_prompts": args.prompts}
    params = ReleaseParams(**{name: value for name, value in given.items() if value is not None})
    order = Order(args.how, args.out, args.licence, args.dtype, args.allow_forgetting)
    lines = release_model(existing(args.warehouse), args.run, order, params)
    say(f"every gate passed; the card: {args.out / 'README.md'}", *lines)
    return 0


def prefer(args: argparse.Namespace) -> int:
    """Run again with the adapter tuned further to preferences (DPO): multiple choice, or references against what the base says wrong."""
    from flows.cli import quiet_prefect, start
    from tasks.prefer_params import PreferParams

    given = {"beta": args.beta, "learning_rate": args.learning_rate, "epochs": args.epochs, "held_out_share": args.held_out}
    choices = str(args.choices.resolve()) if args.choices else ""
    source = PreferParams(source="file" if choices else "base", choices=choices)
    params = replace(source, **{name: value for name, value in given.items() if value is not None})
    store = existing(args.warehouse)
    quiet_prefect(store.root)
    from flows.prefer import preferring

    return start(preferring(store, args.run, params))


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
    elif not imported.n_standing and not imported.faults:
        say("no line has a decision: write keep, drop or change into the column `decision`")
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


def _export_model_arguments(parser: argparse.ArgumentParser) -> None:
    add_warehouse(parser)
    parser.add_argument("--run", metavar="RUN_ID", help="a run's id (default: the latest finished run)")
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--adapter", dest="how", action="store_const", const="adapter", help="the LoRA adapter alone")
    kind.add_argument("--merge", dest="how", action="store_const", const="merge", help="base and adapter as one model")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to make")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), help="of a merged model (default: as it was trained)")
    parser.add_argument("--licence", default="unknown", metavar="NAME", help="what the model card says (default: unknown)")
    parser.add_argument("--allow-forgetting", action="store_true", help="hand it out though it lost on the general control set")
    parser.add_argument("--prompts", type=int, metavar="N", help="taught questions that the gates put (default: 16)")
    parser.add_argument("--max-log-prob-gap", type=float, metavar="NATS", help="merged against adapter, mean of a token (default: 0.05)")
    parser.add_argument("--min-equal-answers", type=float, metavar="SHARE", help="merged against adapter (default: 0.9)")


def _prefer_arguments(parser: argparse.ArgumentParser) -> None:
    add_warehouse(parser)
    parser.add_argument("--run", metavar="RUN_ID", help="a run's id (default: the latest finished run)")
    parser.add_argument("--choices", type=Path, metavar="FILE", help="multiple choice, .csv or .jsonl: question, options, answer")
    parser.add_argument("--held-out", type=float, metavar="SHARE", help="questions that are only measured (default: 0.1)")
    parser.add_argument("--beta", type=float, help="pull back to the adapter that it began from (default: 0.1)")
    parser.add_argument("--learning-rate", type=float, help="peak rate (default: a tenth of the training's)")
    parser.add_argument("--epochs", type=int, help="how often every pair is seen (default: 1)")


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


COMMANDS: dict[str, Command] = {
    "export": Command(export, _export_arguments),
    "export-model": Command(export_model, _export_model_arguments),
    "prefer": Command(prefer, _prefer_arguments),
    "review": Command(review, _review_arguments),
}

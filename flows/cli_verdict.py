"""Commands of ``tunehouse``: what is asked of a verdict afterwards, and judgements made elsewhere."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from flows.console import Command, add_warehouse, existing, fail, say

CANNOT_TELL = 2
"""Exit code of a gate that was asked wrongly, as argparse has it: a pipeline must not take it for a model that failed."""


def gate(args: argparse.Namespace) -> int:
    """Hold a run to a rule: exit code 0 where it passes, 1 where not, 2 where it cannot be told; the outcome is a row of `gates`."""
    from flows.after_run import gate_run
    from tasks.gate import GateParams
    from warehouse.errors import TunehouseError

    try:
        params = GateParams(args.contrast, args.min_win_rate, args.max_negative_flips, args.on, args.max_unscored)
        held = gate_run(existing(args.warehouse), args.run, args.judge, args.split, params)
    except TunehouseError as error:
        fail(error)
        return CANNOT_TELL
    say(f"{'passed' if held.is_passed else 'failed'}: {held.contrast} on {held.split} by {held.judge}")
    if held.is_passed:
        ends = "low end of its interval" if held.basis == "low" else "as it is"
        say(f"  win rate {held.win_rate:.3f} ({ends}), at least {held.min_win_rate:g}")
    for reason in held.reasons:
        print(f"  {reason}", file=sys.stderr)
    return 0 if held.is_passed else 1


def compare_runs(args: argparse.Namespace) -> int:
    """Compare two runs on the questions that both tested, paired question by question; the rows land in `run_comparisons`."""
    from flows.after_run import compare_two_runs
    from flows.terminal import as_text
    from warehouse.views import query

    store = existing(args.warehouse)
    compare_two_runs(store, args.run_a, args.run_b)
    columns = "subject, measure, split, n, mean_a, mean_b, gain, low, high, n_better, n_worse, p_value, p_holm, is_difference"
    chosen = f"select {columns} from run_comparison where run_b = '{args.run_b}'"  # noqa: S608  # a run of that name is there
    say(as_text(query(store, chosen, args.run_a)))
    return 0


def import_judgements(args: argparse.Namespace) -> int:
    """Land a plain-text log of judgements made elsewhere as a run of its own, saying how many entries have no verdict."""
    from flows.after_run import import_log
    from flows.summary import verdict_text
    from warehouse.store import Warehouse

    store = Warehouse(args.warehouse)
    result = import_log(store, Path(args.file), args.contrast, args.judge)
    say(f"run {result.run_id}: {result.message}", verdict_text(store, result.run_id))
    return 0


def label(args: argparse.Namespace) -> int:
    """Say yourself which answer is better, not knowing whose it is; each word is kept, and people become a judge of the run."""
    import shutil

    from flows.labelling import Sitting, label_run
    from flows.terminal import as_text
    from tasks.judge_trust import read_trust
    from warehouse.views import query

    store = existing(args.warehouse)
    sitting = Sitting(args.reviewer, args.contrast, args.n, args.seed)
    done = label_run(store, args.run, sitting, _ask, say, shutil.get_terminal_size().columns)
    say("", f"{len(done.labels)} labels by {sitting.reviewer} on {done.contrast} in run {done.run_id} are kept")
    if done.n_left:  # whoever sees how it stands may stop when it pleases
        say(f"{done.n_left} are left: the same command goes on with them, and shows the figures at the end")
        return 0
    say("", as_text(query(store, "select * exclude (first_at, last_at) from labels_by_reviewer", done.run_id)))
    agreement = query(store, "from reviewer_agreement", done.run_id)
    if agreement.num_rows:
        say(as_text(agreement))
    if not done.estimates:
        say("the run names people among its judges: `tunehouse run` with the same settings takes these labels in")
        return 0
    columns = "split, n, n_wins, n_ties, n_losses, n_unscored, n_not_asked, rate, low, high, judge"
    chosen = f"select {columns} from win_rate where starts_with(judge, 'human') and contrast = '{done.contrast}'"  # noqa: S608  # the run's
    say(as_text(query(store, chosen, done.run_id)))
    trust = read_trust(store, done.run_id)
    say(*filter(None, {trust.unfit_notice(row.judge) for row in done.estimates}))
    return 0


def _ask(prompt: str) -> str | None:
    print(prompt, end="", flush=True)
    line = sys.stdin.readline()
    return line or None


def _label_arguments(parser: argparse.ArgumentParser) -> None:
    add_warehouse(parser)
    parser.add_argument("--run", metavar="RUN_ID", help="a run's id (default: the latest finished run)")
    parser.add_argument("--contrast", metavar="A:B", help="arms whose answers are shown (default: the run's headline contrast)")
    parser.add_argument("--reviewer", required=True, metavar="NAME", help="who labels; the same name goes on where it stopped")
    parser.add_argument("--n", type=int, default=50, help="questions in all, earlier sittings included; controls come on top (default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="draws questions and orders; the same for all reviewers (default: 0)")


def _gate_arguments(parser: argparse.ArgumentParser) -> None:
    add_warehouse(parser)
    parser.add_argument("--run", metavar="RUN_ID", help="a run's id (default: the latest finished run)")
    parser.add_argument("--contrast", default="tuned:base_rag", metavar="A:B", help="arms that are compared (default: tuned:base_rag)")
    parser.add_argument("--min-win-rate", type=float, default=0.5, metavar="SHARE", help="the win rate must reach this (default: 0.5)")
    parser.add_argument("--max-negative-flips", type=float, metavar="SHARE", help="facts that B states and A does not (default: not asked)")
    parser.add_argument(
        "--on", choices=("low", "rate"), default="low", help="low: the cautious end of each interval must hold; rate: the figure itself"
    )
    parser.add_argument("--max-unscored", type=float, default=0.02, metavar="SHARE", help="questions without a verdict (default: 0.02)")
    parser.add_argument("--judge", metavar="NAME", help="whose verdicts count; needed where there are several")
    parser.add_argument("--split", metavar="SET", help="the test set (default: the untaught one that the headline stands on)")


def _compare_runs_arguments(parser: argparse.ArgumentParser) -> None:
    add_warehouse(parser)
    parser.add_argument("run_a", metavar="RUN_A", help="the new run: a gain is in its favour")
    parser.add_argument("run_b", metavar="RUN_B", help="the run that it is held against")


def _import_judgements_arguments(parser: argparse.ArgumentParser) -> None:
    add_warehouse(parser)
    parser.add_argument("file", metavar="FILE", help="a log with a line `Winner: EvalWinner.FINE_TUNED` or `.BASE` for each comparison")
    parser.add_argument("--contrast", default="tuned:base", metavar="A:B", help="names of its fine-tuned and its base model")
    parser.add_argument("--judge", default="imported/1", metavar="NAME", help="who judged, as NAME/VERSION (default: imported/1)")


COMMANDS: dict[str, Command] = {
    "gate": Command(gate, _gate_arguments),
    "label": Command(label, _label_arguments),
    "compare-runs": Command(compare_runs, _compare_runs_arguments),
    "import-judgements": Command(import_judgements, _import_judgements_arguments),
}

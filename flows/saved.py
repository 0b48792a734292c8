"""What stood committed -> what was saved by not doing it again: units, minutes, calls, money; and what came of a unit that was."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tasks.selection import Selection
from warehouse.commits import Commit
from warehouse.store import Warehouse
from warehouse.views import connect

if TYPE_CHECKING:
    from flows.find_unit import Target

MINUTE = 60.0
MOST_WAITING = 5
UNITS = """
    select committed_at >= ? as is_now, count(*) as n, sum(work_seconds) as seconds
    from commits
    where unit_id in (select unit_id from run_units where run_id = ?)
    group by all
"""
CALLS = """
    select asked_at >= ? as is_now, count(*) as n, sum(cost_usd) as usd, count(*) filter (cost_usd is null) as n_unpriced
    from llm_calls
    where not is_from_ledger
    group by all
"""
STALE = "select stage, label, unit_id from stale_units where run_id = ? and is_certain order by committed_at, unit_id"


def saved_text(store: Warehouse, run_id: str, began: str) -> str:
    """One line: what of the run stood when ``began`` (UTC, ISO 8601) came, and what was done since. Empty when nothing stood."""
    with connect(store, run_id) as con:
        units = {is_now: (n, seconds or 0.0) for is_now, n, seconds in con.execute(UNITS, [began, run_id]).fetchall()}
        calls = {is_now: tuple(row) for is_now, *row in con.execute(CALLS, [began]).fetchall()}
    if False not in units:
        return ""
    now = f"; done now: {_took(*units[True], calls.get(True))}" if True in units else ""
    return f"stood, and was not paid for again: {_took(*units[False], calls.get(False))}{now}"


def spent_text(store: Warehouse, run_id: str) -> str:
    """What making all that the run consists of took, whichever run did it."""
    with connect(store, run_id) as con:
        ((_, n_units, seconds),) = con.execute(UNITS, ["", run_id]).fetchall() or [(None, 0, 0.0)]
        calls = con.execute(CALLS, [""]).fetchall()
    return _took(n_units, seconds or 0.0, tuple(calls[0][1:]) if calls else None)


def describe_rerun(store: Warehouse, target: Target, selection: Selection, before: Commit | None, began: str) -> str:
    """What a rerun did, whether anything is stale now, and what it saved; a few lines."""
    work = target.work
    after = store.commit(work.unit_id)
    lines = [f"redone: {work.stage} of {work.label} (unit {work.unit_id}, run {target.run.run_id})"]
    if after and after.n_retryable:
        lines.append(f"{after.n_retryable} of its rows must be asked again: it stays pending")
    if before is None:
        lines.append("it had not been landed before")
    elif after:
        lines.append(f"its content is {'as before' if before.content == after.content else 'another than before'}")
    rebuilt = Counter(other.stage for other in selection.chosen.values() if other.unit_id != work.unit_id)
    if rebuilt:
        lines.append(f"rebuilt: {', '.join(f'{stage} {n}' for stage, n in rebuilt.items())}")
    lines += [
        f"not rebuilt: {other.stage} of {other.label}, which also reads {len(missing)} units that have not been done, such as {missing[0]}"
        for other, missing in list(selection.waiting.values())[:MOST_WAITING]
    ]
    if selection.waiting:
        lines.append("finish the run: `tunehouse run` with the same settings, or Retry in Prefect; `tunehouse status` lists what is to do")
    lines += _stale_lines(store, target.run.run_id)
    lines.append(saved_text(store, target.run.run_id, began))
    return "\n".join(line for line in lines if line)


def _stale_lines(store: Warehouse, run_id: str) -> list[str]:
    with connect(store, run_id) as con:
        stale = con.execute(STALE, [run_id]).fetchall()
    if not stale:
        return ["nothing that was made from it is stale"]
    stage, label, unit_id = stale[0]
    more = f" and {len(stale) - 1} more" if len(stale) > 1 else ""
    return [
        f"stale now: {stage} of {label}{more}, and what is made from them",
        f"the next run rebuilds them; so does `tunehouse rerun {unit_id} --downstream`",
    ]


def _took(n_units: int, seconds: float, calls: tuple[int, float | None, int] | None) -> str:
    time = f"{seconds / MINUTE:.1f} min" if seconds >= MINUTE else f"{seconds:.1f} s"
    words = [f"{n_units} unit{'s' if n_units != 1 else ''}", time]
    if calls:
        n_calls, usd, n_unpriced = calls
        words.append(f"{n_calls} calls")
        words.append(f"${usd or 0.0:.4f}" + (f" ({n_unpriced} calls without a price)" if n_unpriced else ""))
    return ", ".join(words)

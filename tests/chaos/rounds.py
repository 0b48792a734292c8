"""Kill after kill: begin a warehouse, kill its run in each stage, finish it, hold it against an undisturbed one. See ``chaos.py``."""

from __future__ import annotations

import dataclasses
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from damage import Difference, difference, left_over, litter
from house import Child, House, StagePace, in_a_fork, wait_for, warmed_up
from victim import Plan

from warehouse.errors import SchemaError
from warehouse.store import Warehouse

SHARE_IN_A_WRITE = 0.5


@dataclass
class Kill:
    """One kill: where it was aimed, where it fell and what was found after it."""

    aimed_at: str
    manner: str
    stage: str = ""
    under_way: set[str] = field(default_factory=set)
    n_left_over: int = 0
    n_torn: int = 0

    @property
    def is_mid_write(self) -> bool:
        """True when a temporary file, or a part that no commit names, proves it."""
        return self.n_left_over > 0


@dataclass
class Life:
    """One warehouse from its first run to the end of its last."""

    kills: list[Kill] = field(default_factory=list)
    works: Counter[str] = field(default_factory=Counter)
    contents: dict[str, set[str]] = field(default_factory=dict)
    n_redone_though_committed: int = 0
    n_failed: int = 0
    n_left_over_at_end: int = 0
    is_completed: bool = False
    difference: Difference | None = None

    @property
    def n_redone(self) -> int:
        """Units whose work began again, each time counted."""
        return sum(count - 1 for count in self.works.values())

    @property
    def n_redone_in_vain(self) -> int:
        """Of these the ones that no kill had interrupted."""
        under_way = Counter(unit for kill in self.kills for unit in kill.under_way)
        return sum(max(0, count - 1 - under_way[unit]) for unit, count in self.works.items())

    @property
    def n_contradicted(self) -> int:
        """Units that were committed with more than one content."""
        return sum(1 for contents in self.contents.values() if len(contents) > 1)


def live(house: House, pace: StagePace, aims: Iterator[str], rng: random.Random) -> Iterator[Kill | Life]:
    """Begin a warehouse and kill each run of it, one in each stage of ``aims``, until they are used up; then finish it.

    Gives each kill, then the life. A run that ends before its kill fell is the last but one: the life then ends early.
    """
    store = Warehouse(house.new_folder("life"))
    life, seen = Life(), set[str]()
    committed: set[str] = set()
    for stage in aims:
        kill = Kill(stage, "write" if rng.random() < SHARE_IN_A_WRITE else "instant")
        plan = Plan(stage, rng.randint(1, pace.n_writes[stage])) if kill.manner == "write" else None
        child = house.start(store.root, plan)
        child.kill_in(stage, None if plan else rng.random() * pace.seconds[stage])
        note(life, child, committed)
        if not child.is_killed:
            break
        kill.stage, kill.under_way = child.stage, child.under_way()
        found, kill.n_torn = after_kill(store, committed)
        kill.n_left_over, seen = len(found - seen), found
        life.kills.append(kill)
        yield kill
    last = house.start(store.root)
    wait_for(last)
    note(life, last, committed)
    life.is_completed = last.is_completed
    life.n_left_over_at_end = len(litter(store))
    life.difference = in_a_fork(lambda: difference(Warehouse(house.undisturbed), store))
    yield life


def note(life: Life, child: Child, committed: set[str]) -> None:
    """Count works begun, those of units that stood committed when the run started, every content landed, and a run that failed."""
    works = [event["unit"] for event in child.events if event["event"] == "work"]
    life.works.update(works)
    life.n_failed += not (child.is_killed or child.is_completed)
    life.n_redone_though_committed += sum(1 for unit in works if unit in committed)
    for event in child.events:
        if event["event"] == "landed" and event["stage"] != "run":
            life.contents.setdefault(event["unit"], set()).add(event["content"])


def after_kill(store: Warehouse, committed: set[str]) -> tuple[set[str], int]:
    """(what interrupted writes left over, number of torn units); ``committed`` gains the units whose record stands."""
    fresh = Warehouse(store.root)
    try:
        n_torn = len(fresh.verify())
    except SchemaError:  # a commit record that cannot be read
        return set(), 1
    committed.update(commit.unit_id for commit in fresh.commits())
    return left_over(fresh), n_torn


def two_at_once(house: House) -> Life:
    """Two runs start together on one new warehouse; both must succeed, and share the work."""
    root = house.new_folder("two")
    life = Life()
    children = [house.start(root), house.start(root)]
    wait_for(*children)
    for child in children:
        note(life, child, set())
    life.is_completed = all(child.is_completed for child in children)
    life.n_left_over_at_end = len(litter(Warehouse(root)))
    life.difference = in_a_fork(lambda: difference(Warehouse(house.undisturbed), Warehouse(root)))
    return life


def table(lives: list[Life], stages: tuple[str, ...]) -> list[str]:
    """Kills by stage."""
    kills = [kill for life in lives for kill in life.kills]
    rows = [f"{'stage':<12}{'kills':>7}{'mid-write':>11}{'under way':>11}"]
    for stage in (*stages, "in all"):
        some = [kill for kill in kills if stage in (kill.stage, "in all")]
        n_under_way = sum(len(kill.under_way) for kill in some)
        rows.append(f"{stage:<12}{len(some):>7}{sum(kill.is_mid_write for kill in some):>11}{n_under_way:>11}")
    return rows


def worded(figures: dict[str, int]) -> list[str]:
    """One figure on a line."""
    return [f"  {name.replace('_', ' '):<36}{value:>8}" for name, value in figures.items()]


def totals(lives: list[Life]) -> dict[str, int]:
    """What the kills did, over all lives, as plain numbers."""
    kills = [kill for life in lives for kill in life.kills]
    found = [life.difference for life in lives if life.difference]
    return {
        "kills": len(kills),
        "kills_mid_write": sum(kill.is_mid_write for kill in kills),
        "lives_finished": sum(life.is_completed for life in lives),
        "lives": len(lives),
        "runs_failed": sum(life.n_failed for life in lives),
        "rows_compared": sum(one.n_rows for one in found),
        "rows_lost": sum(one.n_lost for one in found),
        "rows_doubled": sum(one.n_doubled for one in found),
        "rows_changed": sum(one.n_changed for one in found),
        "parts_changed": sum(one.n_parts_changed for one in found),
        "units_torn": sum(kill.n_torn for kill in kills),
        "units_under_way_at_a_kill": sum(len(kill.under_way) for kill in kills),
        "units_redone": sum(life.n_redone for life in lives),
        "units_redone_in_vain": sum(life.n_redone_in_vain for life in lives),
        "units_redone_though_committed": sum(life.n_redone_though_committed for life in lives),
        "units_committed_with_two_contents": sum(life.n_contradicted for life in lives),
        "files_left_over_at_the_end": sum(life.n_left_over_at_end for life in lives),
    }


def say(*lines: str) -> None:
    """Print now."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def play(folder: Path, n_kills: int, n_pairs: int, seed: int) -> dict[str, Any]:
    """All rounds: kill by kill, then the pairs. Prints each; returns the figures."""
    rng = random.Random(seed)
    with warmed_up():
        house = House(folder)
        pace = house.undisturbed_run()
        stages = tuple(pace.seconds)
        say("undisturbed: " + ", ".join(f"{name} {pace.n_units[name]} in {pace.seconds[name]:.1f} s" for name in stages))
        lives: list[Life] = []
        n_done = 0
        while n_done < n_kills and not any(life.n_failed for life in lives):
            aims = [stages[k % len(stages)] for k in range(n_done, n_kills)][: len(stages) - n_done % len(stages)]
            for found in live(house, pace, iter(aims), rng):
                if isinstance(found, Life):
                    lives.append(found)
                else:
                    n_done += 1
                    say(line(n_done, found))
            report_life(lives[-1])
        twos = [two_at_once(house) for _ in range(n_pairs)]
        for two in twos:
            say("two runs at once:")
            report_life(two)
    say("", *table(lives, stages), "", "killed", *worded(totals(lives)), "", "two at once", *worded(totals(twos)))
    kills = Counter(kill.stage for life in lives for kill in life.kills)
    return {"killed": totals(lives), "two_at_once": totals(twos), "kills_by_stage": kills}


def line(number: int, kill: Kill) -> str:
    """One kill on one line."""
    where = kill.stage if kill.stage == kill.aimed_at else f"{kill.stage} (aimed at {kill.aimed_at})"
    found = f"left over {kill.n_left_over}  under way {len(kill.under_way)}  torn {kill.n_torn}"
    return f"kill {number:>3}  {where:<34} at a random {kill.manner:<8} {found}"


def report_life(life: Life) -> None:
    """What came of one warehouse."""
    found = life.difference
    say(f"  finished {life.is_completed}, units redone {life.n_redone}, left over at the end {life.n_left_over_at_end}")
    if found:
        say(f"  {dataclasses.replace(found, examples=())}", *(f"    {example}" for example in found.examples))


def is_well(figures: dict[str, int], n_kills: int) -> bool:
    """True when everything finished and nothing is wrong, and the kills were more than show."""
    wrong = ("failed", "lost", "doubled", "changed", "torn", "in_vain", "though_committed", "two_contents", "at_the_end")
    is_shown = figures["kills"] >= n_kills and (figures["kills_mid_write"] > 0 or not n_kills) and figures["rows_compared"] > 0
    is_harmless = not any(value for name, value in figures.items() if name.endswith(wrong))
    return is_shown and is_harmless and figures["lives_finished"] == figures["lives"]


def main() -> int:
    """Play by the words of the command line: folder, kills, pairs, seed, file for the figures. 0 when all is well."""
    folder, n_kills, n_pairs, seed, figures_at = sys.argv[1:]
    figures = play(Path(folder), int(n_kills), int(n_pairs), int(seed))
    Path(figures_at).write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0 if is_well(figures["killed"], int(n_kills)) and is_well(figures["two_at_once"], 0) else 1


if __name__ == "__main__":
    sys.exit(main())

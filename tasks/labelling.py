"""A run's test questions -> what a person is shown of them, in which order: a drawn sample with controls planted among it.

Everything is drawn by hash, so a sitting that was broken off goes on where it stopped, a larger sample begins with the smaller one, and two
people are shown the same questions. The draw looks at no answer: whoever stops early still has a fair sample of each test set.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tasks.control_cases import ControlParams, draw_controls
from tasks.judge_people import HumanJudgeParams
from tasks.stages import kept_pairs
from tasks.units import units_of
from warehouse.keys import draw, key
from warehouse.store import Warehouse
from warehouse.tables import SPLITS, TEST_SPLITS, QaPair
from warehouse.views import connect


@dataclass(frozen=True, slots=True)
class Quote:
    """A span that a reference answer rests on."""

    page: int
    text: str


@dataclass(frozen=True, slots=True)
class Item:
    """Two answers to one question. ``control`` is empty for a question of the contrast; of a control ``answer_a`` is the better one."""

    pair_id: str
    title: str
    question: str
    reference: str
    quotes: tuple[Quote, ...]
    answer_a: str
    answer_b: str
    split: str = ""
    control: str = ""
    variant: str = ""

    def label_id(self, reviewer: str, contrast: str) -> str:
        """The id of a person's label on it."""
        return key("label", reviewer, contrast, self.pair_id, self.control, self.variant, self.answer_a, self.answer_b)

    def order(self, reviewer: str, contrast: str, seed: int) -> Literal["ab", "ba"]:
        """Which answer is shown first to a person."""
        return "ab" if draw(seed, "label order", self.label_id(reviewer, contrast)) < 0.5 else "ba"  # noqa: PLR2004  # a fair coin


def read_questions(store: Warehouse, run_id: str, contrast: str) -> list[Item]:
    """The run's test questions that both arms of ``contrast`` answered."""
    arm_a, arm_b = contrast.split(":")
    sql = """
    select s.split, q.pair_id, coalesce(d.title, '') as title, q.question, q.answer as reference, a.answer as answer_a, b.answer as answer_b
    from splits s
    join qa_pairs q using (pair_id)
    join answers a on a.pair_id = q.pair_id and a.arm = $arm_a
    join answers b on b.pair_id = q.pair_id and b.arm = $arm_b
    left join documents d on d.document_id = q.document_id
    where starts_with(s.split, 'test_')
    order by q.pair_id
    """
    with connect(store, run_id) as con:
        rows: list[dict[str, Any]] = con.sql(sql, params={"arm_a": arm_a, "arm_b": arm_b}).to_arrow_table().to_pylist()
    quotes = read_quotes(store, run_id)
    return [Item(**row, quotes=quotes.get(row["pair_id"], ())) for row in rows]


def read_quotes(store: Warehouse, run_id: str) -> dict[str, tuple[Quote, ...]]:
    """The evidence of every pair of a run, in reading order."""
    found: dict[str, list[Quote]] = defaultdict(list)
    with connect(store, run_id) as con:
        for pair_id, page, quote in con.sql("select pair_id, page, quote from evidence order by pair_id, rank").fetchall():
            found[pair_id].append(Quote(page, quote))
    return {pair_id: tuple(some) for pair_id, some in found.items()}


def read_controls(store: Warehouse, run_id: str, n: int, params: HumanJudgeParams, seed: int) -> list[Item]:
    """``n`` controls, the kinds that the settings name in turn, fewer where the corpus gives no more.

    They are made of pairs that are in no test set: nobody meets a tested question twice.
    """
    tested = {row.pair_id for row in _splits(store, run_id) if row.split in TEST_SPLITS}
    pairs = {pair.pair_id: pair for pair in kept_pairs(store, units_of(store, run_id, "curate")) if pair.pair_id not in tested}
    if not n:
        return []
    with connect(store, run_id) as con:
        titles: dict[str, str] = dict(con.sql("select document_id, title from documents").fetchall())
    return controls_of(list(pairs.values()), titles, read_quotes(store, run_id), n, params, seed)


def controls_of(
    pairs: Sequence[QaPair],
    titles: Mapping[str, str],
    quotes: Mapping[str, tuple[Quote, ...]],
    n: int,
    params: HumanJudgeParams,
    seed: int,
) -> list[Item]:
    """``n`` controls made of ``pairs``, the kinds in turn. ``titles`` by document_id, ``quotes`` by pair_id."""
    of_kind: dict[str, list[Item]] = {name: [] for name in params.controls}
    for case in draw_controls(pairs, {}, ControlParams(n_pairs=n, seed=seed)):
        if case.control in of_kind:
            pair = case.pair
            shown = (pair.question, pair.answer, quotes.get(pair.pair_id, ()), case.answer_a, case.answer_b)
            item = Item(pair.pair_id, titles.get(pair.document_id, ""), *shown)
            of_kind[case.control].append(replace(item, control=case.control, variant=case.variant))
    ranked = [(rank, at, item) for at, items in enumerate(of_kind.values()) for rank, item in enumerate(items)]
    return [item for *_, item in sorted(ranked, key=lambda place: place[:2])][:n]


def draw_sample(questions: Sequence[Item], n: int, seed: int) -> list[Item]:
    """The first ``n`` of all questions in a drawn order, one of each test set after the other: so each has a fair sample of its own."""
    of_set: dict[str, list[Item]] = defaultdict(list)
    for item in sorted(questions, key=lambda item: (draw(seed, "label sample", item.pair_id), item.pair_id)):
        of_set[item.split].append(item)
    ranked = [(rank, TEST_SPLITS.index(split), item) for split, some in of_set.items() for rank, item in enumerate(some)]
    return [item for *_, item in sorted(ranked, key=lambda place: place[:2])][:n]


def n_planted(n: int, share: float) -> int:
    """How many controls go with ``n`` questions."""
    return math.floor(n * share + 1e-9)


def planted(questions: Sequence[Item], controls: Sequence[Item], share: float, seed: int) -> list[Item]:
    """``questions`` with one of ``controls`` at a drawn place in each run of 1 / share of them, as far as there are controls."""
    shown: list[Item] = []
    block: list[Item] = []
    waiting = iter(controls)
    for n, question in enumerate(questions, 1):
        block.append(question)
        if n_planted(n, share) > n_planted(n - 1, share):
            control = next(waiting, None)
            if control:
                block.insert(int(draw(seed, "place", n) * (len(block) + 1)), control)
            shown += block
            block = []
    return shown + block


def _splits(store: Warehouse, run_id: str) -> list[Any]:
    return store.rows(SPLITS, [work.unit_id for work in units_of(store, run_id, "split")])

"""Train pairs -> the same questions with wrong answers of the same kind: what an adapter learns from them is style, not facts.

The placebo is trained as the real adapter is: same questions, seed and steps. Within each document the answers are deranged over facts
of the same answer kind, all wordings of a fact getting the same wrong answer. Where the real adapter states facts that the placebo does
not, the facts were learned and not only the manner of answering.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tasks.key_match import states
from warehouse.errors import TunehouseError
from warehouse.keys import draw, key
from warehouse.tables import PlaceboAnswer, QaPair

VERSION = 1
NEVER, OTHER_DOCUMENT, OTHER_KIND = 1e6, 1e3, 1e1
N_ELSEWHERE = 20  # facts of each document that may lend an answer to another document


@dataclass(frozen=True, slots=True)
class Taught:
    """One answer that train pairs teach: its wordings share it."""

    first: QaPair
    pairs: tuple[QaPair, ...]


def derange(pairs: Sequence[QaPair], adapter_id: str, seed: int) -> list[PlaceboAnswer]:
    """One wrong answer per pair, by pair_id: the assignment of answers to other facts that costs least, drawn by ``seed`` among equals.

    An answer goes to a fact of its own document and kind wherever one is to be had, else to another kind, else to another document;
    never to a fact whose key it states. Solved document by document as a linear assignment (Crouse 2016, as scipy has it).

    Raises:
        TunehouseError: there are too few facts to give each a wrong answer.
    """
    by_document: dict[str, list[Taught]] = defaultdict(list)
    for taught in _taught(pairs):
        by_document[taught.first.document_id].append(taught)
    given: list[tuple[Taught, Taught]] = []
    left: list[Taught] = []
    for facts in by_document.values():
        done, undone = _assign(facts, facts, seed)
        given += done
        left += undone
    others = [facts[at] for at in range(N_ELSEWHERE) for facts in by_document.values() if at < len(facts)]
    done, undone = _assign(left, others, seed)
    if undone:
        raise TunehouseError(
            "there is no wrong answer to give", where=undone[0].first.question, mend="a placebo needs several facts with different answers"
        )
    rows = [
        PlaceboAnswer(key("placebo", adapter_id, pair.pair_id), adapter_id, pair.pair_id, donor.first.pair_id, donor.first.answer)
        for asked, donor in [*given, *done]
        for pair in asked.pairs
    ]
    return sorted(rows, key=lambda row: row.pair_id)


def _assign(facts: Sequence[Taught], donors: Sequence[Taught], seed: int) -> tuple[list[tuple[Taught, Taught]], list[Taught]]:
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415  # takes a second

    if not facts or not donors:
        return [], list(facts)
    costs = [[_cost(asked, donor, seed) for donor in donors] for asked in facts]
    chosen = {int(at): int(of) for at, of in zip(*linear_sum_assignment(costs), strict=True)}
    found = {at: of for at, of in chosen.items() if costs[at][of] < NEVER}
    return [(facts[at], donors[of]) for at, of in found.items()], [fact for at, fact in enumerate(facts) if at not in found]


def _taught(pairs: Iterable[QaPair]) -> list[Taught]:
    groups: dict[tuple[str, ...], list[QaPair]] = defaultdict(list)
    for pair in sorted(pairs, key=lambda pair: pair.pair_id):
        groups[pair.document_id, pair.fact_id, pair.answer_key or "", pair.answer].append(pair)
    return [Taught(group[0], tuple(group)) for _, group in sorted(groups.items())]


def _cost(asked: Taught, donor: Taught, seed: int) -> float:
    one, other = asked.first, donor.first
    if asked is donor or one.fact_id == other.fact_id or one.answer == other.answer:
        return NEVER
    if one.answer_key and states(other.answer, one.answer_key):
        return NEVER
    elsewhere = OTHER_DOCUMENT * (one.document_id != other.document_id) + OTHER_KIND * (one.answer_kind != other.answer_kind)
    return elsewhere + draw(seed, "placebo", one.pair_id, other.pair_id)

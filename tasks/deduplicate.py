"""Kept pairs of all documents, oldest first -> a ``rejected`` row for each that an older pair makes superfluous.

Two pairs are duplicates where
- they ask the same words (case, punctuation and spacing aside), title included;
- they ask the same words without the title, of one document, or of two documents that answer the same. Two manuals may each be asked
  for "the torque of the bolt" and give different answers: with the title these are two questions, and both stay;
- they ask of different facts in nearly the same words (cosine of the bare questions), and say the same thing with the same numbers.

Wordings of one fact are wanted, so among them only equal words count. What an older pair decides never depends on a younger one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.embed import EmbedParams, embed
from tasks.key_match import key_items
from tasks.text import normalise, words
from warehouse.errors import ConfigError
from warehouse.keys import key
from warehouse.tables import QaPair, Rejected

if TYPE_CHECKING:
    import numpy as np

VERSION = 1
STAGE = "deduplicate"

REASONS: dict[str, str] = {
    "equal_question": "An older pair asks the same words.",
    "equal_question_other_answer": "An older pair of the document asks the same words and answers otherwise.",
    "near_duplicate": "An older pair asks nearly the same words, and says the same thing with the same numbers.",
}


@dataclass(frozen=True, slots=True)
class DeduplicateParams:
    """When two pairs count as one."""

    min_cosine: float = 0.95
    """Bare questions at least this near, with the same answer and numbers, are duplicates; below .95 wanted questions are lost."""
    block_rows: int = 512
    """Rows of one block when vectors are compared; memory grows with block_rows x block_columns."""
    block_columns: int = 2048
    """Columns of one block."""

    def __post_init__(self) -> None:
        if not 0 < self.min_cosine <= 1:
            raise ConfigError(
                f"{self.min_cosine} is no cosine to ask for", where="deduplicate.min_cosine", mend="use more than 0, at most 1"
            )
        if self.block_rows < 1 or self.block_columns < 1:
            raise ConfigError("a block needs rows", where="deduplicate.block_rows, block_columns", mend="use at least 1")


def deduplicate(
    pairs: Sequence[QaPair], params: DeduplicateParams = DeduplicateParams(), embed_params: EmbedParams | None = None
) -> list[Rejected]:
    """A row for each superfluous pair, naming the older one that stays. ``pairs`` come oldest document first; their order is their age."""
    rejected = _equal_questions(pairs)
    dropped = {row.item_id for row in rejected}
    groups = _groups([pair for pair in pairs if pair.pair_id not in dropped])
    vectors = question_vectors((pair for group in groups for pair in group), embed_params)
    rejected += [row for group in groups for row in _near_duplicates(group, vectors, params)]
    age = {pair.pair_id: at for at, pair in enumerate(pairs)}
    return sorted(rejected, key=lambda row: age[row.item_id])


def what_is_said(pair: QaPair) -> str:
    """What an answer must say, in comparable form: the items of its key in sorted order, or the answer's words where there is no key."""
    items = key_items(pair.answer_key or "")
    return "; ".join(sorted(items)) if items else normalise(pair.answer)


def question_vectors(pairs: Iterable[QaPair], params: EmbedParams | None = None) -> dict[str, np.ndarray]:
    """Pair id -> unit vector of its bare question, each text embedded alone.

    Which texts share a batch moves the cosines of bf16 vectors by about 1e-3, and a new document may not move an old question.
    """
    wanted = list(pairs)
    table = embed([pair.bare_question for pair in wanted], replace(params or EmbedParams(), batch_size=1)) if wanted else ()
    return {pair.pair_id: vector for pair, vector in zip(wanted, table, strict=True)}


def _equal_questions(pairs: Iterable[QaPair]) -> list[Rejected]:
    oldest: dict[tuple[str, ...], QaPair] = {}
    rejected = []
    for pair in pairs:
        bare = normalise(pair.bare_question)
        names = (("asked", normalise(pair.question)), ("bare", pair.document_id, bare), ("said", bare, what_is_said(pair)))
        found = [oldest[name] for name in names if name in oldest]
        if found:
            is_same = any(what_is_said(other) == what_is_said(pair) for other in found)
            rejected.append(_rejection(pair, "equal_question" if is_same else "equal_question_other_answer", f"of {found[0].pair_id}"))
            continue
        oldest |= dict.fromkeys(names, pair)
    return rejected


def _groups(pairs: Iterable[QaPair]) -> list[list[QaPair]]:
    """Pairs that say the same thing about the same figures, in age order; only groups that hold two facts or more.

    ``M8`` and ``M6`` are figures too: one torque for two bolts is two facts, however near the questions.
    """
    groups: dict[tuple[str, frozenset[str]], list[QaPair]] = defaultdict(list)
    for pair in pairs:
        figures = frozenset(word for word in words(pair.bare_question) if any(letter.isdigit() for letter in word))
        groups[what_is_said(pair), figures].append(pair)
    return [group for group in groups.values() if len({pair.fact_id for pair in group}) > 1]


def _near_duplicates(group: Sequence[QaPair], vectors: Mapping[str, np.ndarray], params: DeduplicateParams) -> list[Rejected]:
    import numpy as np  # noqa: PLC0415  # slow to import, not needed without candidates

    table = np.stack([vectors[pair.pair_id] for pair in group]).astype(np.float32)
    dropped: dict[int, Rejected] = {}
    for younger, older, cosine in sorted(_near(table, params)):
        if younger in dropped or older in dropped or group[younger].fact_id == group[older].fact_id:
            continue
        dropped[younger] = _rejection(group[younger], "near_duplicate", f"of {group[older].pair_id}, cosine {cosine:.3f}")
    return list(dropped.values())


def _near(table: np.ndarray, params: DeduplicateParams) -> Iterator[tuple[int, int, float]]:
    """(younger, older, cosine) of every two rows that are near enough: exact, block by block of the lower triangle."""
    import numpy as np  # noqa: PLC0415

    for top in range(0, len(table), params.block_rows):
        rows = table[top : top + params.block_rows]
        for left in range(0, top + len(rows), params.block_columns):
            cosines = rows @ table[left : left + params.block_columns].T
            for row, column in zip(*np.nonzero(cosines >= params.min_cosine), strict=True):
                younger, older = top + int(row), left + int(column)
                if older < younger:
                    yield younger, older, float(cosines[row, column])


def _rejection(pair: QaPair, reason: str, detail: str) -> Rejected:
    return Rejected(key(STAGE, pair.pair_id, reason), STAGE, pair.pair_id, pair.document_id, reason, detail)

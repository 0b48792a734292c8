"""Multiple-choice files, or train references beside base answers -> preference pairs: a question, the answer to prefer, one to avoid."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.key_match import states
from tasks.text import ngrams, normalise, words
from warehouse.errors import ConfigError, LeakFound
from warehouse.keys import draw, key
from warehouse.tables import PreferencePair, QaPair, SplitRow

VERSION = 1
NGRAM = 13
"""Words in a row that a preference pair and a tested one may not share: the split's own rule."""
LETTERS = "ABCDEFGHIJ"


def read_choices(path: Path) -> list[PreferencePair]:
    """A multiple-choice file: the right option chosen, each wrong one rejected.

    ``.jsonl``: question, options (a list), answer; ``.csv``: columns question, answer and any that begin with ``option``. The answer is
    the text of an option, or its letter.

    Raises:
        ConfigError: naming the first line that cannot be taken, or the file that cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = [json.loads(line) for line in text.splitlines() if line.strip()] if path.suffix == ".jsonl" else _csv_rows(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"the file cannot be read: {error}", where=str(path), mend="name a .jsonl or .csv file in UTF-8") from error
    pairs = [pair for number, row in enumerate(rows, 1) for pair in _choice(row, f"{path.name}, question {number}")]
    return list({pair.preference_id: pair for pair in pairs}.values())


def _csv_rows(text: str) -> list[dict[str, Any]]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [row | {"options": [value for name, value in row.items() if name and name.startswith("option") and value]} for row in rows]


def _choice(row: Any, where: str) -> list[PreferencePair]:
    mend = "give question, at least two different options, and as answer one option's text or letter"
    if not isinstance(row, Mapping) or not isinstance(row.get("options"), list):
        raise ConfigError("this is no multiple-choice question", where=where, mend=mend)
    question, answer = (str(row.get(name) or "").strip() for name in ("question", "answer"))
    options = [str(option).strip() for option in row["options"]]
    named = options.index(answer) if answer in options else LETTERS.find(answer) if len(answer) == 1 else -1
    if not question or len(options) < 2 or len(set(options)) < len(options) or not 0 <= named < len(options):  # noqa: PLR2004
        raise ConfigError("this is no multiple-choice question", where=where, mend=mend)
    return [_pair(question, options[named], wrong, None) for at, wrong in enumerate(options) if at != named]


def pairs_from_answers(pairs: Sequence[QaPair], splits: Sequence[SplitRow], said: Mapping[str, str]) -> list[PreferencePair]:
    """Train references preferred to those of the base's answers (``said``: pair_id -> answer) that do not state the key."""
    train = {row.pair_id for row in splits if row.split == "train"}
    wrong = [
        pair
        for pair in sorted(pairs, key=lambda one: one.pair_id)
        if pair.pair_id in train and pair.answer_key and said.get(pair.pair_id) and not states(said[pair.pair_id], pair.answer_key)
    ]
    return [_pair(pair.question, pair.answer, said[pair.pair_id], pair.fact_id) for pair in wrong]


def _pair(question: str, chosen: str, rejected: str, fact_id: str | None) -> PreferencePair:
    group = key("preference", VERSION, fact_id or normalise(question))
    return PreferencePair(key(group, question, chosen, rejected), group, fact_id, question, chosen, rejected)


def hold_out(pairs: Sequence[PreferencePair], share: float, seed: int) -> tuple[list[PreferencePair], list[PreferencePair]]:
    """(to train on, held out): about ``share`` of the groups held out, none of them parted."""
    out = {pair.group_id for pair in pairs if draw(seed, "preference", pair.group_id) < share}
    return [pair for pair in pairs if pair.group_id not in out], [pair for pair in pairs if pair.group_id in out]


def refuse_tested(pairs: Sequence[PreferencePair], tested: Iterable[QaPair]) -> None:
    """Let pass what asks for nothing that a test set asks.

    Raises:
        LeakFound: a pair's fact is in a test set, or it has a tested question's wording, or 13 words in a row of one.
    """
    facts: dict[str, str] = {}
    held: dict[object, str] = {}
    for test in tested:
        facts[test.fact_id] = test.pair_id
        wordings: list[object] = [normalise(test.question), normalise(test.bare_question)]
        held |= dict.fromkeys([*wordings, *ngrams(words(test.bare_question), NGRAM), *ngrams(words(test.answer), NGRAM)], test.pair_id)
    for pair in pairs:
        own = [normalise(pair.question), *ngrams(words(pair.question), NGRAM), *ngrams(words(pair.chosen), NGRAM)]
        found = facts.get(pair.fact_id or "") or next((held[one] for one in own if one in held), None)
        if found:
            raise LeakFound(
                "a preference pair teaches what a test set asks",
                where=f"{pair.question!r} and tested pair {found}",
                mend="take the question out of the file",
            )

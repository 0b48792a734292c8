"""Multiple-choice files, or train references beside base answers -> preference pairs: a question, the answer to prefer, one to avoid."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tasks.key_match import states
from tasks.prefer_params import PreferParams
from tasks.text import ngrams, normalise, words
from warehouse.errors import ConfigError, LeakFound, plainly
from warehouse.keys import draw, key
from warehouse.tables import PreferencePair, PreferenceQuestion, QaPair, TrainingExample

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
        raise ConfigError(
            f"the file cannot be read: {plainly(error)}", where=str(path), mend="name a .jsonl or .csv file in UTF-8"
        ) from error
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


def questions_for(taught: Sequence[QaPair], tested: Tested, params: PreferParams) -> list[PreferenceQuestion]:
    """Each taught pair with its fate before anything is asked: ``preference`` for those to be put to the base.

    Not put: those whose fact a test set asks, in whatever words; those without an answer that can be found in what is said; and those
    beyond ``max_questions``, facts drawn by the seed.
    """
    in_order = sorted(taught, key=lambda pair: (draw(params.seed, "prefer", pair.fact_id), pair.pair_id))
    rows, n_asked = [], 0
    for pair in in_order:
        fate = _unfit(pair, tested) or ("preference" if n_asked < params.max_questions else "not_drawn")
        n_asked += fate == "preference"
        rows.append(PreferenceQuestion(pair.pair_id, fate, None))
    return rows


def _unfit(pair: QaPair, tested: Tested) -> Literal["fact_is_tested", "refusal", "no_key"] | None:
    if pair.fact_id in tested.facts:
        return "fact_is_tested"
    if pair.answer_kind == "refusal":
        return "refusal"
    return None if pair.answer_key else "no_key"


def judge_answers(
    taught: Sequence[QaPair], questions: Sequence[PreferenceQuestion], said: Mapping[str, str]
) -> tuple[list[PreferencePair], list[PreferenceQuestion]]:
    """(preferences, questions with their fate): a reference is preferred to what the base said where that does not state the key.

    ``said``: pair_id -> answer, of every question that was put.
    """
    by_id = {pair.pair_id: pair for pair in taught}
    judged = [replace(one, fate=_fate(by_id[one.pair_id], said[one.pair_id]), answer=said[one.pair_id]) for one in questions if is_put(one)]
    sources = [(by_id[one.pair_id], one.answer or "") for one in judged if is_put(one)]
    found = [_pair(source.question, source.answer, answer, source) for source, answer in sources]
    return found, [*judged, *(one for one in questions if not is_put(one))]


def is_put(one: PreferenceQuestion) -> bool:
    """True for a question that is to be put, and once it is judged for one that gave a preference."""
    return one.fate == "preference"


def _fate(pair: QaPair, answer: str) -> Literal["preference", "base_is_right", "base_is_silent"]:
    if not answer.strip():
        return "base_is_silent"
    return "base_is_right" if states(answer, pair.answer_key or "") else "preference"


def _pair(question: str, chosen: str, rejected: str, source: QaPair | None) -> PreferencePair:
    fact_id = source.fact_id if source else None
    group = key("preference", VERSION, fact_id or normalise(question))
    name = key(group, question, chosen, rejected)
    return PreferencePair(name, group, fact_id, question, chosen, rejected, source.pair_id if source else None)


def hold_out(pairs: Sequence[PreferencePair], share: float, seed: int) -> tuple[list[PreferencePair], list[PreferencePair]]:
    """(to train on, held out): about ``share`` of the groups held out, none of them parted."""
    out = {pair.group_id for pair in pairs if draw(seed, "preference", pair.group_id) < share}
    return [pair for pair in pairs if pair.group_id not in out], [pair for pair in pairs if pair.group_id in out]


def inherited(examples: Sequence[TrainingExample], adapter_id: str) -> list[TrainingExample]:
    """What the adapter that it began from was taught, as its own: its weights have learnt it."""
    return [replace(row, example_id=key(adapter_id, row.role, row.pair_id), adapter_id=adapter_id) for row in examples]


@dataclass(frozen=True, slots=True)
class Tested:
    """What test sets ask: fact, and wording or run of words -> a tested pair that has it. A refusal's own words tell nothing."""

    facts: Mapping[str, str]
    wordings: Mapping[object, str]

    def pair_like(self, pair: PreferencePair) -> str | None:
        """The tested pair whose fact, wording or 13 words in a row a preference pair has; None where there is none."""
        grams = (gram for text in (pair.question, pair.chosen, pair.rejected) for gram in ngrams(words(text), NGRAM))
        own: Iterable[object] = (normalise(pair.question), *grams)
        return self.facts.get(pair.fact_id or "") or next((self.wordings[one] for one in own if one in self.wordings), None)


def what_is_tested(tested: Iterable[QaPair]) -> Tested:
    """The pairs of all test sets, to be looked up."""
    facts: dict[str, str] = {}
    held: dict[object, str] = {}
    for test in tested:
        facts[test.fact_id] = test.pair_id
        texts = [test.bare_question, *([] if test.answer_kind == "refusal" else [test.answer])]
        grams = (gram for text in texts for gram in ngrams(words(text), NGRAM))
        held |= dict.fromkeys([normalise(test.question), normalise(test.bare_question), *grams], test.pair_id)
    return Tested(facts, held)


def refuse_tested(pairs: Sequence[PreferencePair], tested: Tested) -> None:
    """Let pass what asks for nothing that a test set asks.

    Raises:
        LeakFound: a pair's fact is in a test set, or it has a tested question's wording, or 13 words in a row of one.
    """
    for pair in pairs:
        if found := tested.pair_like(pair):
            raise LeakFound(
                "a preference pair teaches what a test set asks",
                where=f"{pair.question!r} and tested pair {found}",
                mend="take the question out of the file",
            )

"""How likely a model finds each of several answers -> which one it would choose: what it knows, asked without a word of its own.

One option is the question's own reference, the others are references of the same document, of like length and on the same footing: taught
beside a taught fact, untaught beside an untaught one, for a tuned model finds whatever it was taught likely. The length of an answer
lowers its likelihood, so four readings are kept, as lm-evaluation-harness does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from tasks.text import contains_words, normalise
from warehouse.errors import ConfigError
from warehouse.keys import key
from warehouse.tables import ChoiceScore, QaPair, SplitRow

VERSION = 1
Reading = Literal["acc", "acc_norm", "acc_bytes", "acc_mutual_info"]


@dataclass(frozen=True, slots=True)
class ChoiceParams:
    """Among which answers the judge loglik has every arm choose, and what counts as its choice."""

    n_others: int = 3
    """References of the same document that stand beside the question's own: with 3, who guesses is right in one of four."""
    max_length_factor: float = 2.0
    """They are at most this many times longer or shorter, in characters; a question with fewer such others is not scored."""
    reading: Reading = "acc_norm"
    """What the choice goes by: acc: log-likelihood; acc_norm: per character; acc_bytes: per byte; acc_mutual_info: less that without the
    question."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a setting out of bounds."""
        if self.n_others < 1:
            raise ConfigError("out of bounds", where="judge.choice.n_others", mend="use at least 1")
        if self.max_length_factor < 1:
            raise ConfigError("out of bounds", where="judge.choice.max_length_factor", mend="use at least 1")
        if self.reading not in get_args(Reading):
            raise ConfigError(
                f"there is no reading {self.reading!r}", where="judge.choice.reading", mend=f"use one of {', '.join(READINGS)}"
            )


class Option(NamedTuple):
    """One answer as the model sees it. Log-likelihoods in nats, at most 0."""

    log_likelihood: float
    """Of the answer after the question."""
    n_chars: int
    n_bytes: int
    """As UTF-8."""
    unconditional: float = 0.0
    """Log-likelihood of the answer after an empty question."""


READINGS: dict[str, Callable[[Option], float]] = {
    "acc": lambda option: option.log_likelihood,
    "acc_norm": lambda option: option.log_likelihood / option.n_chars,
    "acc_bytes": lambda option: option.log_likelihood / option.n_bytes,
    "acc_mutual_info": lambda option: option.log_likelihood - option.unconditional,
}
"""Reading -> the score whose highest is chosen."""


def choose(options: Sequence[Option], reading: str) -> int:
    """The place of the option that the model would choose; of equals the first.

    Raises:
        ValueError: no options.
    """
    scores = [READINGS[reading](option) for option in options]
    return scores.index(max(scores))


def share_se(share: float, n: int) -> float | None:
    """Standard error of a share of ``n`` independent questions, sqrt(p (1 - p) / (n - 1)); None for fewer than two."""
    return math.sqrt(share * (1 - share) / (n - 1)) if n > 1 else None


def perplexity(nats: float, n_tokens: int) -> float:
    """exp(nats / tokens); ``nats``: the negative log-likelihood of all tokens together. Infinite where that is too large for a float."""
    try:
        return math.exp(nats / n_tokens)
    except OverflowError:
        return math.inf


def bits_per_byte(nats: float, n_bytes: int) -> float:
    """Bits of an answer a byte, nats / (ln 2 * bytes): what an answer costs whatever the tokenizer."""
    return nats / (math.log(2) * n_bytes)


@dataclass(frozen=True, slots=True)
class Offer:
    """The answers that every arm weighs for one question, by pair_id; none where the document has too few."""

    pair_id: str
    option_pair_ids: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a model says of one offer's answers, in their order: nats, at most 0, and the tokens of each, its end among them."""

    log_likelihoods: Sequence[float]
    unconditional: Sequence[float]
    n_tokens: Sequence[int]


def make_offers(asked: Sequence[QaPair], pairs: Sequence[QaPair], splits: Sequence[SplitRow], params: ChoiceParams) -> list[Offer]:
    """One offer for each question of ``asked``. ``pairs``: all that survived curation; ``splits``: where each belongs.

    The others are the nearest in length that answer another fact family, say neither what the reference says nor the answer key, nor each
    other's words. Of equals the pair whose hash comes first: the pairs' order changes nothing.
    """
    of = {row.pair_id: row for row in splits}
    taught = {row.lineage_id for row in splits if row.split == "train"}
    near: dict[tuple[str, bool], list[QaPair]] = {}
    for pair in pairs:
        if pair.pair_id in of:
            near.setdefault((pair.document_id, of[pair.pair_id].lineage_id in taught), []).append(pair)
    offers = []
    for pair in asked:
        lineage = of[pair.pair_id].lineage_id
        others = [other for other in near[pair.document_id, lineage in taught] if of[other.pair_id].lineage_id != lineage]
        offers.append(_offer(pair, others, params))
    return offers


def _offer(pair: QaPair, others: Sequence[QaPair], params: ChoiceParams) -> Offer:
    own = pair.answer.strip()
    said, chosen = {normalise(own)}, [pair]

    def distance(other: QaPair) -> tuple[float, str]:
        return abs(math.log(len(other.answer.strip()) / len(own))), key("option", pair.pair_id, other.pair_id)

    for other in sorted((other for other in others if own and other.answer.strip()), key=distance):
        is_far = distance(other)[0] > math.log(params.max_length_factor)
        if is_far or len(chosen) > params.n_others:
            break
        if normalise(other.answer) in said or (pair.answer_key and contains_words(other.answer, pair.answer_key)):
            continue
        said.add(normalise(other.answer))
        chosen.append(other)
    if len(chosen) <= params.n_others:
        return Offer(pair.pair_id)
    chosen.sort(key=lambda one: one.pair_id)
    return Offer(pair.pair_id, tuple(one.pair_id for one in chosen), tuple(one.answer.strip() for one in chosen))


def as_options(answers: Sequence[str], weighed: Weighed) -> list[Option]:
    """The answers as the model sees them, in order."""
    figures = zip(answers, weighed.log_likelihoods, weighed.unconditional, strict=True)
    return [Option(said, len(text), len(text.encode()), alone) for text, said, alone in figures]


def choice_score(
    offer: Offer, weighed: Weighed | None, arm: str, model: str, adapter_id: str | None, identity: Sequence[str]
) -> ChoiceScore:
    """One arm's row. ``weighed``: None for an offer without answers, and for an arm without a model; ``identity``: what else shaped it."""
    name = key("choice", VERSION, offer, arm, adapter_id, list(identity))
    if weighed is None or not offer.answers:
        reason: Literal["too_few_references", "no_model"] = "no_model" if offer.answers else "too_few_references"
        nothing = None, None, None, None, None, None, None, None
        return ChoiceScore(name, offer.pair_id, arm, model, adapter_id, reason, offer.option_pair_ids, (), (), (), (), *nothing)
    options = as_options(offer.answers, weighed)
    own = offer.option_pair_ids.index(offer.pair_id)
    bits = [bits_per_byte(-option.log_likelihood, option.n_bytes) for option in options]
    chosen: Mapping[str, bool] = {reading: choose(options, reading) == own for reading in READINGS}
    return ChoiceScore(
        choice_id=name,
        pair_id=offer.pair_id,
        arm=arm,
        model=model,
        adapter_id=adapter_id,
        reason=None,
        option_pair_ids=offer.option_pair_ids,
        log_likelihoods=tuple(weighed.log_likelihoods),
        unconditional=tuple(weighed.unconditional),
        n_chars=tuple(option.n_chars for option in options),
        n_bytes=tuple(option.n_bytes for option in options),
        **chosen,
        mutual_information=options[own].log_likelihood - options[own].unconditional,
        perplexity=perplexity(-options[own].log_likelihood, weighed.n_tokens[own]),
        bits_per_byte=bits[own],
        bits_per_byte_others=(sum(bits) - bits[own]) / (len(bits) - 1),
    )

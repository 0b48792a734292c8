"""One document's QA pairs -> kept pairs, and a ``rejected`` row for every other: the first rule that fails names the reason.

Three have a say, each over the one before: the rules, which cost nothing; a model that marks what passed them, where one is named; and
people, whose reviews win over both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tasks.curate_context import Context, Finding, make_contexts
from tasks.curate_measures import Body, body_of, measure
from tasks.curate_reviews import PERSON, Revised, revise
from tasks.curate_rules import REASONS as RULE_REASONS
from tasks.curate_rules import first_failure
from tasks.curate_scores import Scored, ScorerParams, lowest, score_pairs
from tasks.embed import EmbedParams
from tasks.prompt import Ask, load_prompt
from warehouse.errors import ConfigError, MissingPrerequisite
from warehouse.keys import key, shaping
from warehouse.tables import Chunk, Document, Evidence, KeptPair, Page, PairScore, QaPair, Rejected, Review

VERSION = 2
STAGE = "curate"
BEYOND_REVIEW = frozenset({"no_chunk", "no_evidence", "evidence_not_verbatim", "evidence_outside_chunk", "not_a_refusal"})
"""What a reviewer cannot overrule: every kept pair stands in the page that it names."""
REASONS: dict[str, str] = {
    **RULE_REASONS,
    "low_score": "The scoring model gave one of its four marks below curate.min_score; the detail says which, and why.",
    "unscored_...": "The scoring model was asked in vain; what stands behind unscored_ is why. What can heal is asked again.",
    "dropped_by_reviewer": "A person dropped it.",
    "changed_by_reviewer": "A person rewrote it: the new pair names it as its parent.",
}


@dataclass(frozen=True, slots=True)
class CurateParams:
    """How strict the rules are that each pair must pass."""

    max_citation_marks: float = 10.0
    """Years, venues, links and author names per 100 words from which a chunk counts as a list of references (D1)."""
    min_reference_words: int = 40
    """Chunks shorter than this, in words, are not judged by their citation marks (D1)."""
    min_title_words: int = 4
    """Quoted strings of at least this many words are taken for titles (D3, D4)."""
    title_likeness: float = 0.8
    """A quoted string this like the document's title, but not it, is an altered title: 0 to 1 (D4)."""
    min_question_words: int = 6
    """Fewest words of a question as asked, the title included (D5)."""
    max_question_words: int = 45
    """Most words of a question without the title (D5)."""
    max_affiliations: int = 2
    """Most universities, institutes, departments ... that an answer may name (D8)."""
    max_fragment_words: int = 12
    """Answers in prose longer than this, in words, must end in a full stop, question or exclamation mark (D10)."""
    min_grounded_share: float = 0.03
    """Flag pairs with a smaller share of the answer's 4-grams found in the document, unless the quote states the key (D12)."""
    min_answerable_share: float = 0.5
    """Flag pairs with a smaller share of the question's content words found in the document (D13)."""
    max_speculative_share: float = 0.02
    """Largest share of opinion words (might, perhaps, think ...) that the source does not use (D14)."""
    example_ngram: int = 6
    """A question that shares this many words in a row with a prompt's example is dropped (D2)."""
    max_example_cosine: float = 0.55
    """A question this near to a prompt's example, by cosine, is dropped (D2)."""
    same_language: bool = True
    """Drop pairs whose question or answer is in another language than the chunk."""
    language_certainty: float = 0.7
    """A text's language counts as told from this probability on; figures and names stay below it, and are not dropped."""
    scorer: ScorerParams = field(default_factory=ScorerParams)
    """A model that marks each pair that passed the rules, with its chunk in view."""
    min_score: int = 3
    """The lowest of a model's four marks (faithful, standalone, clear, useful) that a kept pair may have, 1 to 5."""

    def __post_init__(self) -> None:
        shares = ("title_likeness", "min_grounded_share", "min_answerable_share", "max_speculative_share", "max_example_cosine")
        for name in (*shares, "language_certainty"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{getattr(self, name)} is no share", where=f"curate.{name}", mend="use a number from 0 to 1")
        for name in ("min_title_words", "min_question_words", "example_ngram"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{getattr(self, name)} is too few", where=f"curate.{name}", mend="use at least 1")
        for name in ("max_citation_marks", "min_reference_words", "max_affiliations", "max_fragment_words"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{getattr(self, name)} is negative", where=f"curate.{name}", mend="use 0 or more")
        if self.min_score not in range(1, 6):
            raise ConfigError(f"{self.min_score} is no mark", where="curate.min_score", mend="use 1 to 5")
        if self.max_question_words < self.min_question_words:
            raise ConfigError(
                "no question could be long enough", where="curate.max_question_words", mend=f"use at least {self.min_question_words}"
            )


def named_by(params: CurateParams) -> dict[str, Any]:
    """What names a document's unit: the settings, with the prompt as it stands where a model scores; nothing of scoring where none does."""
    settings: dict[str, Any] = shaping(params)
    if params.scorer.is_on:
        return settings | {"prompt_sha256": load_prompt(params.scorer.prompt).sha256}
    return {name: value for name, value in settings.items() if name not in ("scorer", "min_score")}


@dataclass(frozen=True, slots=True)
class Curated:
    """What became of a document's pairs: each is kept or rejected, once, in the order in which they came, rewritten ones last."""

    kept: list[KeptPair]
    rejected: list[Rejected]
    scores: list[PairScore] = field(default_factory=list)
    new_pairs: list[QaPair] = field(default_factory=list)
    """Pairs that reviewers rewrote, with their evidence."""
    new_evidence: list[Evidence] = field(default_factory=list)


def curate_document(
    document: Document,
    pairs: Sequence[QaPair],
    evidence: Sequence[Evidence],
    chunks: Sequence[Chunk],
    pages: Sequence[Page],
    params: CurateParams = CurateParams(),
    *,
    reviews: Sequence[Review] = (),
    ask: Ask | None = None,
    refusal: str = "",
    prompt_examples: Sequence[str] = (),
    embed_params: EmbedParams | None = None,
) -> Curated:
    """Ask every rule of every pair. What a rule sees is the pair and its own document, so a new document changes nothing here.

    ``ask``: how the scoring model is asked. ``refusal``: the generator's answer to what the document does not say. ``prompt_examples``:
    questions shown to the generator in its prompt (D2); only where there are some is anything embedded.

    Raises:
        MissingPrerequisite: the settings name a scoring model, and ``ask`` is None.
    """
    revised = revise(pairs, evidence, {document.document_id: document.title}, reviews)
    contexts = make_contexts(
        document, revised.pairs, [*evidence, *revised.new_evidence], chunks, pages, params,
        refusal=refusal, prompt_examples=prompt_examples, embed_params=embed_params,
    )  # fmt: skip
    findings = {pair.pair_id: _verdict(pair, contexts[pair.pair_id], revised) for pair in revised.pairs}
    unmarked = [pair for pair in revised.pairs if findings[pair.pair_id] is None and not _has_spoken(pair, revised)]
    scored = _score(document, unmarked, contexts, params, ask)
    body = body_of(chunks)
    curated = Curated([], [], list(scored.scores.values()), revised.new_pairs, revised.new_evidence)
    for pair in revised.pairs:
        if finding := findings[pair.pair_id] or _too_low(pair, scored, params):
            curated.rejected.append(_rejection(pair, finding))
        else:
            curated.kept.append(_keep(pair, contexts[pair.pair_id], body, revised))
    return curated


def _verdict(pair: QaPair, context: Context, revised: Revised) -> Finding | None:
    """What the rules and the reviewers say: why the pair must go, or None."""
    review = revised.decisions.get(pair.pair_id)
    if review and review.decision != "keep":
        return f"{'dropped' if review.decision == 'drop' else 'changed'}_by_reviewer", f"{review.reviewer}: {review.note}".rstrip(": ")
    finding = first_failure(pair, context)
    return None if finding and _has_spoken(pair, revised) and finding[0] not in BEYOND_REVIEW else finding


def _has_spoken(pair: QaPair, revised: Revised) -> bool:
    """True when a person decided on the pair or wrote it."""
    return pair.pair_id in revised.decisions or pair.generator == PERSON


def _score(document: Document, pairs: Sequence[QaPair], contexts: Mapping[str, Context], params: CurateParams, ask: Ask | None) -> Scored:
    if not params.scorer.is_on or not pairs:
        return Scored({}, {})
    if ask is None:
        raise MissingPrerequisite(
            "nothing to ask the scoring model with", where="curate.scorer.model", mend="hand `ask` to curate_document"
        )
    excerpts = {pair.pair_id: contexts[pair.pair_id].excerpt for pair in pairs}
    return score_pairs(pairs, excerpts, document.title, params.scorer, ask)


def _too_low(pair: QaPair, scored: Scored, params: CurateParams) -> Finding | None:
    """What the marks say. A pair whose marks were asked for in vain is no pair to train on: it waits in ``rejected``, or stays there."""
    if failure := scored.failures.get(pair.pair_id):
        return f"unscored_{failure.reason}", failure.detail
    if not (score := scored.scores.get(pair.pair_id)):
        return None
    mark, name = lowest(score)
    return ("low_score", f"{name} {mark}: {score.reasons}") if mark < params.min_score else None


def _keep(pair: QaPair, context: Context, body: Body, revised: Revised) -> KeptPair:
    kept = measure(pair, context, body)
    spoken = ("changed_by_reviewer" if pair.generator == PERSON else "kept_by_reviewer",) if _has_spoken(pair, revised) else ()
    return replace(kept, flags=(*kept.flags, *spoken))


def _rejection(pair: QaPair, finding: Finding) -> Rejected:
    reason, detail = finding
    return Rejected(key(STAGE, pair.pair_id, reason), STAGE, pair.pair_id, pair.document_id, reason, detail)

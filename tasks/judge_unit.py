"""Units -> rows of a judge's stages: its verdicts on a batch of questions, and how it does where the winner is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tasks import controls
from tasks.budget import Budget
from tasks.choice_unit import ByModel, control_ballots
from tasks.control_cases import ControlCase, draw_controls
from tasks.embed import EmbedParams
from tasks.judge import JUDGES, Arm, JudgeParams, asked_by, judge_name, judge_pairs
from tasks.key_match import key_items
from tasks.metrics import ScoreParams, score_answers, states_key
from tasks.prompt import Ask
from tasks.stages import document_pairs, kept_pairs, rows
from tasks.text import words
from tasks.units import Made, Unit
from warehouse import tables as t
from warehouse.keys import key
from warehouse.store import Warehouse


@dataclass(frozen=True, slots=True)
class JudgeBatch:
    """One judge, one contrast, one batch: the scores of both arms, which read their answers, and the questions' pairs."""

    judge: str
    contrast: str
    scores_a: Unit
    scores_b: Unit
    curated: Unit
    pair_ids: tuple[str, ...]
    labels: tuple[t.Label, ...] = ()
    """What people said of these questions, for the judge human."""
    choices: tuple[Unit, ...] = ()
    """What either arm would choose, for the judge loglik."""


def judge(store: Warehouse, work: Unit, batch: JudgeBatch, params: JudgeParams, budget: Budget) -> Made:
    """One batch of questions -> ``verdicts`` of one judge on one contrast; with a model asked also ``llm_calls``."""
    wanted = set(batch.pair_ids)
    pairs = {pair.pair_id: pair for pair in document_pairs(store, batch.curated) if pair.pair_id in wanted}
    document_id = next((pair.document_id for pair in pairs.values()), "")
    choices = batch.choices or (None, None)
    arms = _arm(store, batch.scores_a, choices[0]), _arm(store, batch.scores_b, choices[1])
    quotes = quotes_of(store, [batch.curated], wanted)

    def made(ask: Ask | None) -> Made:
        return Made({t.VERDICTS: judge_pairs(batch.contrast, batch.judge, arms, pairs, params, quotes, ask, batch.labels)})

    return _asking(store, work, batch.judge, params, budget, document_id, made)


def _arm(store: Warehouse, scored: Unit, weighed: Unit | None) -> Arm:
    answers = {row.pair_id: row.answer for row in store.rows(t.ANSWERS, scored.reads)}
    choices = {row.pair_id: row for row in rows(store, t.CHOICE_SCORES, [weighed])} if weighed else {}
    return Arm({row.pair_id: row for row in rows(store, t.SCORES, [scored])}, answers, choices)


def quotes_of(store: Warehouse, curated: Sequence[Unit], wanted: set[str]) -> dict[str, list[str]]:
    """The evidence of each pair, verbatim, in reading order."""
    found = [row for work in curated for row in store.rows(t.EVIDENCE, [*work.reads, work.unit_id]) if row.pair_id in wanted]
    quotes: dict[str, list[str]] = defaultdict(list)
    for row in sorted(found, key=lambda row: (row.pair_id, row.rank)):
        quotes[row.pair_id].append(row.quote)
    return quotes


def drawn_controls(store: Warehouse, curated: Sequence[Unit], params: JudgeParams) -> list[ControlCase]:
    """The control questions of a corpus: of all pairs that curation kept."""
    pairs = kept_pairs(store, curated) if params.controls.n_pairs else []
    drawn = {case.pair.pair_id for case in draw_controls(pairs, {}, params.controls)}
    quotes = quotes_of(store, curated, drawn)
    return draw_controls(pairs, quotes, params.controls)


def judge_controls(
    store: Warehouse,
    work: Unit,
    judge: str,
    cases: Sequence[ControlCase],
    params: JudgeParams,
    budget: Budget,
    score_params: ScoreParams,
    embed_params: EmbedParams,
    labels: Sequence[t.Label] = (),
    by_model: ByModel | None = None,
) -> Made:
    """One judge on the control questions -> ``control_verdicts control_rates``; with a model asked also ``llm_calls``.

    People were put theirs when they labelled: ``labels`` hold what they said, and there are no ``cases``. ``by_model``: for a judge that
    goes by likelihoods.
    """
    name = judge_name(judge, params)
    if controls.is_people(judge):
        planted = controls.people_controls(labels, name)
        return Made({t.CONTROL_VERDICTS: planted, t.CONTROL_RATES: controls.control_rates(name, planted, 0)})

    if by_model:
        weighed = [controls.control_verdict(name, case, ballot) for case, ballot in control_ballots(cases, by_model, params.choice)]
        return Made({t.CONTROL_VERDICTS: weighed, t.CONTROL_RATES: controls.control_rates(name, weighed, params.controls.n_pairs)})

    def made(ask: Ask | None) -> Made:
        said = controls.judge_controls(judge, cases, params, lambda some: measured(some, score_params, embed_params), ask)
        rates = controls.control_rates(name, said, params.controls.n_pairs)
        return Made({t.CONTROL_VERDICTS: said, t.CONTROL_RATES: rates})

    return _asking(store, work, judge, params, budget, "", made)


def measured(said: Sequence[tuple[t.QaPair, str]], score_params: ScoreParams, embed_params: EmbedParams) -> list[t.Score]:
    """What the similarity judge goes by, for answers that no arm gave: whether each states its pair's key.

    Where a pair has no key, how close the answer comes to its reference, less to the references of the document's other pairs at hand.
    """
    pairs = {pair.pair_id: pair for pair, _ in said}
    near: dict[str, list[str]] = defaultdict(list)
    for pair in pairs.values():
        near[pair.document_id].append(pair.answer)
    scores: dict[str, t.Score] = {}
    keyless = []
    for name, (pair, answer) in {_said_id(*one): one for one in said}.items():  # the same answer is measured once
        if pair.answer_key and key_items(pair.answer_key):
            states = states_key(answer, pair.answer_key, len(words(pair.answer)), score_params)
            scores[name] = t.Score(name, pair.pair_id, "", states, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, None)
        else:
            keyless.append(t.Answer(name, pair.pair_id, "", "", None, answer, 0, 0, "stop"))
    if keyless:
        scores |= {score.answer_id: score for score in score_answers(keyless, pairs, near, [], score_params, embed_params)}
    return [scores[_said_id(*one)] for one in said]


def _said_id(pair: t.QaPair, answer: str) -> str:
    return key("said", pair.pair_id, answer)


def _asking(
    store: Warehouse, work: Unit, judge: str, params: JudgeParams, budget: Budget, document_id: str, made: Callable[[Ask | None], Made]
) -> Made:
    """What ``made`` makes, given a model to ask where the judge asks one; then with its calls."""
    if JUDGES[judge].prompt_of is None:
        return made(None)
    from tasks.ledger import Ledger  # noqa: PLC0415  # not needed without a model

    with Ledger(store, work, asked_by(judge, params).model, stage=work.stage, document_id=document_id, budget=budget) as ledger:
        done = made(ledger.ask)
        return replace(done, tables={**done.tables, t.LLM_CALLS: ledger.rows}, n_retryable=ledger.n_retryable)

"""Questions asked otherwise -> probes, and what they tell: the format spread, the best prompt, what the base knew before.

Probes are answers that no judge reads. Each purpose's stand for themselves: the answer to the question as it is asked everywhere else
is among them, under the name ``default``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from tasks.answer_params import AnswerParams
from tasks.engine import Manner
from tasks.knowledge import knowledge_slices, slice_rates
from tasks.metrics import ScoreParams, states_fact
from tasks.prompt_spread import Asked, best_prompts, elicitation, format_gains, format_rates, format_spreads
from tasks.served import Reply
from tasks.statistics import Outcome, ReportParams
from tasks.wording import DEFAULT
from warehouse import tables as t
from warehouse.keys import draw, key
from warehouse.schema import Table

VERSION = 1
Purpose = Literal["format", "prompt", "sample"]


class Speech(NamedTuple):
    """Who gave a reply: as in answers."""

    arm: str
    model: str
    adapter_id: str | None


def manners(purpose: Purpose, params: AnswerParams) -> dict[str, Manner]:
    """Variant -> how its questions are put."""
    if purpose == "sample":
        known = params.knowledge
        return {str(rank): Manner(temperature=known.temperature, seed=_seed(known.seed, rank)) for rank in range(known.n_samples)}
    wordings = params.formats.wordings if purpose == "format" else params.elicitation.wordings
    return {wording.name: Manner(wording) for wording in wordings}


def _seed(seed: int, rank: int) -> int:
    return int(draw(seed, "sample", rank) * 2**31)


def chosen_pairs(
    purpose: Purpose, pairs: Sequence[t.QaPair], splits: Mapping[str, str], params: AnswerParams, score_params: ScoreParams
) -> set[str]:
    """The test questions that are asked otherwise, of all ``pairs``. ``splits``: by pair_id the test set.

    For a prompt every question, since its answers become an arm's; for a format a drawn part of each set, of those whose answer can be
    right or wrong; for a sample of these the ones that state a fact: that a document says nothing is no knowledge.
    """
    if purpose == "prompt":
        return {pair.pair_id for pair in pairs}
    countable = [pair for pair in pairs if states_fact("", pair, score_params) is not None]
    if purpose == "sample":
        return {pair.pair_id for pair in countable if pair.answer_kind != "refusal"}
    by_set: dict[str, list[str]] = defaultdict(list)
    for pair in countable:
        by_set[splits[pair.pair_id]].append(pair.pair_id)
    drawn = (sorted(some, key=lambda name: draw(params.formats.seed, "format", name)) for some in by_set.values())
    return {name for some in drawn for name in some[: params.formats.n_questions]}


def probe(purpose: Purpose, variant: str, of: Speech, pair: t.QaPair, reply: Reply, score_params: ScoreParams) -> t.Probe:
    """One reply as a row."""
    return t.Probe(
        probe_id=key("probe", VERSION, purpose, variant, of, pair.pair_id, reply.text, reply.n_prompt_tokens),
        purpose=purpose,
        variant=variant,
        pair_id=pair.pair_id,
        arm=of.arm,
        model=of.model,
        adapter_id=of.adapter_id,
        answer=reply.text,
        states_key=states_fact(reply.text, pair, score_params),
        n_prompt_tokens=reply.n_prompt_tokens,
        n_answer_tokens=reply.n_answer_tokens,
        finish_reason=reply.finish_reason,
    )


def probe_of_answer(purpose: Purpose, answer: t.Answer, pair: t.QaPair, score_params: ScoreParams) -> t.Probe:
    """An arm's own answer, as the probe by the default wording."""
    reply = Reply(answer.answer, answer.n_prompt_tokens, answer.n_answer_tokens, answer.finish_reason)
    return probe(purpose, DEFAULT, Speech(answer.arm, answer.model, answer.adapter_id), pair, reply, score_params)


def asked_of(probes: Sequence[t.Probe], splits: Sequence[t.SplitRow], purpose: Purpose) -> list[Asked]:
    """The probes of one purpose whose answer can be right or wrong."""
    placed = {row.pair_id: row for row in splits}
    return [
        Asked(one.arm, one.variant, (at := placed[one.pair_id]).split, one.pair_id, at.document_id, at.lineage_id, one.states_key)
        for one in probes
        if one.purpose == purpose and one.states_key is not None
    ]


def best_answers(
    probes: Sequence[t.Probe], splits: Sequence[t.SplitRow], arm: str, params: AnswerParams, report: ReportParams
) -> list[t.Answer]:
    """The answers of arm ``arm``: to each question the one given with the prompt that the other half of the questions chose."""
    prompted = [one for one in probes if one.purpose == "prompt"]
    given = {(one.pair_id, one.variant): one for one in prompted}
    asked = asked_of(prompted, splits, "prompt")
    chosen: dict[str, str] = {}
    for split in t.TEST_SPLITS:
        names = sorted({row.pair_id for row in splits if row.split == split} & {one.pair_id for one in prompted})
        chosen |= best_prompts([one for one in asked if one.split == split], names, split, report, params.elicitation)
    found = [given[pair_id, variant] for pair_id, variant in sorted(chosen.items())]
    return [
        t.Answer(
            answer_id=key("answer", VERSION, arm, one.probe_id),
            pair_id=one.pair_id,
            arm=arm,
            model=one.model,
            adapter_id=one.adapter_id,
            answer=one.answer,
            n_prompt_tokens=one.n_prompt_tokens,
            n_answer_tokens=one.n_answer_tokens,
            finish_reason=one.finish_reason,
        )
        for one in found
    ]


def probe_figures(
    probes: Sequence[t.Probe],
    splits: Sequence[t.SplitRow],
    sets: Mapping[tuple[str, str, str], Sequence[Outcome]],
    params: AnswerParams,
    report: ReportParams,
) -> dict[Table, list[Any]]:
    """Every table that probes tell, by table. ``sets``: by (judge, contrast, test set) every planned question with its outcome."""
    formats, prompts = (asked_of(probes, splits, purpose) for purpose in ("format", "prompt"))
    contrasts = sorted({contrast for _, contrast, _ in sets})
    stated: dict[str, list[bool]] = defaultdict(list)
    for one in probes:
        if one.purpose == "sample" and one.states_key is not None:
            stated[one.pair_id].append(one.states_key)
    slices = knowledge_slices(stated, params.knowledge)
    return {
        t.FORMAT_RATES: format_rates(formats),
        t.FORMAT_SPREADS: format_spreads(formats),
        t.FORMAT_GAINS: format_gains(formats, contrasts),
        t.ELICITATIONS: [
            elicitation(prompts, arm, split, report, params.elicitation) for arm, split in sorted({(one.arm, one.split) for one in prompts})
        ],
        t.KNOWLEDGE_SLICES: slices,
        t.SLICE_RATES: slice_rates(sets, slices, report),
    }

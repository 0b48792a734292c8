"""A finished run with everything that a verdict can rest on: judges that were shown both orders, controls, formats, slices, labels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks import controls
from tasks.control_cases import CONTROLS
from tasks.judge import JudgeParams
from tasks.knowledge import knowledge_slices, slice_rates
from tasks.outcomes import figures, outcome_sets
from tasks.prompt_spread import Asked, elicitation, format_gains, format_rates, format_spreads
from tasks.providers.base import ModelParams
from tasks.statistics import ReportParams
from tasks.units import Unit, record_units
from warehouse import tables as t
from warehouse.keys import draw
from warehouse.store import Warehouse

ARMS = ("base", "base_rag", "tuned")
CONTRASTS = ("tuned:base", "tuned:base_rag", "base_rag:base")
SPLITS = ("test_rephrased", "test_unseen_fact")
FORMATS = ("default", "letters_to_numbers", "bullets", "praise", "system_message")
SKILL = {"base": 0.2, "base_rag": 0.45, "tuned": 0.6}
LLM, MEASURE, HUMAN = "llm/1 openai/llama-judge #00000000", "similarity/1", "human/1"
N_DOCUMENTS, N_EACH = 8, 6
WORDS = "The valve is turned by hand until the pointer stands at the second mark of the scale. "


def states(arm: str, pair_id: str, salt: str = "") -> bool:
    """Whether an arm states a fact: by a draw, more often for a better arm and for some documents."""
    return draw(0, arm, pair_id, salt) < SKILL[arm] + (0.2 if pair_id < "p16" else 0.0)


def answer(arm: str, pair_id: str) -> str:
    """What it says: tuned mostly longer."""
    n = 1 + int(4 * draw(1, arm, pair_id)) + 2 * (arm == "tuned")
    return f"{'It is 42 Nm.' if states(arm, pair_id) else 'It is 35 Nm.'} {WORDS * n}"


def said(judge: str, contrast: str, pair_id: str) -> list[t.Verdict]:
    """What a judge says: the measure once, the model in both orders and at times by the place, people of every second question."""
    arm_a, arm_b = contrast.split(":")
    lead = states(arm_a, pair_id) - states(arm_b, pair_id)
    name = f"{judge}-{contrast}-{pair_id}"
    if judge == HUMAN and draw(2, "labelled", pair_id) < 0.5:
        return [t.Verdict(f"{name}-0", contrast, pair_id, judge, "none", 0, "not_asked", "")]
    if judge != LLM:
        word = ("second", "tie", "first")[lead + 1]
        return [t.Verdict(f"{name}-0", contrast, pair_id, judge, "none", 0, word, "")]
    by_place = draw(2, contrast, pair_id) < 0.15
    words = {"ab": ("second", "tie", "first")[lead + 1], "ba": ("first", "tie", "second")[lead + 1]}
    if draw(3, contrast, pair_id) < 0.03:
        words["ba"] = "unparsed"
    return [
        t.Verdict(f"{name}-{order}", contrast, pair_id, judge, order, 0, "first" if by_place else word, f"Read, {order}: [[{word}]]")
        for order, word in words.items()
    ]


def controlled(judge: str) -> list[t.ControlVerdict]:
    """Controls of which the model misses one too many lists, and the measure cannot see a wrong number."""
    rows = []
    for name, control in CONTROLS.items():
        for at in range(20):
            right = "tie" if control.expected == "tie" else "first"
            misses = (judge == LLM and at == 0 and name == "K8") or (judge == MEASURE and at < 9 and name == "K6")
            rows.append(
                t.ControlVerdict(f"{judge}{name}{at}", judge, name, "v", f"p{at}", "a", "b", "none", 0, "second" if misses else right, "")
            )
    return rows


def land(folder: Path, *, judges: tuple[str, ...] = (LLM, MEASURE, HUMAN), hostile: str = "", failing: str = "") -> Warehouse:
    """A warehouse with run r1. ``hostile``: stands in every name and reply; ``failing``: a control that the model fails throughout."""
    names = [f"p{rank:02}" for rank in range(N_DOCUMENTS * N_EACH)]
    documents = [f"d{rank}" for rank in range(N_DOCUMENTS)]
    of = {name: documents[rank // N_EACH] for rank, name in enumerate(names)}
    splits = [t.SplitRow(name, of[name], f"f-{name}", f"l-{name}", SPLITS[rank % 2]) for rank, name in enumerate(names)]
    verdicts = [row for judge in judges for contrast in CONTRASTS for name in names for row in said(judge, contrast, name)]
    verdicts = [replace(row, reply=row.reply + hostile) for row in verdicts]
    answers = [t.Answer(f"{a}-{n}", n, a, "tiny", None, answer(a, n), 9, 40, "stop") for a in ARMS for n in names]
    scores = [
        t.Score(f"{a}-{n}", n, a, states(a, n), 40, 0.5, 0.5, 0.4, 0.1, 0.5, 0.5, None) for a in ARMS for n in names
    ]  # fmt: skip
    judging, params = JudgeParams(contrasts=CONTRASTS), ReportParams()
    asked = [
        Asked(a, name, q.split, q.pair_id, q.document_id, q.lineage_id, states(a, q.pair_id, "" if name == "default" else name))
        for a in ARMS for name in FORMATS for q in splits
    ]  # fmt: skip
    slices = knowledge_slices({n: [draw(4, n) < 0.6 * draw(5, n, k) + 0.2 for k in range(4)] for n in names})
    made = [row for judge in judges if judge != HUMAN for row in controlled(judge)]
    made = [replace(row, verdict="second") if (row.judge, row.control) == (LLM, failing) else row for row in made]
    rows: dict[Any, list[Any]] = {
        t.DOCUMENTS: [
            t.Document(d, "0" * 64, f"manual-{d}{hostile}.pdf", None, "Manual", "metadata", 1, 1, 9, 9, "ok", None, (), None)
            for d in documents
        ],
        t.CHUNKS: [t.Chunk(f"c{d}", d, 0, "Data", "body", "The torque is 42 Nm.", 5) for d in documents],
        t.QA_PAIRS: [
            t.QaPair(n, of[n], f"c{of[n]}", f"f-{n}", 0, f"Which torque, {n}?", f"Which torque, {n}?", "It is 42 Nm.", "42 Nm", "number",
                     "p", "extractive/1")
            for n in names
        ],
        t.SPLITS: splits, t.ANSWERS: answers, t.SCORES: scores, t.VERDICTS: verdicts,
        **figures(verdicts, scores, answers, splits, ARMS, judging, params),
        t.FORMAT_RATES: format_rates(asked),
        t.FORMAT_SPREADS: format_spreads(asked),
        t.FORMAT_GAINS: format_gains(asked, CONTRASTS),
        t.ELICITATIONS: [elicitation(asked, a, "test_unseen_fact", params) for a in ARMS],
        t.KNOWLEDGE_SLICES: slices,
        t.SLICE_RATES: slice_rates(outcome_sets(verdicts, splits, judging), slices, params),
        t.CONTROL_VERDICTS: made,
        t.CHOICE_RATES: [
            t.ChoiceRate(f"choice-{a}", a, "test_unseen_fact", 24, 22, 0.25, SKILL[a], SKILL[a] + 0.1, 0.2, 0.9, 0.31, 0.37, 1.0, 1.5, 1.6,
                         "document", 8)
            for a in ARMS
        ],
        t.SPECIFIC_GAINS: [
            t.SpecificGain(f"gain-{c}", c, "test_unseen_fact", 24, 22, 0.125, 0.062, 0.063, 0.011, 0.115, "document", 8) for c in CONTRASTS
        ],
    }  # fmt: skip
    rates = [row for j in judges if j != HUMAN for row in controls.control_rates(j, [v for v in made if v.judge == j], 20)]
    store = Warehouse(folder)
    store.prepare()
    model = ModelParams(model="openai/llama-judge")
    settings = {
        "answer": {"arms": ARMS},
        "judge": {"judges": ["llm"], "llm": {"model": {"model": model.model}}, "contrasts": CONTRASTS},
        "train": {"base_model": "meta-llama/Llama-3.2-1B"},
        "report": {"headline_contrast": "tuned:base"},
    }
    run = t.Run("r1", "2026-01-01T10:00:00", "", json.dumps(settings), "{}", "abc", False, "{}")
    store.land("run-r1", {t.RUNS: [run]}, stage="run")
    store.land("unit", rows, stage="report")
    store.land("known", {t.CONTROL_RATES: rates}, stage="controls")
    record_units(store, "r1", "report", [Unit("unit", "report", "everything")])
    record_units(store, "r1", "controls", [Unit("known", "controls", "everything")])
    store.land("end-r1", {t.RUN_RESULTS: [t.RunResult("r1", "2026-01-01T11:00:00", "completed", 2, 2, 0, 0, "")]}, stage="run")
    return store

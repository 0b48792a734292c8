"""What a run says -> what its report says in words and places: reservations, filters, crops of pages."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from tasks.first_facts import taught_notice
from tasks.judge_trust import judge_rank
from tasks.model_family import judge_notices, scorer_notice
from tasks.report_basis import Row
from tasks.report_charts import split_rank
from tasks.report_data import Evidence, ReportData, TestQuestion
from tasks.report_pages import Place

MARGIN = 110.0  # PDF points shown above and below the evidence
SIDE = 36.0  # ... and to either side
MIN_WIDTH = 0.6  # of the page is shown
PAD = 1.5  # PDF points that a highlight reaches beyond the printed line
MAX_FLIPS = 100  # of one contrast
OUTCOMES = ("arm_a", "tie", "arm_b", "none")


@dataclass(frozen=True, slots=True)
class View:
    """A piece of a page around the evidence, with the evidence's lines; all in PDF points."""

    image_id: str
    crop: tuple[float, float, float, float]
    """x, y, width, height of what is shown."""
    boxes: tuple[tuple[float, float, float, float], ...]
    """x, y, width, height of each highlight."""

    @classmethod
    def of(cls, evidence: Evidence, image_id: str | None) -> View | None:
        """The crop around the evidence; the whole page where its place is unknown, None where the page has no image."""
        if image_id is None:
            return None
        boxes = tuple((x0 - PAD, y0 - PAD, x1 - x0 + 2 * PAD, y1 - y0 + 2 * PAD) for x0, y0, x1, y1 in evidence.boxes)
        if not boxes:
            return cls(image_id, (0.0, 0.0, evidence.width, evidence.height), ())
        narrowest = MIN_WIDTH * evidence.width
        left, right = min(x for x, _, _, _ in boxes) - SIDE, max(x + width for x, _, width, _ in boxes) + SIDE
        lacking = max(narrowest - (right - left), 0.0) / 2
        left, right = max(0.0, min(left - lacking, evidence.width - narrowest)), min(evidence.width, max(right + lacking, narrowest))
        top = max(0.0, min(y for _, y, _, _ in boxes) - MARGIN)
        bottom = min(evidence.height, max(y + height for _, y, _, height in boxes) + MARGIN)
        return cls(image_id, (round(left, 1), round(top, 1), round(right - left, 1), round(bottom - top, 1)), boxes)


@dataclass(frozen=True, slots=True)
class PageView:
    """The image of one page, drawn once and shown wherever it is evidence."""

    image_id: str
    uri: str
    width: float
    height: float


def page_views(ids: Mapping[Place, str], images: Mapping[Place, str], questions: Iterable[TestQuestion]) -> list[PageView]:
    """Each image once, at its page's size in PDF points."""
    sizes = {(e.document_id, e.page): (e.width, e.height) for question in questions for e in question.evidence}
    return [PageView(ids[place], uri, *sizes[place]) for place, uri in images.items()]


def notices(data: ReportData) -> list[str]:
    """What a reader must know before believing a figure of this run; empty when there is nothing."""
    found = []
    if not data.result:
        found.append("The run has not ended: what is shown may change.")
    elif data.result["status"] != "completed":
        pending = f", {data.result['n_pending']} units of work are still to do" if data.result["n_pending"] else ""
        found.append(f"The run is {data.result['status']}{pending}.")
    if n := data.result.get("n_warnings"):
        found.append(f"{n} of {len(data.documents)} files could not be read whole; the provenance section names them.")
    found += [
        f"Adapter {row['adapter_id'][:12]} does not change the model's output: what is measured of it is the base model."
        for row in data.adapters
        if not row["is_live"]
    ]
    found += filter(None, (scorer_notice(data.run["settings"]), *judge_notices(data.run["settings"]), taught_notice(data.run["settings"])))
    if data.run["is_dirty"]:
        found.append("The code had uncommitted changes: the commit named below does not describe it fully.")
    return found


def flip_groups(flips: Sequence[Row], rates: Sequence[Row], shown: Collection[str]) -> list[dict[str, Any]]:
    """By contrast: how many facts arm_a gained and lost on each test set, and the questions, each linked where it is shown.

    ``flips``: rows of the view of that name; ``rates``: of the table ``flip_rates``, where a run has them.
    """
    of_set = {(row["contrast"], row["split"]): row for row in rates}
    groups = []
    for contrast, rows in groupby(flips, key=lambda row: row["contrast"]):
        listed = [dict(row) | {"is_shown": row["pair_id"] in shown} for row in rows]
        counts = Counter((row["split"], row["flip"]) for row in listed)
        splits = {split for split, _ in counts} | {split for of, split in of_set if of == contrast and of_set[of, split]["n"]}
        sets = [
            {"split": split, "gained": counts[split, "gained"], "lost": counts[split, "lost"], "rate": of_set.get((contrast, split))}
            for split in sorted(splits, key=split_rank)
        ]
        arm_a, _, arm_b = contrast.partition(":")
        groups.append({"arm_a": arm_a, "arm_b": arm_b, "sets": sets, "rows": listed[:MAX_FLIPS], "n": len(listed)})
    return groups


def judgements(data: ReportData) -> list[tuple[str, str]]:
    """Every judge with each contrast that it judged: the headline's first, the judges to be heard first."""
    found = {(row["judge"], row["contrast"]) for question in data.questions for row in question.outcomes}
    return sorted(found, key=lambda of: (of[1] != data.params.headline_contrast, of[1], judge_rank(of[0]), of[0]))


def judged_choices(data: ReportData) -> list[tuple[str, list[tuple[str, str]]]]:
    """For the filter by what a judge said: a heading for each judge and contrast, and under it (code, words) of each outcome."""
    choices = []
    for at, (judge, contrast) in enumerate(judgements(data)):
        arm_a, _, arm_b = contrast.partition(":")
        words = (f"{arm_a} wins over {arm_b}", f"{arm_a} and {arm_b} tie", f"{arm_b} wins over {arm_a}", f"{arm_a} and {arm_b} unscored")
        choices.append((judge, [(f"{at}-{outcome}", said) for outcome, said in zip(OUTCOMES, words, strict=True)]))
    return choices


def judged_codes(question: TestQuestion, of: Sequence[tuple[str, str]]) -> str:
    """The codes of :func:`judged_choices` that hold for a question. ``of``: as :func:`judgements` has them."""
    return " ".join(f"{of.index((row['judge'], row['contrast']))}-{row['outcome'] or 'none'}" for row in question.outcomes)


def outcome_choices(data: ReportData) -> list[tuple[str, str]]:
    """(rule, words) of each outcome a reader may filter by; a rule names arms that must (+) and must not (-) state the fact."""
    contrasts = list(dict.fromkeys([data.params.headline_contrast, *(row.contrast for row in data.estimates)]))
    pairs = [tuple(contrast.split(":")) for contrast in contrasts]
    compared = [(f"{a}+ {b}-", f"{a} states the fact, {b} does not") for arms in pairs for a, b in (arms, arms[::-1])]
    single = [(f"{arm}{sign}", f"{arm} {words}") for arm in data.arms for sign, words in (("+", "states the fact"), ("-", "does not"))]
    every = [(" ".join(f"{arm}{sign}" for arm in data.arms), f"{word} arm states the fact") for sign, word in (("+", "every"), ("-", "no"))]
    return [*compared, *single, *every]


def settings_rows(settings: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """(stage, its settings as text), settings of no stage first."""
    loose = [(name, _text(value)) for name, value in settings.items() if not isinstance(value, dict)]
    stages = [(name, [(k, _text(v)) for k, v in value.items()]) for name, value in settings.items() if isinstance(value, dict)]
    return [("run", loose), *stages]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

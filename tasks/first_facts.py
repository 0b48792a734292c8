"""Train pairs -> no more of them than ``train.max_pairs``: whole facts in a drawn order, so that less is always part of more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.train_params import TrainParams
from warehouse.keys import draw
from warehouse.tables import QaPair


def first_facts(pairs: Sequence[QaPair], params: TrainParams) -> list[QaPair]:
    """The pairs of the facts that come first in an order drawn by ``params.seed``, up to the first fact that would be too much.

    Stopping there, and not filling up with smaller facts, is what makes the pairs of any number a part of those of any larger one. All
    pairs where ``params.max_pairs`` is none; none of them where the first fact alone has more.
    """
    if params.max_pairs is None:
        return list(pairs)
    facts: dict[str, list[QaPair]] = defaultdict(list)
    for pair in pairs:
        facts[pair.fact_id].append(pair)
    chosen: list[QaPair] = []
    for fact_id in sorted(facts, key=lambda fact_id: draw(params.seed, "max_pairs", fact_id)):
        if len(chosen) + len(facts[fact_id]) > params.max_pairs:
            break
        chosen += facts[fact_id]
    return chosen


def taught_notice(settings: Mapping[str, Any]) -> str | None:
    """What a reader must know where not every train pair may have been taught; None without ``train.max_pairs``.

    ``settings``: a run's, as plain data, such as ``runs.settings`` holds.
    """
    most = settings.get("train", {}).get("max_pairs")
    if most is None:
        return None
    return (
        f"At most {most} pairs were taught (train.max_pairs): test_rephrased also asks facts that were left out; "
        "`tunehouse sql document_yield` counts what was taught of the train set."
    )

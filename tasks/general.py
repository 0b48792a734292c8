"""Our own general questions: a control set that no training sees, and others of the same groups to mix into one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tasks.train_params import TrainExample, TrainParams
from warehouse.keys import draw

FOLDER = Path(__file__).with_name("general_set")
PREFIX = "replay-"
"""How the ids of replayed examples begin, which stand in no table of pairs."""


@dataclass(frozen=True, slots=True)
class GeneralItem:
    """A question that any model may be asked, and its answer."""

    item_id: str
    item_group: str
    question: str
    answer: str


def general_items(name: Literal["control", "replay"]) -> list[GeneralItem]:
    """The items of one set, in order."""
    return [GeneralItem(**json.loads(line)) for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def replay_examples(n_taught: int, params: TrainParams) -> list[TrainExample]:
    """General examples that make up ``train.replay_share`` of a training on ``n_taught`` pairs, as far as there are so many; none for 0."""
    wanted = round(n_taught * params.replay_share / (1 - params.replay_share))
    drawn = sorted(general_items("replay"), key=lambda item: draw(params.seed, "replay", item.item_id))[:wanted]
    return [TrainExample(item.item_id, item.question, item.answer) for item in sorted(drawn, key=lambda item: item.item_id)]

"""The settings of preference tuning (DPO): free of torch, so that a command line can read them quickly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from warehouse.errors import ConfigError
from warehouse.keys import TECHNICAL


@dataclass(frozen=True, slots=True)
class PreferParams:
    """Preferences that the trained adapter is tuned further to, by direct preference optimisation; the tuned arms then answer with that."""

    source: Literal["none", "base", "file"] = "none"
    """none: no such tuning; base: references of the train set against what the base says wrong there; file: multiple choice."""
    choices: str = field(default="", metadata=TECHNICAL)
    """For source file: a .csv or .jsonl file with question, options and answer, which whoever trains can read too. Its content counts."""
    max_questions: int = 500
    """For source base: train questions put to the base at most, whole facts drawn by the seed. Facts of a test set are never asked."""
    max_new_tokens: int = 64
    """For source base: an answer is cut after this many tokens."""
    held_out_share: float = 0.1
    """Share of the questions whose pairs are measured alone, before and after; none of a question's pairs are parted."""
    beta: float = 0.1
    """Strength of the pull back to the adapter that it began from: larger stays nearer."""
    learning_rate: float | None = None
    """Peak learning rate; none: a tenth of the training's."""
    epochs: int = 1
    """How often every pair is seen."""
    pairs_per_step: int = 16
    """Preference pairs in an optimizer step."""
    seed: int = 0
    """Draws the questions asked, those held out and the order of the pairs."""

    def __post_init__(self) -> None:
        """Raises ConfigError for the first setting out of bounds."""
        for name in ("max_questions", "max_new_tokens", "beta", "epochs", "pairs_per_step"):
            _require(getattr(self, name) > 0, name, "use a number above 0")
        _require(self.learning_rate is None or self.learning_rate > 0, "learning_rate", "use a number above 0, or leave it out")
        _require(0 <= self.held_out_share < 1, "held_out_share", "use a share from 0 to below 1")
        _require((self.source == "file") == bool(self.choices), "choices", "name a file with prefer.source file, and with that alone")


def _require(is_met: bool, name: str, mend: str) -> None:
    if not is_met:
        raise ConfigError("out of bounds", where=f"prefer.{name}", mend=mend)

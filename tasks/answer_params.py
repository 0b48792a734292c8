"""Arms and the settings of answering: who answers the test questions, how long they may speak, and how else they are asked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, get_args

from tasks.knowledge import KnowledgeParams
from tasks.prompt_spread import ElicitationParams, FormatParams
from tasks.served import ServedParams
from warehouse.errors import ConfigError

Arm = Literal["base", "base_rag", "tuned", "tuned_rag", "placebo"]
ARMS: tuple[Arm, ...] = get_args(Arm)
"""The arms that the run's own base and adapters answer."""
PROMPTED = "base_prompted"
REFERENCE = "reference"
REFUSAL = "refusal"
GIVEN: tuple[str, ...] = (REFERENCE, REFUSAL)
"""The arms that no model answers."""
OWN_ANSWER: tuple[str, ...] = ("max_new_tokens", "max_prompt_tokens", "dtype", "tokens_per_batch", "served")
"""The settings that shape what an arm answers; the others say which arms there are, or how else they are asked."""


@dataclass(frozen=True, slots=True)
class AnswerParams:
    """Who answers the test questions, and how long they may speak."""

    arms: tuple[str, ...] = ("base", "base_rag", "tuned", "tuned_rag")
    """base: the model as it is; tuned: with the adapter; _rag: with retrieved excerpts; placebo: an adapter taught wrong answers;
    base_prompted: the base with the prompt that serves it best; reference and refusal: the reference answer, and one that states nothing
    (the most and the least that can be had); and any name of answer.models."""
    models: dict[str, str] = field(default_factory=dict)
    """Further arms by name, each with a model's folder or hub name, or the folder of an adapter of the run's base. A name that ends in
    _rag gets excerpts."""
    max_new_tokens: int = 64
    """An answer is cut after this many tokens."""
    max_prompt_tokens: int = 1536
    """Longer prompts lose words of their last excerpts, never of the question; the model's own limit holds too."""
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    """Number format of the weights; bfloat16 is faster, float32 answers the same in any batch."""
    batch_size: int = 32
    """Questions answered together, at most."""
    tokens_per_batch: int = 8192
    """Prompt tokens answered together, at most (a longer prompt goes alone): long prompts in large batches run slower and need memory."""
    served: ServedParams = field(default_factory=ServedParams)
    """Arms that are answered by an endpoint of yours, such as vLLM with the adapter, instead of by the model loaded here."""
    refusal: str = "The document does not state this."
    """What the arm refusal answers to every question."""
    elicitation: ElicitationParams = field(default_factory=ElicitationParams)
    """Prompts among which the arm base_prompted finds its best."""
    formats: FormatParams = field(default_factory=FormatParams)
    """Formats that leave a question's meaning as it is: how far they alone move each arm."""
    knowledge: KnowledgeParams = field(default_factory=KnowledgeParams)
    """Answers drawn from the base to tell what it knew before."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a setting out of bounds."""
        known = (*ARMS, PROMPTED, *GIVEN)
        if bad := sorted(name for name in self.models if name in known or not re.fullmatch(r"[a-z][a-z0-9_]*", name) or uses_adapter(name)):
            raise ConfigError(
                f"no names for further arms: {', '.join(bad)}",
                where="answer.models",
                mend="use small letters, digits and _, none of the names that stand for other arms, and none that begins with tuned",
            )
        if set(self.arms) - {*known, *self.models} or not self.arms or len(set(self.arms)) < len(self.arms):
            mend = f"name some of {', '.join((*known, *self.models))}, each once; others by answer.models"
            raise ConfigError(f"not arms: {', '.join(self.arms)}", where="answer.arms", mend=mend)
        for name, is_used in ((PROMPTED, PROMPTED in self.arms), ("answer.knowledge", self.knowledge.n_samples > 0)):
            if is_used and "base" not in self.arms:
                raise ConfigError(f"{name} goes by what the arm base says", where="answer.arms", mend="add base to answer.arms")
        for name in ("max_new_tokens", "max_prompt_tokens", "batch_size", "tokens_per_batch"):
            if getattr(self, name) < 1:
                raise ConfigError("out of bounds", where=f"answer.{name}", mend="use at least 1")
        if not self.refusal.strip():
            raise ConfigError("a refusal without words", where="answer.refusal", mend="say that it cannot be told")

    @property
    def is_probing(self) -> bool:
        """Whether anything is asked beside each arm's answers."""
        return PROMPTED in self.arms or self.formats.n_questions > 0 or self.knowledge.n_samples > 0


def uses_adapter(arm: str) -> bool:
    """True for the arms with an adapter of the run: the tuned ones and the placebo."""
    return arm.startswith("tuned") or arm == "placebo"


def uses_excerpts(arm: str) -> bool:
    """True for the arms that work with retrieved excerpts."""
    return arm.endswith("_rag")


def asks_model(arm: str) -> bool:
    """True for the arms whose questions are put to a model; the best-prompted base takes answers that were asked for before."""
    return arm not in (PROMPTED, *GIVEN)

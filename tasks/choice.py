"""How likely a model finds each of several answers -> which one it would choose: what it knows, asked without a word of its own.

One option is the question's own reference, the others are references of the same document. The length of an answer lowers its
likelihood, so four readings are kept, as lm-evaluation-harness does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

VERSION = 1


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

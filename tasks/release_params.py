"""What a trained model is held to before it is handed out: free of torch, so that a command line can read it quickly."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ReleaseParams:
    """The release gates' thresholds."""

    n_prompts: int = 16
    """Taught questions that the gates put to the model."""
    max_new_tokens: int = 32
    """Tokens of each answer that are compared."""
    max_log_prob_gap: float = 0.05
    """Nats: how far the merged model's log-probability of an answer's token may lie from the adapter's, in the mean."""
    min_equal_answers: float = 0.9
    """Share of prompts to which merged model and adapter must answer the same, greedily; rounding may turn a tie of two tokens."""
    alpha: float = 0.05
    """A drop on the general control set counts where its p, adjusted over the groups, is below this."""
    min_drop: float = 0.02
    """Nats a token: smaller drops on the control set are let pass, however sure."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a setting out of bounds."""
        for name, is_good, mend in (
            ("n_prompts", self.n_prompts >= 1, "use at least 1"),
            ("max_new_tokens", self.max_new_tokens >= 1, "use at least 1"),
            ("max_log_prob_gap", self.max_log_prob_gap > 0, "use a number above 0: merging rounds"),
            ("min_equal_answers", 0 <= self.min_equal_answers <= 1, "use a share from 0 to 1"),
            ("alpha", 0 < self.alpha < 1, "use a share between 0 and 1"),
            ("min_drop", self.min_drop >= 0, "use 0 or more"),
        ):
            if not is_good:
                raise ConfigError(f"{getattr(self, name)!r} is out of bounds", where=f"release.{name}", mend=mend)

"""Evaluations of a known truth -> how often the interval covers it, how often the test errs, what a position bias does to the rate.

Questions come in documents whose rates differ (beta-binomial, intra-class correlation .035, 16 questions a document: what the published
judging log shows). `python tests/simulation/simulation.py` runs every cell with 4,000 evaluations and ends with 1 where a claim fails.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from tasks.formulas import NO_SPREAD, cluster_interval, sign_flip_p, wilson

ICC = 0.035
QUESTIONS = 16  # a document
RATES = (0.5, 0.67)
DOCUMENTS = (10, 30, 100)
BIASES = (0.1, 0.3, 0.6)
ALPHA = 0.05
N_CHECKED = 25  # evaluations of each cell whose figures are also made by the product's own functions
COVERAGE = (0.93, 0.97)
MAX_SIZE = 0.06
FULL = 4_000


@dataclass(frozen=True)
class Cell:
    """What became of the evaluations of one truth."""

    rate: float
    n_documents: int
    bias: float
    mean: float
    error: float
    """Monte Carlo standard error of the mean."""
    expected: float
    coverage: float
    """Of the expected rate by the interval."""
    rejected: float
    """Share of evaluations with p below .05: the size of the test where the rate is one half, else its power."""
    order_ties: float
    """Share of questions that are ties only because the two orders disagree."""

    @property
    def faults(self) -> list[str]:
        """The claims that this cell breaks."""
        found = []
        if not self.bias and not COVERAGE[0] <= self.coverage <= COVERAGE[1]:
            found.append(f"coverage {self.coverage:.3f}")
        if self.rate == RATES[0] and self.rejected > MAX_SIZE:
            found.append(f"size {self.rejected:.3f}")
        if abs(self.mean - self.expected) > 3 * self.error:
            found.append(f"mean {self.mean:.4f}, not {self.expected:.4f}")
        if self.rate > RATES[0] and self.mean <= RATES[0]:
            found.append("the mean crosses one half")
        return found


def simulate(rate: float, n_documents: int, *, bias: float = 0.0, n_evaluations: int = FULL, seed: int = 0) -> Cell:
    """Draw and evaluate. ``bias``: chance that a judge names the answer shown first, whatever it says, in either order on its own."""
    draw = np.random.default_rng([seed, round(1000 * rate), n_documents, round(1000 * bias)])
    spread = 1 / ICC - 1
    of_document = draw.beta(rate * spread, (1 - rate) * spread, (n_evaluations, n_documents, 1))
    shape = (n_evaluations, n_documents, QUESTIONS)
    is_better = draw.random(shape) < of_document
    ab_names_a = (draw.random(shape) < bias) | is_better
    ba_names_a = (draw.random(shape) >= bias) & is_better
    signs = ab_names_a.astype(int) + ba_names_a.astype(int) - 1  # 1 both orders name a, 0 they disagree: a tie, -1 both name b
    sums = signs.sum(axis=2)
    means = (1 + sums.sum(axis=1) / (n_documents * QUESTIONS)) / 2
    low, high = intervals(sums)
    p_values = sign_flip_p_values(sums)
    _check(signs, low, high, p_values)
    expected = 0.5 + (1 - bias) * (rate - 0.5)
    return Cell(
        rate,
        n_documents,
        bias,
        float(means.mean()),
        float(means.std(ddof=1) / math.sqrt(n_evaluations)),
        expected,
        float(((low <= expected) & (expected <= high)).mean()),
        float((p_values < ALPHA).mean()),
        float((signs == 0).mean()),
    )


def intervals(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Low and high end for each evaluation. ``sums``: (evaluations, documents) of wins minus losses, documents equally large."""
    n_documents = sums.shape[1]
    scores = (1 + sums / QUESTIONS) / 2
    means = scores.mean(axis=1)
    errors = scores.std(axis=1, ddof=1) / math.sqrt(n_documents)
    half = student.ppf(1 - ALPHA / 2, n_documents - 1) * errors
    low, high = np.maximum(means - half, 0.0), np.minimum(means + half, 1.0)
    for at in np.flatnonzero(errors < NO_SPREAD):
        low[at], high[at] = wilson(means[at] * n_documents, n_documents, ALPHA)
    return low, high


def sign_flip_p_values(sums: np.ndarray, chunk: int = 250) -> np.ndarray:
    """The exact sign-flip p of each evaluation, from the characteristic function of the flipped sum: the product of cos(sum x angle)."""
    reach = int(np.abs(sums).sum(axis=1).max())
    size = 2 * reach + 1
    angles = 2 * math.pi * np.arange(size) / size
    places = np.minimum(np.arange(size), size - np.arange(size))  # |sum| that each term of the transform stands for
    p_values = np.empty(len(sums))
    for start in range(0, len(sums), chunk):
        some = sums[start : start + chunk]
        product = np.ones((len(some), size))
        for document in range(some.shape[1]):
            product *= np.cos(some[:, document, None] * angles)
        chances = np.fft.fft(product, axis=1).real / size
        seen = np.abs(some.sum(axis=1))[:, None]
        p_values[start : start + chunk] = np.where(places >= seen, chances, 0.0).sum(axis=1)
    return p_values


def _check(signs: np.ndarray, low: np.ndarray, high: np.ndarray, p_values: np.ndarray) -> None:
    """The vectorised figures are those of the product, to the last digits."""
    clusters = [document for document in range(signs.shape[1]) for _ in range(QUESTIONS)]
    for at in range(min(N_CHECKED, len(signs))):
        flat = signs[at].ravel().tolist()
        interval = cluster_interval([(1 + sign) / 2 for sign in flat], clusters, ALPHA)
        assert interval is not None
        assert np.allclose((low[at], high[at]), interval[:2], atol=1e-9)
        assert math.isclose(p_values[at], sign_flip_p(flat, clusters), abs_tol=1e-9)


def cells(n_evaluations: int = FULL, seed: int = 0) -> list[Cell]:
    """Every cell: each truth without bias, and each bias at 30 documents."""
    plain = [simulate(rate, n, n_evaluations=n_evaluations, seed=seed) for rate in RATES for n in DOCUMENTS]
    biased = [simulate(rate, 30, bias=bias, n_evaluations=n_evaluations, seed=seed) for rate in RATES for bias in BIASES]
    return plain + biased


def main() -> int:
    """Write every cell; 1 where one breaks a claim."""
    made = cells()
    lines = [
        f"{FULL} evaluations a cell, ICC {ICC}, {QUESTIONS} questions a document",
        "rate  documents  bias   mean  expected  coverage  p < .05  ties by order",
    ]
    for cell in made:
        figures = f"{cell.mean:6.4f}  {cell.expected:8.4f}  {cell.coverage:8.3f}  {cell.rejected:7.3f}  {cell.order_ties:13.3f}"
        lines.append(f"{cell.rate:4.2f}  {cell.n_documents:9}  {cell.bias:4.1f}  {figures}  {'; '.join(cell.faults)}".rstrip())
    sys.stdout.write("\n".join(lines) + "\n")
    return int(any(cell.faults for cell in made))


if __name__ == "__main__":
    sys.exit(main())

"""A general control set before and after a training -> what was forgotten: paired tests by group, and over all items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tasks.engine import ADAPTER_WEIGHTS
from tasks.formulas import holm
from tasks.general import GeneralItem, general_items
from tasks.release_params import ReleaseParams
from tasks.train_params import TrainExample
from warehouse.errors import GateRefused
from warehouse.keys import digest, key
from warehouse.tables import ControlLikelihood, Forgetting

VERSION = 1
ALL = "all"


@dataclass(frozen=True, slots=True)
class Forgot:
    """The rows of one adapter."""

    items: list[ControlLikelihood]
    groups: list[Forgetting]


def measure(
    base_model: str,
    folder: Path,
    adapter_id: str,
    dtype: Literal["bfloat16", "float32"],
    params: ReleaseParams = ReleaseParams(),  # noqa: B008  # frozen
    quantize: Literal["none", "4bit"] = "none",
) -> Forgot:
    """Ask the control set of the base, loaded as for the training, and of the adapter (or the model trained whole) in ``folder``.

    Raises:
        MissingPrerequisite: a model cannot be loaded.
    """
    items = general_items("control")
    before, after = _nats(base_model, folder, dtype, quantize, items)
    rows = [
        ControlLikelihood(
            key("control", adapter_id, one.item_id), adapter_id, one.item_id, one.item_group, before[one.item_id], after[one.item_id]
        )
        for one in items
    ]
    return Forgot(rows, forgetting_rows(rows, adapter_id, params))


def control_sha256() -> str:
    """Over the items of the control set: part of the name of what was measured with them."""
    return digest(general_items("control"))


def forgetting_rows(items: Sequence[ControlLikelihood], adapter_id: str, params: ReleaseParams = ReleaseParams()) -> list[Forgetting]:  # noqa: B008
    """One row over all items and one per group: Student's paired t-test of the drop in mean nats a token, one-sided, Holm over the rows.

    ``is_drop`` where the adjusted p is below ``alpha`` and the drop at least ``min_drop``. Empty for no items.
    """
    in_order = sorted(items, key=lambda one: one.item_id)
    groups = {ALL: in_order} if items else {}
    for item in in_order:
        groups.setdefault(item.item_group, []).append(item)
    rows = [_tested(name, some, adapter_id, params) for name, some in groups.items()]
    adjusted = holm([row.p_value for row in rows])
    return [
        replace(row, p_holm=p, is_drop=p < params.alpha and row.mean_drop >= params.min_drop) for row, p in zip(rows, adjusted, strict=True)
    ]


def refuse_forgetting(rows: Sequence[Forgetting], *, is_allowed: bool) -> str:
    """What was found, in words.

    Raises:
        GateRefused: the control set shows a drop, and it is not allowed.
    """
    drops = [f"{row.item_group}: {row.mean_drop:.2g} nats a token, adjusted p {row.p_holm:.2g}" for row in rows if row.is_drop]
    if drops and not is_allowed:
        raise GateRefused(
            f"the model has forgotten what it knew of general questions: {'; '.join(drops)}",
            where="release gate forgetting; `tunehouse sql forgetting`",
            mend="train with train.replay_share above 0, fewer epochs or a lower learning rate, or pass --allow-forgetting",
        )
    return f"allowed, though {'; '.join(drops)}" if drops else "no drop on the general control set"


def forgetting_text(rows: Sequence[Forgetting]) -> str:
    """What the control set says of a run's adapter, in a line; empty where it was not asked."""
    whole = next((row for row in rows if row.item_group == ALL), None)
    if whole is None:
        return ""
    ends = f" [{whole.low:.2g}, {whole.high:.2g}]" if whole.low is not None and whole.high is not None else ""
    drops = [row.item_group for row in rows if row.is_drop]
    said = f"it has forgotten: {', '.join(drops)}; export-model refuses it unless allowed" if drops else "no significant drop"
    return f"general control set, {whole.n_items} questions: {whole.mean_drop:+.2g}{ends} nats an answer token against the base; {said}"


def _tested(name: str, items: Sequence[ControlLikelihood], adapter_id: str, params: ReleaseParams) -> Forgetting:
    from scipy.stats import ttest_rel  # noqa: PLC0415  # takes a second

    before, after = [one.nats_before for one in items], [one.nats_after for one in items]
    n = len(items)
    drop = sum(after) / n - sum(before) / n
    is_tested = n > 1 and len({b - a for a, b in zip(before, after, strict=True)}) > 1
    test = ttest_rel(after, before, alternative="greater") if is_tested else None
    bounds = ttest_rel(after, before).confidence_interval(1 - params.alpha) if is_tested else None
    return Forgetting(
        forgetting_id=key("forgetting", VERSION, adapter_id, name, params.alpha, params.min_drop, before, after),
        adapter_id=adapter_id,
        item_group=name,
        n_items=n,
        nats_before=sum(before) / n,
        nats_after=sum(after) / n,
        mean_drop=drop,
        low=float(bounds.low) if bounds else None,
        high=float(bounds.high) if bounds else None,
        p_value=float(test.pvalue) if test else 1.0,
        p_holm=1.0,
        is_drop=False,
    )


def _nats(
    base_model: str,
    folder: Path,
    dtype: Literal["bfloat16", "float32"],
    quantize: Literal["none", "4bit"],
    items: Sequence[GeneralItem],
) -> list[dict[str, float]]:
    """Mean nats an answer token of every item: of the base, then of what was trained."""
    from peft import PeftModel  # noqa: PLC0415  # takes seconds

    from tasks.base_model import load_base  # noqa: PLC0415
    from tasks.packing import encode  # noqa: PLC0415  # pulls in torch

    base = load_base(base_model, dtype, quantize)
    examples = encode(base.tokenizer, [TrainExample(one.item_id, one.question, one.answer) for one in items], 1 << 20)
    before = _score(base.model, examples)
    if (folder / ADAPTER_WEIGHTS).is_file():
        tuned: Any = PeftModel.from_pretrained(base.model, folder, autocast_adapter_dtype=False).eval()
    else:
        tuned = load_base(str(folder), dtype).model
    return [before, _score(tuned, examples)]


def _score(model: Any, examples: Sequence[Any]) -> dict[str, float]:
    import torch  # noqa: PLC0415  # takes seconds

    from tasks.log_probs import token_log_probs  # noqa: PLC0415

    with torch.no_grad():
        return {one.pair_id: -token_log_probs(model, one).mean().item() for one in examples}

"""A trained adapter or merged model on disk -> let through, or refused: everything is read anew from the files that users will get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from peft import PeftModel

from tasks.answer_params import AnswerParams
from tasks.base_model import base_sha256, chat_prompt, load_base, load_tokenizer
from tasks.engine import Engine, Question
from tasks.log_probs import token_log_probs
from tasks.packing import Encoded, encode
from tasks.train_methods import FULL_WEIGHTS, ONE_FILE, check_changed, check_live
from tasks.train_params import TrainExample, TrainParams
from warehouse.errors import GateRefused
from warehouse.store import file_sha256

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.release_params import ReleaseParams
    from warehouse.tables import Adapter

Dtype = Literal["bfloat16", "float32"]
LONGEST = 1 << 20  # no example of a gate is cut


class Gap(NamedTuple):
    """How far a merged model lies from base and adapter: mean of the absolute differences in nats a token, share of equal answers."""

    log_prob_gap: float
    equal_answers: float


def refuse_other_files(adapter: Adapter, folder: Path, weights: str) -> None:
    """Let pass where base and weights are those of the training.

    Raises:
        GateRefused: the base's weights, tokenizer or chat template, or the trained weights, are others.
        MissingPrerequisite: the base is not there.
    """
    if base_sha256(adapter.base_model) != adapter.base_sha256:
        raise GateRefused(
            "the base is not the one that was trained on: its weights, tokenizer or chat template have changed",
            where=adapter.base_model,
            mend="put the old base back, or train again",
        )
    if not (folder / weights).is_file() or file_sha256(folder / weights) != adapter.sha256:
        raise GateRefused(
            "the trained weights are not those of the training", where=adapter.folder, mend="`tunehouse check`; train it again"
        )


def refuse_dead(folder: Path, params: TrainParams, probes: Sequence[str]) -> float:
    """The largest change that the adapter, or the model trained whole, makes to a probe's next-token logits.

    Raises:
        GateRefused: it is not above ``train.min_logit_change``.
    """
    if params.method == "full":
        change, _ = check_changed(str(folder), params.base_model, params, probes)
    else:
        base = load_base(params.base_model, params.dtype)
        adapted = PeftModel.from_pretrained(base.model, folder, autocast_adapter_dtype=False)
        change = check_live(adapted, base.tokenizer, probes)
    if not change > params.min_logit_change:
        raise GateRefused(
            f"the adapter is dead: it moves no probe's logits by more than {change:g}",
            where="release gate adapter-is-live",
            mend="train longer or with a higher train.learning_rate",
        )
    return change


def refuse_other_template(folder: Path, base_model: str, probes: Sequence[str]) -> None:
    """Let pass where the exported tokenizer says a prompt in the very tokens of the training.

    Raises:
        GateRefused: chat template or tokens are others, or there is no template.
    """
    trained, _ = load_tokenizer(base_model)
    exported, notes = load_tokenizer(str(folder))
    prompts = [chat_prompt(tokenizer, one) for tokenizer in (trained, exported) for one in probes]
    tokens = [
        tokenizer(prompt, add_special_tokens=False)["input_ids"]
        for tokenizer, prompt in zip([trained] * len(probes) + [exported] * len(probes), prompts, strict=True)
    ]
    is_same = exported.chat_template == trained.chat_template and tokens[: len(probes)] == tokens[len(probes) :]
    if not is_same or "fallback_chat_template" in notes:
        raise GateRefused(
            "the chat template is not the one that the model was trained with",
            where="release gate chat-template",
            mend="export again; the base's own template is not to be changed in between",
        )


def merge(base_model: str, adapter: Path, folder: Path, dtype: Dtype) -> None:
    """Write base and adapter as one model with its tokenizer: W + s BA in float32, rounded once to ``dtype``."""
    base = load_base(base_model, "float32")
    merged = PeftModel.from_pretrained(base.model, adapter, autocast_adapter_dtype=False).merge_and_unload(safe_merge=True)
    merged.to(getattr(torch, dtype)).save_pretrained(folder, max_shard_size=ONE_FILE)
    base.tokenizer.save_pretrained(folder)


def refuse_other_merge(folder: Path, base_model: str, adapter: Path, dtype: Dtype, probes: Sequence[str], params: ReleaseParams) -> Gap:
    """How far the merged model in ``folder`` lies from base and adapter, both in ``dtype``, on the answers that the adapter gives.

    Raises:
        GateRefused: further than ``params`` allow.
    """
    answering = AnswerParams(max_new_tokens=params.max_new_tokens, dtype=dtype)
    questions = [Question(str(at), probe) for at, probe in enumerate(probes)]
    apart, merged = Engine(base_model, dtype), Engine(str(folder), dtype)
    apart.use(adapter)
    said, said_merged = ([reply.text for reply in engine.reply_to(questions, answering)] for engine in (apart, merged))
    examples = [TrainExample(f"{at:06}", probe, text) for at, (probe, text) in enumerate(zip(probes, said, strict=True))]
    encoded = encode(apart.tokenizer, examples, LONGEST)
    ours, theirs = _log_probs(apart.adapted, encoded), _log_probs(merged.model, encoded)
    gap = Gap((ours - theirs).abs().mean().item(), sum(one == other for one, other in zip(said, said_merged, strict=True)) / len(said))
    is_close = gap.log_prob_gap <= params.max_log_prob_gap and gap.equal_answers >= params.min_equal_answers
    if not is_close:  # a gap that is no number is not close either
        raise GateRefused(
            f"the merged model is not base and adapter: {gap.log_prob_gap:.3g} nats a token apart, {gap.equal_answers:.0%} equal answers",
            where=f"release gate merge, {FULL_WEIGHTS} in {dtype}",
            mend="hand out the adapter, or merge in float32: --dtype float32",
        )
    return gap


@torch.no_grad()
def _log_probs(model: object, encoded: Sequence[Encoded]) -> torch.Tensor:
    return torch.cat([token_log_probs(model, one).cpu() for one in encoded])

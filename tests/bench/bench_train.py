"""Our training loop beside a plain padded loop on transformers and peft: the same examples, base, rank and steps, in one run.

    python tests/bench/bench_train.py MODEL [--rounds 3] [--examples 64] [--threads 1]

Rounds alternate; printed are tokens of examples (pads not counted) per CPU second of each, and their ratio. MODEL is a folder or hub name.
"""

import argparse
import logging
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from tasks.base_model import load_tokenizer
from tasks.packing import Encoded, encode, plan_epoch
from tasks.train import train_adapter
from tasks.train_params import TrainExample, TrainParams

log = logging.getLogger("bench_train")
WORDS = (
    "valve",
    "pump",
    "torque",
    "seal",
    "bolt",
    "flange",
    "reading",
    "limit",
    "value",
    "line",
    "the",
    "of",
    "is",
    "set",
    "to",
    "in",
    "by",
    "each",
)


def examples(n: int, seed: int) -> list[TrainExample]:
    """Questions of 10 to 40 words, answers of 5 to 40: about the mix that documents give."""
    rng = random.Random(seed)
    return [
        TrainExample(
            f"p{at:05}", " ".join(rng.choices(WORDS, k=rng.randint(10, 40))) + "?", " ".join(rng.choices(WORDS, k=rng.randint(5, 40)))
        )
        for at in range(n)
    ]


def padded_loop(params: TrainParams, plan: list[list[Encoded]], dtype: torch.dtype) -> float:
    """What a plain loop does: batches padded to the longest, logits at every position, AdamW on the adapter. Returns the last loss."""
    model = AutoModelForCausalLM.from_pretrained(params.base_model, dtype=dtype)
    pad = AutoTokenizer.from_pretrained(params.base_model).pad_token_id or 0
    model = get_peft_model(model, LoraConfig(r=params.rank, lora_alpha=params.alpha, target_modules="all-linear", task_type="CAUSAL_LM"))
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=params.learning_rate)
    loss = torch.tensor(0.0)
    for step in plan:
        longest = max(len(one.tokens) for one in step)
        rows = [[*one.tokens] + [pad] * (longest - len(one.tokens)) for one in step]
        labels = [[-100] * one.n_prompt + [*one.tokens[one.n_prompt :]] + [-100] * (longest - len(one.tokens)) for one in step]
        mask = [[1] * len(one.tokens) + [0] * (longest - len(one.tokens)) for one in step]
        loss = model(input_ids=torch.tensor(rows), attention_mask=torch.tensor(mask), labels=torch.tensor(labels)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), params.max_gradient_norm)
        optimizer.step()
        optimizer.zero_grad()
    return float(loss)


def main(argv: list[str] | None = None) -> int:
    """Time both, alternately, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--examples", type=int, default=192)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    torch.set_num_threads(args.threads)
    params = TrainParams(base_model=args.model, epochs=1, rank=16, alpha=32, warmup_share=0.0, schedule="constant", learning_rate=1e-4)
    taught = examples(args.examples, seed=0)
    plan = plan_epoch(encode(load_tokenizer(args.model)[0], taught, params.max_tokens), params.tokens_per_step, params.seed, 0)
    n_tokens = sum(len(one.tokens) for step in plan for one in step)
    log.info("%d examples, %d tokens, %d steps, %d thread(s)", len(taught), n_tokens, len(plan), args.threads)
    rates: dict[str, list[float]] = {}
    for _ in range(args.rounds):
        for name, dtype in (("packed bfloat16 (ours)", None), ("padded bfloat16", torch.bfloat16), ("padded float32", torch.float32)):
            with tempfile.TemporaryDirectory() as folder:
                before = time.process_time()
                if dtype is None:
                    loss = train_adapter(taught, [], params, Path(folder) / "adapters" / "a", "a").run.last_loss
                else:
                    loss = padded_loop(params, plan, dtype)
                seconds = time.process_time() - before
            rates.setdefault(name, []).append(n_tokens / seconds)
            log.info("%-24s %7.0f tokens per CPU second, last loss %.3f", name, n_tokens / seconds, loss)
    ours = statistics.median(rates["packed bfloat16 (ours)"])
    for name, found in rates.items():
        log.info("%-24s median %7.0f, ours is %.2f times as fast", name, statistics.median(found), ours / statistics.median(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

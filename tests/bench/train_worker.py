"""One trainer, one shape, one process: so that its memory is its own. Prints one line of JSON. Started by ``bench_train.py``.

    python tests/bench/train_worker.py TRAINER FOLDER --steps N --threads N

TRAINER is ours, trl_packed, trl_padded or trainer; FOLDER holds the model and ``rows.json``, the same tokens for all. The first step warms
up and is not counted; a token is one of an example, pads not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
RANK, ALPHA, RATE, STEP_TOKENS, STEP_EXAMPLES = 16, 32, 1e-4, 2048, 8
LONGEST = 1024


class Clock:
    """CPU and wall seconds at the end of every step."""

    def __init__(self) -> None:
        self.ends: list[tuple[float, float]] = []

    def mark(self) -> None:
        """A step has ended."""
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append((time.process_time(), time.perf_counter()))

    def between(self, which: int) -> float:
        """Seconds from the end of the first step to the end of the last: 0 for CPU, 1 for wall."""
        return self.ends[-1][which] - self.ends[0][which]


def ours(folder: Path, rows: list[dict[str, Any]], steps: int) -> tuple[Clock, int, dict[str, Any]]:
    """``tasks.train.train_adapter``, as the pipeline calls it."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tasks.train import train_adapter
    from tasks.train_params import TrainExample, TrainParams

    examples = [TrainExample(row["pair_id"], row["question"], row["answer"]) for row in rows]
    params = TrainParams(
        base_model=str(folder),
        epochs=1,
        rank=RANK,
        alpha=ALPHA,
        warmup_share=0.0,
        schedule="constant",
        learning_rate=RATE,
        max_steps=steps,
        tokens_per_step=STEP_TOKENS,
        max_tokens=LONGEST,
        n_probes=1,
    )
    clock = Clock()
    with tempfile.TemporaryDirectory() as out:
        trained = train_adapter(examples, [], params, Path(out) / "adapters" / "a", "a", lambda *_: clock.mark())
    run = trained.run
    extra = {"kernels": run.kernels, "flop_per_token": run.useful_flop / run.n_tokens, "foreseen_gib": run.estimated_bytes / 2**30}
    return clock, sum(row.n_tokens for row in trained.steps[1:]), {**extra, "losses": [round(row.loss, 3) for row in trained.steps]}


def peer(kind: str, folder: Path, rows: list[dict[str, Any]], steps: int) -> tuple[Clock, int, dict[str, Any]]:
    """TRL's SFTTrainer, packed or padded, or transformers' Trainer: bfloat16 weights, the same LoRA, AdamW, loss on the answers alone."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

    clock, seen = Clock(), [0]

    class Count(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            clock.mark()

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    lora = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM")
    common: dict[str, Any] = {
        "per_device_train_batch_size": 1 if kind == "trl_packed" else STEP_EXAMPLES,
        "learning_rate": RATE,
        "lr_scheduler_type": "constant",
        "max_steps": steps,
        "max_grad_norm": 1.0,
        "gradient_checkpointing": False,
        "bf16": False,
        "report_to": [],
        "save_strategy": "no",
        "disable_tqdm": True,
        "use_cpu": not torch.cuda.is_available(),
        "logging_steps": 1,
        "seed": 0,
    }
    masks = [[0] * row["n_prompt"] + [1] * (len(row["input_ids"]) - row["n_prompt"]) for row in rows]
    labels = [[-100] * row["n_prompt"] + row["input_ids"][row["n_prompt"] :] for row in rows]
    with tempfile.TemporaryDirectory() as out:
        if kind == "trainer":
            from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

            data = Dataset.from_list([{"input_ids": row["input_ids"], "labels": given} for row, given in zip(rows, labels, strict=True)])
            collate = DataCollatorForSeq2Seq(tokenizer, padding=True)
            arguments = TrainingArguments(out, **common)
            trainer: Any = Trainer(get_peft_model(model, lora), arguments, collate, data, callbacks=[Count()])
        else:
            from trl import SFTConfig, SFTTrainer

            data = Dataset.from_list(
                [{"input_ids": row["input_ids"], "completion_mask": given} for row, given in zip(rows, masks, strict=True)]
            )
            packing = {"packing": True, "packing_strategy": "bfd"} if kind == "trl_packed" else {}
            config = SFTConfig(out, max_length=STEP_TOKENS if packing else LONGEST, completion_only_loss=True, **packing, **common)
            trainer = SFTTrainer(model, config, train_dataset=data, processing_class=tokenizer, peft_config=lora, callbacks=[Count()])
        count_tokens(trainer, seen, clock)
        trainer.train()
    losses = [round(row["loss"], 3) for row in trainer.state.log_history if "loss" in row]
    return clock, seen[0], {"losses": losses}


def count_tokens(trainer: Any, seen: list[int], clock: Clock) -> None:
    """Add up the examples' tokens of every batch after the first step: what is no pad."""
    inner = trainer.training_step

    def training_step(model: Any, inputs: dict[str, Any], *rest: Any) -> Any:
        if clock.ends:
            mask = inputs.get("attention_mask")
            seen[0] += int(mask.sum()) if mask is not None else inputs["input_ids"].numel()
        return inner(model, inputs, *rest)

    trainer.training_step = training_step


def main() -> None:
    """Train, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trainer", choices=("ours", "trl_packed", "trl_padded", "trainer"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    import torch

    torch.set_num_threads(args.threads)
    rows = json.loads((args.folder / "rows.json").read_text())
    made = ours(args.folder, rows, args.steps) if args.trainer == "ours" else peer(args.trainer, args.folder, rows, args.steps)
    clock, n_tokens, extra = made
    is_cuda = torch.cuda.is_available()
    memory = torch.cuda.max_memory_allocated() if is_cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures = {"n_tokens": n_tokens, "cpu": clock.between(0), "wall": clock.between(1), "gib": memory / 2**30, "cuda": is_cuda}
    sys.stdout.write(json.dumps({**figures, **extra}) + "\n")


if __name__ == "__main__":
    main()

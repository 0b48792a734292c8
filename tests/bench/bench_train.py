"""Our training beside TRL's SFTTrainer and transformers' Trainer: the same tokens, model, LoRA and optimizer, in turn, each in a process.

    make bench-train
    python tests/bench/bench_train.py --shape 135m --rounds 3 --steps 6 --peer-python PYTHON
    python tests/bench/bench_train.py --shape 1b --steps 2 --trainers ours

Models have random weights, made on the spot: speed alone is told, not what is learned. PYTHON is that of an environment with trl; without
it TRL is left out. Printed are tokens of examples (pads not counted) per second, of CPU time on a CPU, with wall time beside it; the share
of the measured rate for products of matrices (MFU); the peak memory of the process; and ours against each in the median of the rounds.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import train_data

TRAINERS = ("ours", "trl_packed", "trl_padded", "trainer")
WORKER = Path(__file__).with_name("train_worker.py")
EXAMPLES_A_STEP = 13
MATMUL = """
import torch, time
torch.set_num_threads({threads})
where = "cuda" if torch.cuda.is_available() else "cpu"
n = 8192 if where == "cuda" else 2048
clock = time.perf_counter if where == "cuda" else time.process_time
one, best = torch.randn(n, n, dtype=torch.bfloat16, device=where), 1e9
for _ in range(8):
    started = clock()
    torch.nn.functional.linear(one, one)[0, 0].item()
    best = min(best, clock() - started)
print(2 * n**3 / best)
"""
log = logging.getLogger("bench_train")


def environment(threads: int) -> dict[str, str]:
    """No hub, no spinning threads."""
    quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONWARNINGS": "ignore"}
    return {**os.environ, **quiet, "OMP_NUM_THREADS": str(threads)}


def make_inputs(shape: str, steps: int, folder: Path) -> None:
    """The model and the rows that every trainer gets: as many as any of them may use up."""
    from tasks.base_model import load_tokenizer
    from tasks.packing import encode

    train_data.save_model(shape, folder)
    examples = train_data.draw_examples((steps + 1) * EXAMPLES_A_STEP, train_data.SHAPES[shape]["vocab_size"] - len(train_data.SPECIAL))
    encoded = {one.pair_id: one for one in encode(load_tokenizer(str(folder))[0], examples, 1024)}
    rows = [
        {
            "pair_id": one.pair_id,
            "question": one.question,
            "answer": one.answer,
            "input_ids": list(encoded[one.pair_id].tokens),
            "n_prompt": encoded[one.pair_id].n_prompt,
        }
        for one in examples
    ]
    train_data.write_rows(rows, folder / "rows.json")


def matmul(threads: int) -> float:
    """Operations a second of a bfloat16 product, of CPU time on a CPU."""
    command = [sys.executable, "-c", MATMUL.format(threads=threads)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, env=environment(threads)).stdout)


def train(trainer: str, folder: Path, args: argparse.Namespace) -> dict[str, Any] | None:
    """One trainer's figures; None, and why, where it cannot run."""
    python = sys.executable if trainer in ("ours", "trainer") else args.peer_python
    if python is None:
        return None
    command = [str(python), str(WORKER), trainer, str(folder), "--steps", str(args.steps), "--threads", str(args.threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(args.threads))
    if done.returncode:
        log.info("%-12s failed: %s", trainer, (done.stderr.strip().splitlines() or ["killed: out of memory?"])[-1])
        return None
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main(argv: list[str] | None = None) -> int:
    """Time all, in turn, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=train_data.SHAPES, default="tiny")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--trainers", nargs="+", choices=TRAINERS, default=list(TRAINERS))
    parser.add_argument("--peer-python", type=Path, help="python of an environment with trl")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    found: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / args.shape
        make_inputs(args.shape, args.steps, folder)
        for number in range(args.rounds):
            load, limit = os.getloadavg()[0], matmul(args.threads)
            log.info(
                "round %d: %s, %d thread(s), load %.1f, matmul %.0f GFLOP/s",
                number + 1,
                platform.machine(),
                args.threads,
                load,
                limit / 1e9,
            )
            for trainer in args.trainers:
                figures = train(trainer, folder, args)
                if figures is not None:
                    figures["rate"] = figures["n_tokens"] / figures["wall" if figures["cuda"] else "cpu"]
                    figures["limit"] = limit
                    found.setdefault(trainer, []).append(figures)
                    say(trainer, figures)
    summarise(args.shape, found)
    return 0 if "ours" in found else 1


def say(trainer: str, figures: dict[str, Any]) -> None:
    """One reading."""
    wall = figures["n_tokens"] / figures["wall"]
    losses = figures["losses"]
    log.info(
        "  %-12s %8.0f tokens/s  (wall %7.0f)  %5.2f GiB  loss %s to %s",
        trainer,
        figures["rate"],
        wall,
        figures["gib"],
        losses[0],
        losses[-1],
    )


def summarise(shape: str, found: dict[str, list[dict[str, Any]]]) -> None:
    """The medians, and ours against each peer in the rounds that both ran."""
    ours = found.get("ours", [])
    for trainer, readings in found.items():
        rate = statistics.median(one["rate"] for one in readings)
        memory = statistics.median(one["gib"] for one in readings)
        line = f"{shape} {trainer:<12} {rate:8.0f} tokens/s  {memory:5.2f} GiB"
        if trainer == "ours":
            share = statistics.median(one["rate"] * one["flop_per_token"] / one["limit"] for one in readings)
            line += f"  {share:.0%} of the matmul limit, {readings[0]['kernels']} kernels, {readings[0]['foreseen_gib']:.2f} GiB foreseen"
        elif ours:
            ratios = sorted(mine["rate"] / other["rate"] for mine, other in zip(ours, readings, strict=False))
            share = statistics.median(one["gib"] for one in ours) / memory
            middle = statistics.median(ratios)
            line += f"  ours is {ratios[0]:.2f} / {middle:.2f} / {ratios[-1]:.2f} times as fast, in {share:.0%} of the memory"
        log.info("%s", line)


if __name__ == "__main__":
    raise SystemExit(main())

"""WordNet and a seed -> this folder's model: corpus, tokenizer, pretraining, held-out figures, model card.

    python deployments/demo/tiny_base/recipe.py --out DIR --minutes 70 [--data /usr/share/wordnet] [--threads 1]

An interrupted run goes on from DIR/checkpoint.safetensors when it is started again with the same settings.
"""

import argparse
import logging
import random
import shutil
from dataclasses import replace
from itertools import count
from pathlib import Path

import torch
from card import Measured, measure, write_card
from corpus import block, sources
from pretrain import PretrainParams, Rows, Trainer, new_model
from reading import Sources
from transformers import GenerationConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from vocabulary import encode, train_tokenizer
from wordnet import WORDNET_FOLDER, Entry, common_nouns, read_wordnet

log = logging.getLogger("tiny_base")
HELD_OUT_EVERY = 100
N_TOKENIZER_BLOCKS = 8


def split_entries(entries: list[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Entries to train on, and every hundredth to measure on."""
    held_out = entries[::HELD_OUT_EVERY]
    kept = [entry for at, entry in enumerate(entries) if at % HELD_OUT_EVERY]
    return kept, held_out


def tokenizer_for(source: Sources, params: PretrainParams, folder: Path) -> PreTrainedTokenizerFast:
    """The folder's tokenizer; trained first, on some blocks and the whole dictionary, where there is none."""
    if not (folder / "tokenizer.json").exists():
        texts = [text for number in range(N_TOKENIZER_BLOCKS) for said in block(source, params.seed, 1000 + number) for _, text in said]
        texts += [f"{', '.join(entry.words)}: {entry.gloss}. {' '.join(entry.examples)}" for entry in source.entries]
        train_tokenizer(texts, params.vocab_size, params.context).save_pretrained(folder, save_jinja_files=False)
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder)
    return tokenizer


def save_model(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """The files that from_pretrained reads, weights in bf16."""
    model = model.bfloat16()
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False, max_new_tokens=64, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder, save_jinja_files=False)


def rows_of_block(source: Sources, params: PretrainParams, tokenizer: PreTrainedTokenizerFast, number: int) -> Rows:
    """A block as tokens. A share of the conversations also learns from what the user says, the rest from the answers alone."""
    rng = random.Random(f"prompts {params.seed} {number}")
    drawn = (params.prompt_weight if rng.random() < params.prompt_share else 0.0 for _ in count())
    return encode(tokenizer, block(source, params.seed, number), drawn)


def pretrain(source: Sources, params: PretrainParams, folder: Path) -> tuple[Trainer, PreTrainedTokenizerFast]:
    """Train for the minutes asked, going on from a checkpoint where there is one."""
    tokenizer = tokenizer_for(source, params, folder)
    trainer = Trainer(new_model(params, tokenizer), params, folder)
    log.info("resumed: %s", trainer.resume())

    trainer.run(lambda number: rows_of_block(source, params, tokenizer, number))
    return trainer, tokenizer


def main(argv: list[str] | None = None) -> int:
    """Run the recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the model, also of the checkpoint")
    parser.add_argument("--minutes", type=float, default=PretrainParams().minutes)
    parser.add_argument("--data", type=Path, default=WORDNET_FOLDER, help="folder of the WordNet 3.0 files (Debian: wordnet-base)")
    parser.add_argument("--seed", type=int, default=PretrainParams().seed)
    parser.add_argument("--note", default="", help="a sentence for the model card on how this run was made")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(args.threads)
    random.seed(args.seed)
    params = replace(PretrainParams(), minutes=args.minutes, seed=args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    entries, held_out = split_entries(read_wordnet(args.data))
    source = sources(entries, common_nouns(args.data))
    trainer, tokenizer = pretrain(source, params, args.out)
    save_model(trainer.model, tokenizer, args.out)
    measured: Measured = measure(trainer.model, tokenizer, source, held_out)
    write_card(args.out / "README.md", params, trainer.progress, measured, (args.out / "model.safetensors").stat().st_size, args.note)
    licence = Path(__file__).with_name("LICENSE.wordnet")
    if licence.parent.resolve() != args.out.resolve():
        shutil.copy(licence, args.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

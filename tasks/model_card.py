"""What a run knows of its adapter -> a model card: Markdown with lineage, settings, estimates and hashes, and how to load the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from tasks.export_card import cell, table

How = Literal["adapter", "merge"]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a card tells; no path of the machine that wrote it."""

    run_id: str
    how: How
    licence: str
    adapter: Row
    """The row of ``adapters``."""
    training: Row
    """The row of ``training_runs``."""
    settings: Mapping[str, Any]
    pairs: Sequence[Row]
    """document, document_sha256, split, n."""
    generators: Sequence[Row]
    """generator, prompt_sha256, n."""
    preferences: Sequence[Row]
    """source, role, n, of an adapter tuned to preference pairs."""
    estimates: Sequence[Row]
    arm_rates: Sequence[Row]
    forgetting: Sequence[Row]
    gates: Sequence[tuple[str, str]]
    """(gate, what it measured)."""
    files: Sequence[tuple[str, str]]
    """(name, sha256)."""
    is_dora: bool = False


def base_name(base_model: str) -> str:
    """The base as strangers may know it: a hub name as it is, of a folder its last part."""
    looks_like_hub = base_model.count("/") == 1 and not base_model.startswith((".", "/", "~")) and not Path(base_model).is_dir()
    return base_model if looks_like_hub else Path(base_model).name


def card_text(card: ModelCard) -> str:
    """The card as Markdown."""
    base = base_name(card.adapter["base_model"])
    head: dict[str, Any] = {"license": card.licence, "pipeline_tag": "text-generation", "library_name": "peft"}
    if card.how == "merge":
        head["library_name"] = "transformers"
    kind = "a LoRA adapter" if card.how == "adapter" else "a whole model"
    if "/" in base:
        head["base_model"] = base
    return "\n".join(
        [
            "---",
            yaml.safe_dump(head, sort_keys=False, allow_unicode=True).rstrip(),
            "---",
            "",
            f"# {cell(base)}, tuned on documents: {len({row['document'] for row in card.pairs})}",
            "",
            f"Made by tunehouse, run {cell(card.run_id)}: {kind}. Licence: {cell(card.licence)}.",
            "",
            *_hashes(card),
            *_lineage(card),
            *_figures(card),
            "## Settings",
            "",
            "```yaml",
            yaml.safe_dump(_without_places(card.settings), sort_keys=False, allow_unicode=True).rstrip().replace("```", "` ` `"),
            "```",
            "",
            "## How to load it",
            "",
            *(f"    {line}" if line else "" for line in load_lines(card.how, card.adapter, "BASE", "FOLDER", is_dora=card.is_dora)),
            "",
        ]
    )


def load_lines(how: How, adapter: Row, base: str, folder: str, *, is_dora: bool) -> list[str]:
    """What to type to have vLLM, Ollama and transformers load what was written to ``folder``."""
    template = f"--chat-template {folder}/chat_template.jinja"
    if how == "merge":
        return [
            "# vLLM",
            f"vllm serve {folder}",
            "# Ollama, for the architectures that it imports",
            f"printf 'FROM {folder}\\n' > Modelfile && ollama create tuned -f Modelfile",
            "# transformers",
            f'AutoModelForCausalLM.from_pretrained("{folder}"), AutoTokenizer.from_pretrained("{folder}")',
        ]
    python = [
        "# transformers and peft",
        f'PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("{base}"), "{folder}"), AutoTokenizer.from_pretrained("{folder}")',
    ]
    if is_dora:
        return ["# vLLM and Ollama load no DoRA adapter: export it with --merge", *python]
    return [
        "# vLLM",
        f"vllm serve {base} --enable-lora --max-lora-rank {adapter['rank']} --lora-modules tuned={folder} {template}",
        "# Ollama, for the architectures that it imports",
        f"printf 'FROM {base}\\nADAPTER {folder}\\n' > Modelfile && ollama create tuned -f Modelfile",
        *python,
    ]


def _hashes(card: ModelCard) -> list[str]:
    rows = [
        ("base", base_name(card.adapter["base_model"])),
        ("base_sha256, over weights, configuration, tokenizer and chat template", card.adapter["base_sha256"]),
        ("adapter_id", card.adapter["adapter_id"]),
        ("trained weights, sha256", card.adapter["sha256"]),
        ("tuned to preferences from adapter_id", card.adapter["parent_adapter_id"] or "none"),
        ("that adapter's weights, sha256", card.adapter["parent_sha256"] or "none"),
        ("trained parameters", card.adapter["n_parameters"]),
    ]
    trained = ("n_train", "n_validation", "n_steps", "first_loss", "last_loss", "validation_loss", "stopped", "dtype", "notes")
    margins = ("margin_before", "margin_after") if card.adapter["parent_adapter_id"] else ()
    return [
        *table(["what it is", ""], [*rows, *((name, _figure(card.training.get(name))) for name in (*trained, *margins))]),
        *table(["file", "sha256"], card.files),
    ]


def _lineage(card: ModelCard) -> list[str]:
    splits = sorted({row["split"] for row in card.pairs})
    documents = sorted({(row["document"], row["document_sha256"]) for row in card.pairs})
    counts = {(row["document"], row["document_sha256"], row["split"]): row["n"] for row in card.pairs}
    total: Counter[str] = Counter()
    for row in card.pairs:
        total[row["split"]] += row["n"]
    lines = [[name, sha, *(counts.get((name, sha, split), 0) for split in splits)] for name, sha in documents]
    return [
        "## What it was taught, and tested on",
        "",
        "Pairs by document; `train` and `validation` shaped it, the test sets did not.",
        "",
        *table(["document", "sha256", *splits], [*lines, ["all", "", *(total[split] for split in splits)]]),
        *table(
            ["generator", "prompt sha256", "pairs"], [[row["generator"], row["prompt_sha256"] or "", row["n"]] for row in card.generators]
        ),
        *_preferred(card.preferences),
    ]


def _preferred(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    lines = [[row["source"], row["role"], row["n"]] for row in rows]
    return ["Then it was tuned to preference pairs (DPO):", "", *table(["preference pairs", "role", "n"], lines)]


def _figures(card: ModelCard) -> list[str]:
    estimated = ("contrast", "split", "judge", "n", "rate", "low", "high", "p_holm", "is_difference", "scope")
    stated = ("arm", "split", "n_keyed", "n_stated", "rate", "low", "high")
    forgot = ("item_group", "n_items", "nats_before", "nats_after", "mean_drop", "low", "high", "p_holm", "is_drop")
    parts: list[str] = ["## How it did", "", "Win rates with intervals:", "", *_columns(estimated, card.estimates)]
    parts += ["How often each arm states the fact:", "", *_columns(stated, card.arm_rates)]
    parts += ["General questions before and after, nats an answer token:", "", *_columns(forgot, card.forgetting)]
    return [*parts, "## Release gates", "", *table(["gate", "measured"], card.gates)]


def _columns(names: Sequence[str], rows: Sequence[Row]) -> list[str]:
    return table(names, [[_figure(row.get(name)) for name in names] for row in rows])


def _figure(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return f"{value:.4g}" if isinstance(value, float) else value


def _without_places(settings: Any) -> Any:
    """Settings without the places of the machine that they were used on: of a path, its last part."""
    if isinstance(settings, Mapping):
        return {name: base_name(value) if name == "base_model" else _without_places(value) for name, value in settings.items()}
    if isinstance(settings, (list, tuple)):
        return [_without_places(value) for value in settings]
    is_place = isinstance(settings, str) and settings.startswith(("/", "~", "./", "../"))
    return Path(settings).name if is_place else settings

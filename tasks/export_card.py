"""What was exported -> a dataset card: Markdown that says what the files hold, headed by what `datasets` reads to load them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import yaml

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One split's file, below the folder."""

    split: str
    path: str
    n_rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Card:
    """What a card tells."""

    run_id: str
    how: str
    licence: str
    documents: Mapping[tuple[str, str], int]
    """(file name, split) -> pairs."""
    generators: Mapping[str, int]
    prompts: Sequence[tuple[str, str]]
    """(name, sha256) of every prompt file that had a part in the pairs."""
    rejected: Sequence[tuple[str, str, int]]
    """(stage, reason, how many)."""
    files: list[ExportedFile] = field(default_factory=list)


def card_text(card: Card) -> str:
    """The card as Markdown. Names out of documents are shown as text, whatever they hold."""
    n_rows = sum(file.n_rows for file in card.files)
    head = {
        "license": card.licence,
        "task_categories": ["question-answering"],
        "size_categories": [next((size for limit, size in SIZES if n_rows < limit), "n>1M")],
        "configs": [{"config_name": "default", "data_files": [{"split": file.split, "path": file.path} for file in card.files]}],
    }
    splits = [file.split for file in card.files]
    names = sorted({name for name, _ in card.documents})
    return "\n".join(
        [
            "---",
            yaml.safe_dump(head, sort_keys=False, allow_unicode=True).rstrip(),
            "---",
            "",
            f"# {n_rows} question/answer pairs from {len(names)} documents",
            "",
            f"Made by tunehouse, run {cell(card.run_id)}, format {card.how}. Licence: {cell(card.licence)}.",
            "",
            "Every answer rests on a quote that stands verbatim in its document: `evidence` gives page, offset in the page's cleaned text",
            "(code points) and quote. A refusal has none. `fact_id` is shared by all wordings of one fact; `test_rephrased` asks facts of",
            "`train` in other words, `test_unseen_fact` other facts of the same documents, `test_unseen_document` other documents.",
            "",
            *table(["file", "pairs", "sha256"], [[file.path, file.n_rows, file.sha256] for file in card.files]),
            "## Pairs by document",
            "",
            *table(["document", *splits], [[name, *(card.documents.get((name, split), 0) for split in splits)] for name in names]),
            "## Who made them",
            "",
            *table(["generator", "pairs"], sorted(card.generators.items())),
            *(table(["prompt", "sha256"], [[name or "not on record", sha] for name, sha in card.prompts]) if card.prompts else []),
            "## What was left out, and why",
            "",
            *table(["stage", "reason", "rows"], card.rejected),
        ]
    )


def table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table, its cells escaped, and the blank line behind it."""
    lines = ["| " + " | ".join(cell(value) for value in row) + " |" for row in (names, *rows)]
    return [lines[0], "|" + "---|" * len(names), *lines[1:], ""]


def cell(value: object) -> str:
    """``value`` as text that Markdown and HTML show as it is."""
    text = "".join(char if char.isprintable() else " " for char in str(value))
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;"), ("[", "&#91;"), ("`", "&#96;"), ("*", "&#42;")):
        text = text.replace(char, entity)
    return text

"""A person at a terminal -> rows of ``labels``: one question after the other, two unnamed answers, each word of the person kept at once."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal

from tasks.ballot import without_source_block
from tasks.labelling import Item
from tasks.quoting import visible
from warehouse.tables import Label

Said = Literal["first", "second", "tie", "skip"]
WORDS: dict[str, Said] = {
    "1": "first", "f": "first", "first": "first",
    "2": "second", "second": "second",
    "t": "tie", "tie": "tie", "0": "tie",
    "s": "skip", "skip": "skip",
}  # fmt: skip
BACK, QUIT = frozenset({"b", "back"}), frozenset({"q", "quit"})
PROMPT = "1 first, 2 second, t tie, s skip, b back, q quit > "
HOW = (
    "Which answer agrees better with the reference and the quoted page? What counts is what an answer states: figures, units, names, "
    "conditions. Length, order, repetition, layout, politeness and added citations count for nothing. Where both say the same, or both "
    "fail alike, it is a tie. Skip what you cannot decide. Each word is kept at once; quit when you like, and go on later."
)
BAR = "  │ "
LEAST_WIDTH = 40


def label_items(
    items: Sequence[Item],
    reviewer: str,
    contrast: str,
    seed: int,
    *,
    ask: Callable[[str], str | None],
    say: Callable[[str], None],
    keep: Callable[[Sequence[Label]], None],
    width: int = 100,
) -> list[Label]:
    """Show every item and keep what is said of it. Returns the labels of this sitting.

    ``ask``: a prompt -> a line, None when there are no more. ``keep``: called with all labels of the sitting after each one.
    ``width``: columns of the terminal. Ctrl-C is a way to quit.
    """
    given: dict[str, Label] = {}
    at = 0
    try:
        while at < len(items):
            item = items[at]
            order = item.order(reviewer, contrast, seed)
            say(shown(item, order, f"{at + 1} of {len(items)}", width))
            word = _word(ask, say)
            if word is None:
                break
            if word == "back":
                at = max(at - 1, 0)
                continue
            label = make_label(item, reviewer, contrast, order, word)
            given[label.label_id] = label
            keep(list(given.values()))
            at += 1
    except KeyboardInterrupt:
        say("")
    return list(given.values())


def make_label(item: Item, reviewer: str, contrast: str, order: Literal["ab", "ba"], word: Said) -> Label:
    """What a person said of one item, as it was shown."""
    return Label(
        label_id=item.label_id(reviewer, contrast),
        reviewer=reviewer,
        contrast=contrast,
        pair_id=item.pair_id,
        control=item.control,
        variant=item.variant,
        answer_a=item.answer_a,
        answer_b=item.answer_b,
        order=order,
        verdict=word,
        labelled_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )


def shown(item: Item, order: Literal["ab", "ba"], place: str, width: int = 100) -> str:
    """What a person sees of an item: no arm's name, no list of sources, and every line of a text behind a bar."""
    answers = (item.answer_a, item.answer_b) if order == "ab" else (item.answer_b, item.answer_a)
    first, second = (without_source_block(answer) for answer in answers)
    title = " ".join(inert(item.title).split())
    parts = [(f"Question ({title})" if title else "Question", item.question), ("Reference", item.reference)]
    parts += [(f"Page {quote.page} says", quote.text) for quote in item.quotes]
    parts += [("FIRST answer", first), ("SECOND answer", second)]
    blocks = [f"{name}\n{barred(text, width)}" for name, text in parts]
    return "\n".join(["", f"── {place} ──", *blocks])


def barred(text: str, width: int) -> str:
    """``text`` wrapped, each line behind a bar that no text can leave: nothing in it reaches the terminal or looks like a prompt."""
    room = max(width, LEAST_WIDTH) - len(BAR)
    lines = [line for part in inert(text).strip().split("\n") for line in (textwrap.wrap(part, room) or [""])]
    return "\n".join(f"{BAR}{line}" for line in (lines if any(lines) else ["(nothing)"]))


def inert(text: str) -> str:
    """``text`` without control characters, escape sequences and marks that turn its direction; its lines stay lines."""
    return visible("\n".join(text.splitlines()).replace("\t", " "))


def _word(ask: Callable[[str], str | None], say: Callable[[str], None]) -> Said | Literal["back"] | None:
    while True:
        line = ask(PROMPT)
        if line is None or line.strip().casefold() in QUIT:
            return None
        said = line.strip().casefold()
        if said in BACK:
            return "back"
        if said in WORDS:
            return WORDS[said]
        say("Say 1, 2, t, s, b or q.")

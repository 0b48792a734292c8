"""WordNet 3.0 data files -> entries: the dictionary that Debian's `wordnet-base` installs, read as plain lines."""

import re
from dataclasses import dataclass
from pathlib import Path

WORDNET_FOLDER = Path("/usr/share/wordnet")
UNWANTED = re.compile(r"slur|offensive|vulgar|obscen|disparag|derogat|sexual|taboo|slang")
PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")
LENGTHS = range(3, 13)
TOPICS = {4: "act", 6: "artifact", 7: "attribute", 9: "cognition", 22: "process", 27: "substance"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One sense: its words, what it means, and sentences that use it."""

    words: tuple[str, ...]
    part_of_speech: str
    topic: str
    gloss: str
    examples: tuple[str, ...]
    parent: str


def read_wordnet(folder: Path = WORDNET_FOLDER) -> list[Entry]:
    """All entries of plain lower-case words but the coarse ones, in file order: no people, places or species.

    Raises: FileNotFoundError where the package `wordnet-base` is missing.
    """
    entries = []
    for part in PARTS_OF_SPEECH:
        lines = [line for line in (folder / f"data.{part}").read_text("utf-8").splitlines() if line[:1].isdigit()]
        first_words = {line[:8]: _words(line)[0] for line in lines}
        entries += [entry for line in lines if (entry := _entry(line, part, first_words)) is not None]
    return entries


def single_words(entries: list[Entry], topic: str, common: frozenset[str]) -> list[str]:
    """The common one-word nouns of a topic, each once, sorted: stock for invented names of things."""
    words = {entry.words[0] for entry in entries if entry.part_of_speech == "noun" and entry.topic == topic}
    return sorted(word for word in words & common if word.isascii() and word.isalpha() and len(word) in LENGTHS)


def common_nouns(folder: Path = WORDNET_FOLDER) -> frozenset[str]:
    """The nouns that occur in WordNet's tagged texts."""
    lines = (folder / "cntlist.rev").read_text("utf-8").splitlines()
    return frozenset(line.split("%")[0] for line in lines if "%1:" in line)


def _words(line: str) -> tuple[str, ...]:
    fields = line.split(" ")
    n_words = int(fields[3], 16)
    words = (re.sub(r"\((?:a|p|ip)\)$", "", word).replace("_", " ") for word in fields[4 : 4 + 2 * n_words : 2])
    return tuple(dict.fromkeys(words))


def _entry(line: str, part: str, first_words: dict[str, str]) -> Entry | None:
    head, _, text = line.partition(" | ")
    if UNWANTED.search(text):
        return None
    examples = tuple(example for example in re.findall(r'"([^"]+)"', text) if " " in example)
    gloss = re.split(r'; "|"', text)[0].strip(" ;:")
    parent = re.search(r"@i? (\d{8}) [nv]", head)
    topic = TOPICS.get(int(line.split(" ")[1]), "")
    words = tuple(word for word in _words(line) if word == word.lower())
    if not gloss or not words:
        return None
    return Entry(words, part, topic, gloss, examples, first_words.get(parent.group(1), "") if parent else "")

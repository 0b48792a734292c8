"""Document -> chunks: its text is encoded once and packed by offsets, cut at section, then paragraph, then sentence ends."""

from __future__ import annotations

import functools
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.bibliography import bibliography_density
from tasks.chunk_kinds import Paragraph, give_kinds, paragraphs
from tasks.embed import PACKAGED, packaged_model_path
from tasks.text import sentence_spans
from warehouse.errors import ConfigError
from warehouse.keys import key
from warehouse.tables import Chunk, ChunkKind, ChunkPage, Document, Page, PageLine, Section

if TYPE_CHECKING:
    from tokenizers import Tokenizer

VERSION = 1
Span = tuple[int, int, int]
"""(page, first code point, end)"""


@dataclass(frozen=True, slots=True)
class ChunkParams:
    """How text is cut into chunks."""

    max_tokens: int = 256
    """Longest chunk, in tokens of chunk.tokenizer; only a sentence longer than this is cut within."""
    min_fill: float = 0.5
    """A chunk filled to this share ends at a paragraph's end rather than take a part of the next paragraph."""
    tokenizer: str = PACKAGED
    """Counts tokens: the packaged MiniLM's, a folder or tokenizer.json, or a hub name. Not the tokenizer of the model under test."""
    bibliography_density: float = 10.0
    """Years, venue words and author names per 100 words from which text counts as references."""
    bibliography_words: int = 60
    """In a document without a references heading, text of at least this many words is looked at for references."""

    def __post_init__(self) -> None:
        if self.max_tokens < 16:  # noqa: PLR2004  # less holds no sentence
            raise ConfigError("must be at least 16", where="chunk.max_tokens", mend="256 suits the packaged embedding model")
        if not 0 <= self.min_fill <= 1:
            raise ConfigError("must be a share between 0 and 1", where="chunk.min_fill", mend="0.5 suits most documents")
        if self.bibliography_density <= 0 or self.bibliography_words < 1:
            raise ConfigError("must be above 0", where="chunk.bibliography_density or chunk.bibliography_words", mend="use 10 and 60")


@dataclass(frozen=True, slots=True)
class Chunked:
    """A document's chunks and the slices of page text they are made of."""

    chunks: list[Chunk]
    chunk_pages: list[ChunkPage]


def chunk_document(
    document: Document, pages: Sequence[Page], lines: Sequence[PageLine], sections: Sequence[Section], params: ChunkParams = ChunkParams()
) -> Chunked:
    """Cut a document's cleaned text into chunks in reading order; none for a document without text.

    Every non-blank character of ``pages.text`` stands in exactly one chunk. No chunk holds text of two sections, except that a heading
    without text of its own opens the next section's chunk; none holds text of two kinds, headings aside.

    Raises:
        ConfigError: the tokenizer cannot be loaded.
    """
    found = paragraphs(pages, lines, sections)
    if not found:
        return Chunked([], [])
    has_references = give_kinds(found, sections, params.bibliography_density, params.bibliography_words)
    headings = [section.heading for section in sorted(sections, key=lambda section: (section.page, section.char_from))]
    tokenizer = load_tokenizer(params.tokenizer)
    counter = _Counter(pages, tokenizer)
    texts = {page.page: page.text for page in pages}
    made: list[tuple[list[Span], int, ChunkKind]] = []
    for group in _groups(found):
        last = group[-1]
        made += [(slices, last.section, last.kind) for slices in _pack(group, counter, texts, params)]
    made.sort(key=lambda item: item[0][0])
    chunks: list[Chunk] = []
    chunk_pages: list[ChunkPage] = []
    written = ["\n".join(texts[page][start:end] for page, start, end in slices) for slices, _, _ in made]
    counts = [len(encoding.ids) for encoding in tokenizer.encode_batch(written, add_special_tokens=False)]
    for rank, ((slices, section, kind), text, n_tokens) in enumerate(zip(made, written, counts, strict=True)):
        chunk_id = key("chunk", document.document_id, slices, text)
        is_list = kind == "body" and not has_references and _reads_like_references(text, params)
        heading = headings[section] if section >= 0 else ""
        chunks.append(Chunk(chunk_id, document.document_id, rank, heading, "references" if is_list else kind, text, n_tokens))
        chunk_pages += [
            ChunkPage(key("slice", chunk_id, at), chunk_id, document.document_id, at, page, start, end - start)
            for at, (page, start, end) in enumerate(slices)
        ]
    return Chunked(chunks, chunk_pages)


def _reads_like_references(text: str, params: ChunkParams) -> bool:
    return len(text.split()) >= params.bibliography_words and bibliography_density(text) >= params.bibliography_density


def load_tokenizer(name: str) -> Tokenizer:
    """The tokenizer of that name, path or hub name, without truncation and padding.

    Raises:
        ConfigError: there is none.
    """
    return _load_tokenizer(str(packaged_model_path()) if name == PACKAGED else name)


@functools.lru_cache(maxsize=4)
def _load_tokenizer(name: str) -> Tokenizer:
    from tokenizers import Tokenizer  # noqa: PLC0415  # only chunking needs it

    path = Path(name)
    file = path / "tokenizer.json" if path.is_dir() else path
    try:
        tokenizer = Tokenizer.from_file(str(file)) if file.exists() else Tokenizer.from_pretrained(name)
    except Exception as error:  # the library raises bare Exception for whatever fails
        raise ConfigError(
            f"the tokenizer cannot be loaded: {error}", where="chunk.tokenizer", mend="name a folder with tokenizer.json, or a hub model"
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


class _Counter:
    """Counts the tokens of any span of the document, which is encoded once."""

    def __init__(self, pages: Sequence[Page], tokenizer: Tokenizer) -> None:
        self.offsets: dict[int, int] = {}
        at = 0
        ordered = sorted(pages, key=lambda page: page.page)
        for page in ordered:
            self.offsets[page.page] = at
            at += len(page.text) + 1
        self.text = "\n".join(page.text for page in ordered)
        encoding = tokenizer.encode(self.text, add_special_tokens=False)
        self.starts = [start for start, _ in encoding.offsets]

    def count(self, span: Span) -> int:
        """Tokens that start in the span."""
        page, start, end = span
        at = self.offsets[page]
        return bisect_left(self.starts, at + end) - bisect_left(self.starts, at + start)

    def cut(self, span: Span, n_tokens: int) -> int:
        """The code point of the page at which to cut the span: after at most ``n_tokens`` tokens, between words where there are any."""
        page, start, _ = span
        offset = self.offsets[page]
        first = bisect_left(self.starts, offset + start)
        for token in range(first + n_tokens, first, -1):
            if self.text[self.starts[token] - 1].isspace():
                return self.starts[token] - offset
        return self.starts[first + n_tokens] - offset


def _groups(found: Sequence[Paragraph]) -> Iterator[list[Paragraph]]:
    """Paragraphs that may share chunks: a section's running text, each of its tables, each run of captions.

    A heading goes with its section's text, else with its table, else with the next section that has either.
    """
    waiting: list[Paragraph] = []
    for section in _by_section(found):
        heads = [paragraph for paragraph in section if paragraph.role == "heading" and paragraph.kind == "body"]
        others = [paragraph for paragraph in section if paragraph not in heads]
        runs: dict[object, list[Paragraph]] = {}
        for paragraph in others:
            runs.setdefault(paragraph.block if paragraph.kind == "table" else paragraph.kind, []).append(paragraph)
        home = runs.get("body") or next((run for run in runs.values() if run[0].kind == "table"), None)
        waiting += heads
        if home is not None and waiting:
            kept = [paragraph for paragraph in home if not waiting or paragraph not in waiting]
            home[:] = sorted([*waiting, *kept], key=lambda paragraph: paragraph.spans)
            waiting = []
        elif others and waiting and others[0].kind == "references":
            yield waiting
            waiting = []
        yield from runs.values()
    if waiting:
        yield waiting


def _by_section(found: Sequence[Paragraph]) -> Iterator[list[Paragraph]]:
    run: list[Paragraph] = []
    for paragraph in found:
        if run and paragraph.section != run[-1].section:
            yield run
            run = []
        run.append(paragraph)
    if run:
        yield run


def _pack(group: Sequence[Paragraph], counter: _Counter, texts: dict[int, str], params: ChunkParams) -> Iterator[list[Span]]:
    """The slices of each chunk of a group, filled in order."""
    held: list[Span] = []
    n_held = 0
    for paragraph in group:
        sentences = [_fitting(sentence, counter, params.max_tokens) for sentence in _sentences(paragraph)]
        pieces = [piece for cut in sentences for piece in cut]
        n_paragraph = sum(counter.count(span) for piece in pieces for span in piece)
        if held and n_held + n_paragraph > params.max_tokens and n_held >= params.min_fill * params.max_tokens:
            yield _slices(held, texts)
            held, n_held = [], 0
        for piece in pieces:
            n_piece = sum(counter.count(span) for span in piece)
            if held and n_held + n_piece > params.max_tokens:
                yield _slices(held, texts)
                held, n_held = [], 0
            held += piece
            n_held += n_piece
    if held:
        yield _slices(held, texts)


def _sentences(paragraph: Paragraph) -> Iterator[list[Span]]:
    """Each sentence as the spans it stands in; a table row is one sentence."""
    if paragraph.role == "table":
        yield list(paragraph.spans)
        return
    for start, end in sentence_spans(paragraph.text):
        spans = []
        at = 0
        for page, first, last in paragraph.spans:
            begin, stop = max(start, at), min(end, at + last - first)
            if begin < stop:
                spans.append((page, first + begin - at, first + stop - at))
            at += last - first + 1
        yield spans


def _fitting(sentence: list[Span], counter: _Counter, max_tokens: int) -> Iterator[list[Span]]:
    """The sentence whole, or cut hard where it alone is longer than a chunk may be."""
    if sum(counter.count(span) for span in sentence) <= max_tokens:
        yield sentence
        return
    for page, start, end in sentence:
        at = start
        while counter.count((page, at, end)) > max_tokens:
            cut = counter.cut((page, at, end), max_tokens)
            yield [(page, at, cut)]
            at = cut
        yield [(page, at, end)]


def _slices(pieces: Sequence[Span], texts: dict[int, str]) -> list[Span]:
    """Pieces with nothing but white space between them become one slice."""
    slices = [pieces[0]]
    for page, start, end in pieces[1:]:
        last_page, first, last = slices[-1]
        if page == last_page and start >= last and not texts[page][last:start].strip():
            slices[-1] = (page, first, end)
        else:
            slices.append((page, start, end))
    return slices

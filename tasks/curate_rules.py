"""QA pair and its source -> None, or why it must not be used: one small function a rule, the first that fails names the drop.

The rules are the acceptance criteria D1 to D14 and D17 as far as they need no model. Patterns are English; on text in another
language most of them stay silent rather than drop it wrongly.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from tasks import curate_patterns as pattern
from tasks.curate_context import Context, Finding, Rule
from tasks.curate_evidence import evidence_rereads, numbers_stand_in_chunk, source_is_body, speaks_the_language
from tasks.extract_verbs import reading
from tasks.key_match import states
from tasks.text import contains_words, fold, ngrams, normalise, words

if TYPE_CHECKING:
    from warehouse.tables import QaPair

REASONS: dict[str, str] = {
    "no_chunk": "The chunk that the pair names is not one of the document's.",
    "from_references": "D1: it was made from a list of references.",
    "outside_body": "D1: it was made from a caption or from front matter.",
    "no_evidence": "D11: it names no evidence.",
    "evidence_not_verbatim": "D11: a quote does not stand in the page's text where its offsets say.",
    "evidence_outside_chunk": "D11: a quote does not stand in the pair's chunk, nor, where another does, in one beside it.",
    "language_mismatch": "The question or the answer is in another language than its source.",
    "garbled_text": "D5: replacement, private-use or control characters stand in it.",
    "not_a_question": "D5: the question does not end in a question mark.",
    "text_after_question": "D4: text follows the last question mark.",
    "no_verb": "D5: the question has no verb.",
    "question_length": "D5: the question has too few or too many words.",
    "markup": "D5: markup or a number in scientific notation stands in the question.",
    "title_twice": "D4: the document's title stands more than once in the question.",
    "title_altered": "D4: the document's title is not named verbatim.",
    "foreign_title": "D3: the question quotes a title that is not the document's.",
    "meta_phrase": "D6: it speaks of 'the text' or 'the passage', which nobody who is asked can see.",
    "empty_answer": "D7: the answer has no words.",
    "unanswerable": "D7: the answer is a refusal, a hedge or an error message.",
    "not_a_refusal": "D7: a question made to be unanswerable is answered.",
    "echoes_question": "D9: the answer's first line is the question.",
    "source_block": "D8: the answer ends in a source or reference block.",
    "contact_details": "D8: an e-mail address or a list of affiliations stands in the answer.",
    "reference_list": "D8: a list of numbered works stands in the answer.",
    "cut_answer": "D10: the answer breaks off in mid-sentence.",
    "number_not_in_evidence": "D17: a number of the answer does not stand in the evidence chunk.",
    "speculative": "D14: it asks or answers in words of opinion that the source does not use.",
    "key_not_stated": "The reference answer itself does not state the answer key.",
    "gives_answer_away": "The question already states the answer key.",
    "from_prompt_example": "D2: the question repeats an example of the generator's prompt.",
}


def without_title(question: str, title: str) -> str:
    """``question`` with its document's title taken out, so that no rule trips over the title's own words."""
    return _standing(title).sub(" ", question) if title.strip() else question


def _standing(title: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(title.strip())}(?!\w)")


def is_clean_text(pair: QaPair, _: Context) -> Finding | None:
    """D5: no character that only a broken extraction leaves behind, no mark of a footnote in the answer."""
    if found := pattern.GARBLED.search(f"{pair.question} {pair.answer}"):
        return "garbled_text", f"U+{ord(found.group()):04X}"
    return ("garbled_text", found.group().strip()) if (found := pattern.LEFTOVER.search(pair.answer)) else None


def is_a_question(pair: QaPair, context: Context) -> Finding | None:
    """D4, D5: ends in a question mark, with nothing behind it, and has a verb. Titles may hold question marks of their own."""
    asked = without_title(pair.question, context.title).rstrip(" \"'”’»")  # noqa: RUF001  # closing quotes as printed
    if "?" not in asked:
        return "not_a_question", pair.question[-40:]
    if not asked.endswith("?"):
        return "text_after_question", asked.rsplit("?", 1)[1].strip()
    tokens = words(pair.bare_question)
    return ("no_verb", pair.bare_question) if pattern.ENGLISH & set(tokens) and not _has_verb(tokens) else None


def _has_verb(tokens: list[str]) -> bool:
    if set(tokens) & (pattern.AUXILIARIES | pattern.REQUESTS) or any(token.endswith(("'s", "'re")) for token in tokens):
        return True
    for at, token in enumerate(tokens[:-1]):
        if token in ("who", "what") and tokens[at + 1] not in pattern.NO_VERB_AFTER_WHO:
            return True
    return any(pattern.VERB_ENDING.fullmatch(token) or reading(token, "s", "past", "participle") for token in tokens)


def has_good_length(pair: QaPair, context: Context) -> Finding | None:
    """D5: words enough as asked (a title makes a short question stand alone), not too many without the title."""
    n_asked, n_bare = len(words(pair.question)), len(words(pair.bare_question))
    if n_asked < context.params.min_question_words or n_bare > context.params.max_question_words or n_bare == 0:
        return "question_length", f"{n_asked} words, {n_bare} without the title"
    return None


def has_no_markup(pair: QaPair, context: Context) -> Finding | None:
    """D5: no HTML, Markdown, LaTeX, footnote mark or axis label such as 1e6 in the question."""
    found = pattern.MARKUP.search(without_title(pair.question, context.title))
    return ("markup", found.group()) if found else None


def names_own_title_once(pair: QaPair, context: Context) -> Finding | None:
    """D4: the title stands verbatim, and once, in a question that names its source. A short title may also be a word of the question."""
    title = context.title.strip()
    if not title or pair.question == pair.bare_question:
        return None
    n_titles = len(_standing(title).findall(pair.question))
    is_word = len(words(title)) < context.params.min_title_words
    n_bare = len(_standing(title).findall(pair.bare_question)) if is_word else 0
    if n_titles == 0:
        return "title_altered", pair.question
    return ("title_twice", f"{n_titles} times") if n_titles - n_bare > 1 else None


def quotes_no_other_title(pair: QaPair, context: Context) -> Finding | None:
    """D3: what stands in quotes and is as long as a title, or is named as the source, is the document's own title or from the chunk."""
    asked = without_title(pair.question, context.title)
    for found in pattern.QUOTED.finditer(asked):
        quoted = found[1] or found[2]
        is_source = pattern.NAMES_SOURCE.search(asked[: found.start()]) is not None
        is_long = len(words(quoted)) >= (1 if is_source else context.params.min_title_words)
        if not is_long or contains_words(context.source, quoted):
            continue
        likeness = SequenceMatcher(None, fold(quoted), fold(context.title)).ratio()
        return ("title_altered" if likeness >= context.params.title_likeness else "foreign_title"), quoted
    return None


def has_no_meta_phrase(pair: QaPair, context: Context) -> Finding | None:
    """D6: does not speak of the passage it was made from. Words that the chunk itself uses ('the text on the display') are its matter."""
    asked, answer, source = fold(without_title(pair.question, context.title)), fold(pair.answer), context.source
    found = [*pattern.META_ANYWHERE.finditer(asked), *pattern.META_ANYWHERE.finditer(answer)]
    meta = [match.group() for match in found if match.group() not in source]
    meta += [match.group() for match in pattern.META_IN_QUESTION.finditer(asked)]
    return ("meta_phrase", meta[0]) if meta else None


def is_an_answer(pair: QaPair, context: Context) -> Finding | None:
    """D7: not empty, no refusal, hedge or error message. A sentence of the source that says 'it is not known' is an answer.

    A question made to be unanswerable is right with a refusal alone, and has no key.
    """
    said = normalise(pair.answer)
    if not said:
        return "empty_answer", ""
    if pair.answer_kind == "refusal":
        declines = said == normalise(context.refusal) or pattern.REFUSAL.search(fold(pair.answer))
        return None if declines and pair.answer_key is None else ("not_a_refusal", pair.answer[:80])
    if said in pattern.ERROR_ANSWERS or said.startswith(("error answer", "no answer found")):
        return "unanswerable", pair.answer
    quotes = fold(" ".join(span.quote for span in context.evidence))
    answer = fold(pair.answer)
    found = [match for match in pattern.REFUSAL.finditer(answer) if answer.count('"', 0, match.start()) % 2 == 0]
    hedges = [match.group() for match in found if match.group() not in quotes]
    return ("unanswerable", hedges[0]) if hedges else None


def does_not_echo(pair: QaPair, _: Context) -> Finding | None:
    """D9: the answer does not open by repeating the question, or how it begins."""
    first_line = normalise(pair.answer.strip().split("\n", 1)[0])
    asked = (normalise(pair.question), normalise(pair.bare_question))
    opens = pair.answer.strip().split("\n", 1)[0].rstrip().endswith("?") and any(text.startswith(f"{first_line} ") for text in asked)
    return ("echoes_question", first_line) if first_line in asked or opens else None


def has_no_source_block(pair: QaPair, context: Context) -> Finding | None:
    """D8: provenance is a column, not text: no source block, address, affiliations or list of works. A citation in passing is fine."""
    if found := pattern.SOURCE_BLOCK.search(pair.answer):
        return "source_block", found.group().strip()
    affiliations = pattern.AFFILIATION.findall(pair.answer)
    if pattern.EMAIL.search(pair.answer) or len(affiliations) > context.params.max_affiliations:
        return "contact_details", "e-mail address" if pattern.EMAIL.search(pair.answer) else ", ".join(affiliations)
    n_works = len(pattern.NUMBERED_WORK.findall(pair.answer))
    return ("reference_list", f"{n_works} works") if n_works > 1 else None


def is_whole(pair: QaPair, context: Context) -> Finding | None:
    """D10: does not break off. Short answers, lists and table rows need no full stop, but none ends in a comma or an 'and'."""
    answer = pair.answer.rstrip()
    if pattern.DANGLING.search(answer):
        return "cut_answer", answer[-40:]
    is_prose = pair.answer_kind not in ("list", "procedure") and (context.chunk is None or context.chunk.kind != "table")
    if is_prose and len(words(answer)) > context.params.max_fragment_words and not pattern.CLOSING.search(answer):
        return "cut_answer", answer[-40:]
    return None


def is_not_speculative(pair: QaPair, context: Context) -> Finding | None:
    """D14: the share of opinion words that the source does not use, in question and answer each, stays below the limit."""
    known = set(words(context.source))
    for text in (pair.bare_question, pair.answer):
        tokens = words(text)
        opinions = [token for token in tokens if token in pattern.SPECULATIVE and token not in known]
        if tokens and len(opinions) / len(tokens) > context.params.max_speculative_share:
            return "speculative", ", ".join(opinions)
    return None


def states_its_key(pair: QaPair, _: Context) -> Finding | None:
    """The reference states its own key (else no answer could be right), and the question does not, save where it offers a choice."""
    if pair.answer_key is None:
        return None
    if not states(pair.answer, pair.answer_key):
        return "key_not_stated", pair.answer_key
    tokens = set(words(pair.bare_question))
    is_choice = pair.answer_kind == "comparison" and bool(tokens & pattern.CHOICE or not tokens & pattern.ENGLISH)
    is_told = not is_choice and states(pair.bare_question, pair.answer_key)
    return ("gives_answer_away", pair.answer_key) if is_told else None


def repeats_no_prompt_example(pair: QaPair, context: Context) -> Finding | None:
    """D2: shares no run of words with an example of the generator's prompt, nor is nearly the same question."""
    shared = ngrams(words(pair.bare_question), context.params.example_ngram) & context.example_grams
    if shared:
        return "from_prompt_example", " ".join(min(shared))
    if context.example_cosine >= context.params.max_example_cosine:
        return "from_prompt_example", f"cosine {context.example_cosine:.2f}"
    return None


RULES: tuple[Rule, ...] = (
    source_is_body,
    evidence_rereads,
    is_clean_text,
    speaks_the_language,
    is_a_question,
    has_good_length,
    has_no_markup,
    names_own_title_once,
    quotes_no_other_title,
    is_an_answer,
    has_no_meta_phrase,
    does_not_echo,
    has_no_source_block,
    is_whole,
    numbers_stand_in_chunk,
    is_not_speculative,
    states_its_key,
    repeats_no_prompt_example,
)
"""In the order in which they are asked."""


def first_failure(pair: QaPair, context: Context) -> Finding | None:
    """The first rule's finding, or None for a pair that passes all."""
    return next((finding for rule in RULES if (finding := rule(pair, context))), None)

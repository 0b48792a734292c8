"""A quote is found where it stands, or nearly; what is found is the text's own words; what says something else is not found."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.find_quote import find_quote, quoted_parts, widened

TEXT = (
    "The ram bolts are tightened to 42 Nm in two rounds. After 600 hours, the filter must be replaced; the old one is burnt.\n"
    "Caf\u00e9 \u201cOrlen\u201d\u2019s pump \u2013 a K\u20112 \u2013 weighs 12.5 kg. It does not leak.\n"
    "Bolt M8\t42 Nm\nBolt M6\t10 Nm"
)


def found(quote: str, text: str = TEXT, min_score: float = 90.0) -> tuple[str, str] | None:
    place = find_quote(quote, text, min_score)
    return (text[place.char_from : place.char_from + place.n_chars], place.how) if place else None


@pytest.mark.parametrize(
    ("quote", "stands", "how"),
    [
        ("The ram bolts are tightened to 42 Nm in two rounds.", "The ram bolts are tightened to 42 Nm in two rounds.", "exact"),
        ('"tightened to 42 Nm"', "tightened to 42 Nm", "exact"),
        ("the  ram bolts\nare tightened to 42 Nm", "The ram bolts are tightened to 42 Nm", "folded"),
        ("Cafe \"Orlen\"'s pump - a K-2", "Caf\u00e9 \u201cOrlen\u201d\u2019s pump \u2013 a K\u20112", "folded"),
        ("the\u200b filter must be\u202e replaced", "the filter must be replaced", "folded"),
        ("After 600 hours the filter has to be replaced; the old one is burnt.", None, "near"),
        ("tened to 42 Nm in two", "tightened to 42 Nm in two", "near"),
        ("Bolt M6 10 Nm", "Bolt M6\t10 Nm", "folded"),
    ],
)  # fmt: skip
def test_a_quote_is_found_with_the_texts_own_words(quote, stands, how):
    place = found(quote, min_score=75.0)

    assert place is not None
    assert place[1] == how
    assert stands is None or place[0] == stands


@pytest.mark.parametrize(
    "quote",
    [
        "",
        "   \u201c\u201d ",
        "The miller sold nine lamps to the sailor.",
        "The ram bolts are tightened to 43 Nm in two rounds.",
        "The ram bolts are not tightened to 42 Nm in two rounds.",
        "It does leak.",
        "42 N",
        TEXT + " and a good deal more that nobody wrote.",
    ],
    ids=["empty", "marks", "invented", "other number", "negated", "negation lost", "cut unit", "longer than the text"],
)
def test_what_does_not_stand_there_is_not_found(quote):
    assert found(quote) is None


def test_a_short_quote_that_stands_twice_points_nowhere():
    assert found("42 Nm") is None
    assert found("10 Nm") == ("10 Nm", "exact")


def test_above_a_hundred_only_whole_quotes_count():
    nearly = "The ram bolts are tightened to 42 Nm in two round"

    assert found(nearly, min_score=90.0) == ("The ram bolts are tightened to 42 Nm in two rounds", "near")
    assert found(nearly, min_score=101.0) is None


def test_a_quote_that_leaves_words_out_is_its_parts():
    assert quoted_parts("The ram bolts [...] in two rounds. \u2026 the old one") == ["The ram bolts", "in two rounds.", "the old one"]
    assert quoted_parts("12.5 kg") == ["12.5 kg"]
    assert quoted_parts("...") == ["..."]


def test_a_quote_is_widened_to_its_sentences():
    place = find_quote("42 Nm in two rounds. After 600 hours", TEXT, 90.0)

    start, length = widened(TEXT, place.char_from, place.n_chars)

    assert TEXT[start : start + length] == TEXT.partition("\n")[0]
    assert widened("", 0, 0) == (0, 0)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_run_of_words_is_found_as_it_stands(data):
    tokens = TEXT.split()
    start = data.draw(st.integers(0, len(tokens) - 4))
    end = data.draw(st.integers(start + 4, len(tokens)))
    quote = " ".join(tokens[start:end])

    place = find_quote(quote, TEXT, 101.0)

    assert place is not None
    assert TEXT[place.char_from : place.char_from + place.n_chars].split() == quote.strip("\"'\u201c\u201d\u2019 ").split()

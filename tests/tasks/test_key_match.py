"""What counts as stating an answer key, and what only looks like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.key_match import key_items, plain, states

STATED = [
    ("The torque is 42 Nm.", "42 Nm"),
    ("42Nm", "42 Nm"),
    ("a 42-Nm bolt", "42 Nm"),
    ("**42** Nm", "42 Nm"),
    ("42 Nm.The rest follows", "42 Nm"),
    ("(42)", "42"),
    ("1,200 bar", "1200 bar"),
    ("1200 bar", "1,200 bar"),
    ("1\u202f200 bar", "1,200 bar"),
    ("5 percent of it", "5 %"),
    ("5% of it", "5 %"),
    ("\u221240 °C", "-40 °C"),
    ("minus 40 degrees Celsius", "-40 °C"),
    ("45° C", "45 °C"),
    ("45° in the shade", "45°"),
    (".5 mm", "0.5 mm"),
    ("5 \u00b5m", "5 \u03bcm"),
    ("80km/h", "80 km/h"),
    ("10\u201320 mm", "10-20 mm"),
    ("$42", "$ 42"),
    ("at 14:30 sharp", "14:30"),
    ("low-rank adaptation", "low rank adaptation"),
    ("a 3.5-inch bolt", "3.5 inch"),
    ("the K-2 valve", "K-2"),
    ("the pump's motor", "pump"),
    ("It is the valve", "A valve"),
    ("torque_max", "torque max"),
    ("Green, then blue, then red", "red; green; blue"),
]

NOT_STATED = [
    ("14 2 Nm", "42 Nm"),
    ("-42 Nm", "42 Nm"),
    ("42 Nm", "-42 Nm"),
    ("420 Nm", "42 Nm"),
    ("142 Nm", "42 Nm"),
    ("4.2 Nm", "42 Nm"),
    ("42 Nm", "4.2 Nm"),
    ("42.5 Nm", "42 Nm"),
    ("42 nmi", "42 Nm"),
    ("42 km/h", "42 km"),
    ("42 %", "42 Nm"),
    ("35-42 Nm", "42 Nm"),
    ("1 200 bar", "200 bar"),
    ("11,200 bar", "1,200 bar"),
    ("11,200 bar", "200 bar"),
    ("1,2003 bar", "1200 bar"),
    ("45 °F", "45 °C"),
    ("model X42", "42"),
    ("the 42nd", "42"),
    ("the K-20 valve", "K-2"),
    ("the K-2 valve", "2"),
    ("A-12-B", "A-12"),
    ("version 1.2.3", "1.2"),
    ("2024-03-05", "2024"),
    ("redder", "red"),
    ("red and green", "red; green; blue"),
    ("", "42"),
    ("anything", ";"),
    ("anything", "\u2014"),
]


@pytest.mark.parametrize(("answer", "answer_key"), STATED)
def test_the_key_is_found_in_whatever_format(answer, answer_key):
    assert states(answer, answer_key)


@pytest.mark.parametrize(("answer", "answer_key"), NOT_STATED)
def test_a_near_miss_is_not_the_key(answer, answer_key):
    assert not states(answer, answer_key)


def test_a_key_without_words_has_no_items():
    assert key_items(" ; \u2014;") == []
    assert key_items("The pump; a motor") == ["pump", "motor"]


@given(st.integers(-10_000_000, 10_000_000))
def test_thousands_commas_make_no_difference(number):
    assert states(f"It holds {number:,} litres.", f"{number} litres")
    assert not states(f"It holds {number:,} litres.", f"{number + 1} litres")


@given(st.text())
def test_the_comparable_form_is_stable(text):
    assert plain(plain(text)) == plain(text)

"""A log of judgements made elsewhere: what it says, what it leaves out, and when it is not believed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tasks.import_judgements import judgements, read_log
from tasks.statistics import ReportParams
from warehouse.errors import ConfigError

PUBLISHED = Path(__file__).parents[2] / ".." / "shared" / "data" / "judging"
RULE, DASHES = "=" * 80, "-" * 80
PARAMS = ReportParams()


def case(rank, winner="BASE", answer="It holds 8 litres."):
    parts = {"TRUE": "The tank holds 9 litres.", "BASE MODEL": answer, "FINETUNED MODEL": "Nine litres.\n\nWinner: none"}
    texts = "".join(f"\n{RULE}\n{name} ANSWER:\n{DASHES}\n{text}\n" for name, text in parts.items())
    asked = "Question: How much does\nthe tank hold?\nContext: Tank manual\n"
    return f"Saving base model win {rank}\n{asked}{texts}{RULE}\nBetter Answer: EvalWinner.{winner}\n"


def log(n_loaded=6):
    return (
        f"Loaded {n_loaded} finetune entries from /home/someone/test output.csv\n"
        "Winner: EvalWinner.FINE_TUNED\n"
        f"Winner: EvalWinner.BASE\n{case(1)}"
        "Winner: EvalWinner.FINE_TUNED\n"
        "Winner: EvalWinner.FINE_TUNED\n"
        "\nFinal Results:\nBase Model Wins: 1\nFine-tuned Model Wins: 3\nTotal Comparisons: 4\nFine-tuned Win Rate: 75.0%\n"
    )


def read(text):
    return read_log(text.encode(), "log.txt")


def test_winners_stand_in_printed_order_and_entries_without_one_after_them():
    made = judgements(read(log()), "tuned:base", "gpt/1", PARAMS)

    assert [row.verdict for row in made.verdicts] == ["first", "second", "first", "first", "error", "error"]
    assert [row.has_verdict for row in made.entries] == [True] * 4 + [False] * 2
    assert [row.rank for row in made.entries] == list(range(6))
    assert [row.pair_id for row in made.entries] == [row.pair_id for row in made.verdicts]
    assert {row.judge for row in made.verdicts} == {"gpt/1"}


def test_a_case_is_read_whole_and_no_line_of_an_answer_counts_as_a_verdict():
    printed = judgements(read(log()), "tuned:base", "gpt/1", PARAMS).entries[1]

    assert (printed.question, printed.context) == ("How much does\nthe tank hold?", "Tank manual")
    assert (printed.reference, printed.answer_b) == ("The tank holds 9 litres.", "It holds 8 litres.")
    assert printed.answer_a == "Nine litres.\n\nWinner: none"


def test_the_estimate_counts_the_unjudged_and_claims_nothing():
    row = judgements(read(log()), "tuned:base", "gpt/1", PARAMS).estimate

    assert (row.split, row.n_planned, row.n, row.n_wins, row.n_losses, row.n_unscored) == ("imported", 6, 4, 3, 1, 2)
    assert (row.rate, row.bound_low, row.bound_high) == pytest.approx((0.75, 0.5, 5 / 6))
    assert (row.unit, row.p_value, row.is_difference) == ("question", None, False)


def test_windows_line_ends_and_odd_bytes_are_read_as_well():
    crlf = log().replace("\n", "\r\n").encode() + b"\xff\xfe"
    assert [case.winner for case in read_log(crlf, "log.txt").cases] == [case.winner for case in read(log()).cases]


def test_a_ruling_that_is_not_known_is_unparsed_never_a_loss():
    made = judgements(read("Winner: EvalWinner.TIE\nWinner: perhaps\n"), "tuned:base", "gpt/1", PARAMS)
    assert [row.verdict for row in made.verdicts] == ["tie", "unparsed"]
    assert (made.estimate.n, made.estimate.n_unscored, made.estimate.rate) == (1, 1, 0.5)


def test_a_log_of_unknown_size_has_judged_all_that_it_judged():
    assert read("Winner: EvalWinner.BASE\n").n_loaded == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no verdict was found"),
        (log().replace("Comparisons: 4", "Comparisons: 5"), "counts 5 comparisons and prints 4"),
        (log(n_loaded=3), "loaded 3 entries and judged 4"),
        (log().replace("win 1", "win 2"), "case 2"),
        (log().replace("Better Answer: EvalWinner.BASE", "Better Answer: EvalWinner.FINE_TUNED"), "case 1"),
    ],
)
def test_a_log_that_contradicts_itself_is_not_believed(text, fault):
    with pytest.raises(ConfigError, match=fault):
        read(text)


def test_the_same_log_gives_the_same_rows_and_another_log_other_ids():
    ours, again = (judgements(read(log()), "tuned:base", "gpt/1", PARAMS) for _ in range(2))
    other = judgements(read(log(n_loaded=7)), "tuned:base", "gpt/1", PARAMS)
    assert ours == again
    assert {row.pair_id for row in ours.entries} & {row.pair_id for row in other.entries} == set()


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published log is not at hand")
def test_the_published_log_is_read_to_the_last_entry():
    content = (PUBLISHED / "judging_log.txt").read_bytes()
    found = read_log(content, "judging_log.txt")
    made = judgements(found, "tuned:base", "gpt/1", PARAMS)
    row = made.estimate

    letters = {"FINE_TUNED": "F", "BASE": "B"}
    assert "".join(letters[case.winner] for case in found.cases) == (PUBLISHED / "winners.txt").read_text().strip()
    assert Counter(case.question is not None and case.tuned is not None for case in found.cases) == {True: 53, False: 108}
    assert (row.n_losses, row.n_wins, row.n, row.n_planned, row.n_unscored) == (53, 108, 161, 174, 13)
    assert (row.rate, row.low, row.high) == pytest.approx((0.671, 0.595, 0.739), abs=5e-4)
    assert (row.bound_low, row.bound_high) == pytest.approx((0.621, 0.695), abs=5e-4)

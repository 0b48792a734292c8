"""People as judges: what they are shown, what is kept of their words, and what it comes to."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.agreement import cohen_kappa
from tasks.controls import at_most, control_rates, people_controls
from tasks.gate import GateParams, hold
from tasks.judge import Arm, JudgeParams, judge_pairs, outcome_of
from tasks.judge_people import HumanJudgeParams, by_answers, counted, said
from tasks.judge_trust import Trust
from tasks.label_session import inert, label_items, make_label, shown
from tasks.labelling import Item, Quote, controls_of, draw_sample, n_planted, planted
from tasks.outcomes import figures
from tasks.report import summary
from tasks.statistics import ReportParams
from warehouse.errors import ConfigError
from warehouse.store import Warehouse
from warehouse.tables import CALIBRATIONS, ESTIMATES, LABELS, QaPair, Score, SplitRow, Verdict
from warehouse.views import query

CONTRAST = "tuned:base"
SETS = ("test_rephrased", "test_unseen_fact", "test_unseen_document")


def item(at, split="test_unseen_fact", **more):
    return Item(f"q{at:02}", "Manual", f"What of {at}?", f"It is {at}.", (Quote(3, f"It is {at}."),), f"a{at}", f"b{at}", split, **more)


def answering(*lines):
    waiting = iter(lines)
    return lambda prompt: next(waiting, None)


def sit(items, lines, reviewer="Ann", seed=0):
    """(labels of the sitting, what was printed, what was kept each time)."""
    printed, kept = [], []
    labels = label_items(
        items, reviewer, CONTRAST, seed, ask=answering(*lines), say=printed.append, keep=lambda some: kept.append(list(some))
    )
    return labels, "\n".join(printed), kept


def label(at, outcome, reviewer="Ann", order="ab"):
    """A label by which ``outcome`` (arm_a, arm_b, tie, skip) was said."""
    word = {"arm_a": "first", "arm_b": "second"}.get(outcome, outcome)
    if order == "ba":
        word = {"first": "second", "second": "first"}.get(word, word)
    return make_label(item(at), reviewer, CONTRAST, order, word)


# ---- what is shown ---------------------------------------------------------------------------------------------------------------


def test_an_item_is_shown_with_reference_and_page_and_without_the_arms():
    text = shown(item(7), "ba", "1 of 9")

    assert [line.strip("│ ") for line in text.splitlines() if "│" in line] == ["What of 7?", "It is 7.", "It is 7.", "b7", "a7"]
    assert "Page 3 says" in text
    assert "tuned" not in text
    assert "base" not in text


def test_the_list_of_sources_that_tells_an_arm_is_not_shown():
    text = shown(replace(item(1), answer_a="It is 42 Nm.\n\nSources:\n- manual.pdf, page 3"), "ab", "1 of 1")

    assert "It is 42 Nm." in text
    assert "manual.pdf" not in text


@given(st.text(), st.sampled_from(["ab", "ba"]), st.integers(20, 120))
def test_no_text_reaches_the_terminal_or_leaves_its_bar(text, order, width):
    hostile = f"\x1b[2J\x1b]0;owned\x07{text}\u202e\x9b31m\r1 of 1 \u2028FIRST answer"
    one = Item("q", hostile, hostile, hostile, (Quote(1, hostile),), hostile, hostile)

    lines = shown(one, order, "1 of 1", width).split("\n")

    assert all(letter == "\n" or (letter.isprintable() or ord(letter) > 159) for line in lines for letter in line)
    assert not any(mark in line for line in lines for mark in "\x1b\x07\x9b\r\u202e\u2028")
    plain = [line for line in lines if line and not line.startswith("  │ ")]
    assert plain[:1] == ["── 1 of 1 ──"]
    assert [line.split(" (")[0] for line in plain[1:]] == ["Question", "Reference", "Page 1 says", "FIRST answer", "SECOND answer"]


def test_an_empty_answer_is_shown_as_nothing():
    assert "(nothing)" in shown(replace(item(1), answer_b=" \n"), "ab", "1 of 1")
    assert inert("a\tb\x00c") == "a bc"


# ---- what is drawn ---------------------------------------------------------------------------------------------------------------


def test_the_sample_takes_the_test_sets_in_turn_and_a_larger_one_begins_with_the_smaller():
    questions = [item(at, SETS[at % 7 % 3]) for at in range(60)]

    small, large = draw_sample(questions, 12, 0), draw_sample(list(reversed(questions)), 30, 0)

    assert large[:12] == small
    assert Counter(one.split for one in small) == dict.fromkeys(SETS, 4)
    assert draw_sample(questions, 12, 1) != small
    assert len(draw_sample(questions, 500, 0)) == 60
    assert draw_sample([], 5, 0) == []


def test_the_order_of_two_answers_is_a_fair_coin_of_each_persons_own():
    orders = {name: [item(at).order(name, CONTRAST, 0) for at in range(400)] for name in ("Ann", "Ben")}

    assert all(160 < some.count("ab") < 240 for some in orders.values())
    assert orders["Ann"] != orders["Ben"]
    assert orders["Ann"] == [item(at).order("Ann", CONTRAST, 0) for at in range(400)]


def test_one_control_is_planted_in_every_five_at_a_place_that_nobody_can_tell():
    questions, controls = [item(at) for at in range(50)], [item(100 + at, "", control="K1") for at in range(10)]

    stream = planted(questions, controls, 0.2, 0)

    assert [one for one in stream if not one.control] == questions
    assert [one for one in stream if one.control] == controls
    places = [stream.index(one) % 6 for one in controls]
    assert len(set(places)) > 3
    assert planted(questions, controls, 0, 0) == questions
    assert planted(questions, controls[:2], 0.2, 0)[13:] != []
    assert [n_planted(50, share) for share in (0, 0.1, 0.2, 0.3, 1)] == [0, 5, 10, 15, 50]


def test_controls_are_of_the_kinds_that_are_set_in_turn():
    pairs = [
        QaPair(f"p{k}", "d", "c", f"f{k}", 0, f"{k}?", f"{k}?", f"The pump {k} is rated at {k}1 bar.", f"{k}1 bar", "number", "p", "g")
        for k in range(12)
    ]

    made = controls_of(pairs, {"d": "Manual"}, {"p1": (Quote(2, "q"),)}, 8, HumanJudgeParams(), 0)

    assert [one.control for one in made] == ["K1", "K2", "K3", "K6"] * 2
    assert all(one.answer_a == one.reference and one.title == "Manual" for one in made)
    assert controls_of(list(reversed(pairs)), {"d": "Manual"}, {"p1": (Quote(2, "q"),)}, 8, HumanJudgeParams(), 0) == made
    assert controls_of(pairs, {}, {}, 3, HumanJudgeParams(controls=("K3",)), 0)[2].control == "K3"
    assert controls_of([], {}, {}, 3, HumanJudgeParams(), 0) == []


@pytest.mark.parametrize("settings", [{"control_share": 1.5}, {"controls": ("K99",)}, {"controls": ()}, {"controls": ("K1", "K1")}])
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(ConfigError, match=r"judge\.human"):
        HumanJudgeParams(**settings)


# ---- what is kept ----------------------------------------------------------------------------------------------------------------


def test_every_word_is_kept_at_once_and_says_which_answer_stood_where():
    items = [item(at) for at in range(6)]

    labels, printed, kept = sit(items, ["1", "2", "t", "hm", "s", "q"])

    assert [one.verdict for one in labels] == ["first", "second", "tie", "skip"]
    assert [len(some) for some in kept] == [1, 2, 3, 4]
    assert [one.order for one in labels] == [one.order("Ann", CONTRAST, 0) for one in items[:4]]
    assert "Say 1, 2, t, s, b or q." in printed
    assert "5 of 6" in printed
    assert "6 of 6" not in printed


def test_a_slip_is_taken_back():
    labels, _, kept = sit([item(1), item(2)], ["b", "1", "back", "2", "t"])

    assert [one.verdict for one in labels] == ["second", "tie"]
    assert len(kept[-1]) == 2


def test_ctrl_c_and_the_end_of_input_lose_nothing():
    def interrupted(prompt, words=iter(["1"])):  # noqa: B008  # one use
        for word in words:
            return word
        raise KeyboardInterrupt

    labels = label_items(
        [item(1), item(2)], "Ann", CONTRAST, 0, ask=interrupted, say=lambda text: None, keep=lambda some: None
    )  # fmt: skip

    assert [one.verdict for one in labels] == ["first"]
    assert sit([item(1)], [])[0] == []
    assert sit([], ["1"])[0] == []


@given(st.sampled_from(["first", "second", "tie", "skip"]), st.sampled_from(["ab", "ba"]))
def test_the_order_shown_is_undone(word, order):
    outcome = said(make_label(item(1), "Ann", CONTRAST, order, word))

    assert outcome == (word if order == "ab" else {"first": "second", "second": "first"}.get(word, word))


# ---- what it comes to ------------------------------------------------------------------------------------------------------------


def judged(labels, n=4):
    """Verdicts of the judge human on questions 0 to n - 1."""
    pairs = {f"q{at:02}": QaPair(f"q{at:02}", "d", "c", "f", 0, "?", "?", "r", None, "text", "p", "g") for at in range(n)}
    sides = [
        Arm(
            {name: Score(f"{arm}{name}", name, arm, None, 1, 0, 0, 0, 0, 0, 0, None) for name in pairs},
            {name: f"{letter}{int(name[1:])}" for name in pairs},
        )
        for arm, letter in (("tuned", "a"), ("base", "b"))
    ]  # fmt: skip
    return judge_pairs(CONTRAST, "human", (sides[0], sides[1]), pairs, JudgeParams(), labels=labels)


@pytest.mark.parametrize(
    ("votes", "outcome"),
    [
        (["arm_a"], "arm_a"),
        (["arm_a", "arm_b"], "tie"),
        (["arm_a", "tie"], "tie"),
        (["arm_a", "arm_a", "arm_b"], "arm_a"),
        (["arm_b", "arm_b", "tie"], "arm_b"),
        (["arm_a", "arm_b", "tie"], "tie"),
        (["arm_b", "skip"], "arm_b"),
        (["skip"], None),
        ([], None),
    ],
)
def test_the_majority_of_people_decides_and_their_disagreement_is_a_tie(votes, outcome):
    labels = [label(0, vote, f"person {at}", "ab" if at % 2 else "ba") for at, vote in enumerate(votes)]

    of_first = [verdict for verdict in judged(labels) if verdict.pair_id == "q00"]

    assert outcome_of(of_first) == outcome
    assert {verdict.verdict for verdict in judged(labels) if verdict.pair_id != "q00"} == {"not_asked"}
    assert {verdict.judge for verdict in of_first} == {"human/1"}
    assert ({verdict.verdict for verdict in of_first} == {"unparsed"}) == (votes == ["skip"])


def test_a_label_is_on_the_words_that_were_shown():
    other_words = replace(label(0, "arm_a"), answer_a="another answer")

    assert outcome_of([verdict for verdict in judged([other_words]) if verdict.pair_id == "q00"]) is None
    assert by_answers([]) == {}


def test_only_the_people_who_are_named_count():
    labels = [label(0, "arm_a", "Ben"), label(0, "arm_b", "Ann")]

    assert [one.reviewer for one in counted(labels, HumanJudgeParams())] == ["Ann", "Ben"]
    assert [one.reviewer for one in counted(labels, HumanJudgeParams(reviewers=("Ben",)))] == ["Ben"]


def sampled(n=80, n_labelled=20, n_skipped=2):
    """Figures of a run over ``n`` questions on 8 documents, some labelled; the judge similarity says what people would, but for three."""
    names = [f"q{at:02}" for at in range(n)]
    splits = [SplitRow(name, f"d{at % 8}", f"f{at}", f"l{at}", "test_unseen_fact") for at, name in enumerate(names)]
    outcome = {name: ("arm_a", "arm_b", "tie")[at % 3] for at, name in enumerate(names)}
    labels = [label(at, "skip" if at < n_skipped else outcome[f"q{at:02}"]) for at in range(n_labelled)]
    word = {"arm_a": "first", "arm_b": "second", "tie": "tie"}
    other = [
        Verdict(f"s{at}", CONTRAST, name, "similarity/1", "none", 0, word["arm_a" if at in (4, 7, 10) else outcome[name]], "")
        for at, name in enumerate(names)
    ]
    settings = JudgeParams(judges=("similarity", "human"), contrasts=(CONTRAST,))
    return figures([*judged(labels, n), *other], [], [], splits, (), settings, ReportParams())


def test_what_was_not_drawn_is_no_loss_and_widens_no_bound():
    (row,) = [row for row in sampled()[ESTIMATES] if row.judge == "human/1" and row.n_planned]

    assert (row.n_planned, row.n, row.n_unscored, row.n_not_asked) == (80, 18, 2, 60)
    won = row.n_wins + row.n_ties / 2
    assert (row.bound_low, row.bound_high) == (won / 20, (won + 2) / 20)
    assert row.low < row.rate < row.high
    (whole,) = [row for row in sampled()[ESTIMATES] if row.judge == "similarity/1" and row.n_planned]
    assert (whole.n, whole.n_unscored, whole.n_not_asked) == (80, 0, 0)


def test_the_summary_says_that_it_was_a_sample():
    rows = [row for row in sampled()[ESTIMATES] if row.judge == "human/1"]

    text = summary(rows, [], [], ReportParams(headline_contrast=CONTRAST))

    assert "a sample: 20 of 80 questions were drawn for people to label" in text
    assert "2 of 20 questions are unscored: between " in text
    (line,) = [line for line in text.splitlines() if line.startswith("|") and "test_unseen_fact" in line]
    assert [cell.strip() for cell in line.split("|")][3:8] == ["20 of 80", "6", "6", "6", "2"]


def test_a_gate_counts_what_people_passed_over_and_not_what_they_were_not_asked():
    estimates = {
        skipped: next(row for row in sampled(n_skipped=skipped)[ESTIMATES] if row.judge == "human/1" and row.n) for skipped in (0, 2)
    }
    rule = GateParams(contrast=CONTRAST, min_win_rate=0, basis="rate")

    assert (hold(estimates[0], None, rule).is_passed, hold(estimates[0], None, rule).unscored_share) == (True, 0)
    assert (hold(estimates[2], None, rule).is_passed, hold(estimates[2], None, rule).unscored_share) == (False, 0.1)


def test_labels_calibrate_the_other_judges():
    rows = {row.outcome: row for row in sampled(n_skipped=0)[CALIBRATIONS] if row.n}

    assert (rows["win"].judge, rows["win"].labeller, rows["win"].n, rows["win"].n_labelled) == ("similarity/1", "human/1", 80, 20)
    assert (rows["win"].n_labelled_so, rows["win"].sensitivity, rows["win"].specificity) == (7, 1.0, 10 / 13)  # 4, 7 and 10 were losses
    assert (rows["loss"].n_labelled_so, rows["loss"].sensitivity, rows["loss"].specificity) == (7, 4 / 7, 1.0)


# ---- controls --------------------------------------------------------------------------------------------------------------------


def control(at, kind, outcome, reviewer="Ann"):
    return replace(label(at, outcome, reviewer), control=kind, variant="v", label_id=f"{reviewer}-{kind}-{at}")


def test_each_persons_word_on_a_control_counts_on_its_own():
    labels = [
        control(1, "K3", "arm_a"),
        control(1, "K3", "arm_b", "Ben"),
        control(2, "K1", "tie"),
        control(3, "K1", "skip"),
        label(4, "arm_a"),
    ]

    rates = {row.control: row for row in control_rates("human/1", people_controls(labels, "human/1"), 0)}

    assert (rates["K3"].n, rates["K3"].n_passed, rates["K3"].is_passed, rates["K3"].is_gate) == (2, 1, False, True)
    assert (rates["K1"].n, rates["K1"].n_passed, rates["K1"].is_passed) == (2, 1, True)  # one passed over of two: P = 1 - .95**2
    assert rates["K2"].is_passed is None
    assert Trust(list(rates.values())).unfit_notice("human/1") == "judge unfit: K3"


def unfit(labels):
    return Trust(control_rates("human/1", people_controls(labels, "human/1"), 0)).unfit("human/1")


def test_a_person_who_names_the_first_shown_is_unfit_also_behind_a_careful_one():
    right = {"K1": "tie", "K2": "arm_a", "K3": "arm_a", "K6": "arm_a"}
    careful = [control(at, kind, outcome) for kind, outcome in right.items() for at in range(10)]
    blind = [control(at, kind, ("arm_a", "arm_b")[at % 2], "Ben") for kind in right for at in range(2)]

    assert unfit(careful) == ()
    assert unfit(blind) == unfit([*careful, *blind]) == ("K1", "K2", "K3", "K6")
    assert Trust().unfit("human/1") == ()


def test_a_slip_in_a_dozen_is_forgiven_and_three_are_not():
    right = [control(at, kind, outcome) for kind, outcome in (("K1", "tie"), ("K2", "arm_a"), ("K6", "arm_a")) for at in range(4)]

    assert unfit([replace(right[0], verdict="first"), *right[1:]]) == ()
    assert unfit([replace(right[0], verdict="first"), *right[1:4], *(replace(one, verdict="tie") for one in right[4:6]), *right[6:]]) == (
        "K1",
        "K2",
    )


@given(st.integers(0, 12), st.integers(0, 12), st.floats(0.5, 0.99))
def test_the_chance_of_so_few_right_is_the_binomials_where_all_chances_are_one(n, n_right, chance):
    from scipy.stats import binom

    assert at_most(n_right, [chance] * n) == pytest.approx(binom.cdf(n_right, n, chance), abs=1e-12)


def test_unequal_chances_are_counted_as_they_are():
    assert at_most(1, [0.9, 0.5]) == pytest.approx(1 - 0.45)
    assert at_most(0, [0.9, 0.5]) == pytest.approx(0.05)
    assert at_most(0, []) == 1.0


# ---- in the warehouse ------------------------------------------------------------------------------------------------------------


def land(folder, labels):
    store = Warehouse(folder)
    store.prepare()
    store.land("sitting", {LABELS: labels}, stage="label")
    return store


def test_the_agreement_of_two_people_is_cohens_kappa(tmp_path):
    # of 50: both say win 20, Ann alone 5, Ben alone 10, neither 15; Wikipedia's example, kappa .4
    table = [("arm_a", "arm_a")] * 20 + [("arm_a", "arm_b")] * 5 + [("arm_b", "arm_a")] * 10 + [("arm_b", "arm_b")] * 15
    labels = [
        label(at, outcome, reviewer, "ab" if (at + rank) % 2 else "ba")
        for at, pair in enumerate(table)
        for rank, (reviewer, outcome) in enumerate(zip(("Ann", "Ben"), pair, strict=True))
    ]
    store = land(tmp_path, [*labels, label(60, "skip"), label(60, "tie", "Ben"), control(1, "K1", "tie"), control(1, "K1", "tie", "Ben")])

    (row,) = query(store, "from reviewer_agreement").to_pylist()

    assert (row["reviewer_a"], row["reviewer_b"], row["n"], row["agreement"], row["kappa"]) == ("Ann", "Ben", 50, 0.7, 0.4)
    assert cohen_kappa(table) == pytest.approx(0.4)


def test_two_people_who_say_one_thing_have_no_kappa(tmp_path):
    store = land(tmp_path, [label(at, "tie", reviewer) for at in range(3) for reviewer in ("Ann", "Ben")])

    assert query(store, "select n, agreement, kappa from reviewer_agreement").to_pylist() == [{"n": 3, "agreement": 1.0, "kappa": None}]


def test_what_each_person_did_is_counted_and_a_later_word_takes_the_place_of_an_earlier(tmp_path):
    store = land(
        tmp_path, [label(0, "arm_a"), label(1, "arm_b", order="ba"), label(2, "skip"), control(3, "K1", "tie"), control(4, "K3", "tie")]
    )
    store.land("later", {LABELS: [label(0, "tie")]}, stage="label")

    (row,) = query(store, "select * exclude (first_at, last_at) from labels_by_reviewer").to_pylist()

    assert row == {
        "reviewer": "Ann", "contrast": CONTRAST, "n_labelled": 2, "n_wins": 0, "n_ties": 1, "n_losses": 1, "n_skipped": 1,
        "n_first": 1, "n_second": 0, "n_controls": 2, "n_controls_right": 1,
    }  # fmt: skip

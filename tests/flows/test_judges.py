"""Judges over real HTTP through the whole flow: those whose bias is known come out as such, and their word counts for as much (T24)."""

from __future__ import annotations

import pytest

from flows.cli import main
from flows.summary import verdict_text
from tasks.judge_trust import read_trust
from tasks.providers import close_providers
from tasks.providers.scripted_server import FAULTS, ScriptedServer
from tasks.report_html import write_report
from warehouse.checks import run_checks
from warehouse.errors import RetryableUnits
from warehouse.store import Warehouse
from warehouse.views import query

from ..judge_stubs import always_first, always_longer, always_one_of, blocks, coin, marking, oracle
from .small_runs import run, save_pages

pytestmark = pytest.mark.slow
TRAINED = (
    "train.max_steps=12",
    "train.learning_rate=0.01",
    "answer.max_new_tokens=12",
    "answer.arms=[base, tuned]",
    "judge.contrasts=['tuned:base']",
)


@pytest.fixture(scope="module")
def small(prefect_server, tmp_path_factory):
    """A run that is landed up to its scores, with answers of a model that was changed."""
    folder = tmp_path_factory.mktemp("judges")
    save_pages(folder / "papers")
    run(folder / "papers", folder / "data", *TRAINED)
    return folder


def judged(folder, responder, *overrides, judges="[llm]"):
    """(store, run_id, requests) of the run over the same papers with a judge that answers as ``responder`` does."""
    with ScriptedServer(responder) as server:
        model = f"{{model: openai/judge, base_url: '{server.base_url}', api_key_env: '', max_attempts: 1, timeout_seconds: 60}}"
        named = f"judge.llm.model={model}", f"judge.judges={judges}", "judge.controls.n_pairs=12"
        try:
            run_id = run(folder / "papers", folder / "data", *TRAINED, *named, *overrides)
        finally:
            close_providers()
        return Warehouse(folder / "data"), run_id, server.n_requests


def controls_of(store, run_id):
    return {row.control: row for row in read_trust(store, run_id).controls}


def rows(store, run_id, sql):
    return query(store, sql, run_id).to_pylist()


def position(store, run_id):
    (row,) = rows(store, run_id, "from position_consistency where starts_with(judge, 'llm')")
    return row


@pytest.fixture
def own(small, tmp_path):
    """The landed run in a warehouse of the test's own: what one stub said is not another's memory."""
    import shutil

    shutil.copytree(small, tmp_path / "own", symlinks=True)
    return tmp_path / "own"


@pytest.mark.long
def test_a_judge_that_names_the_first_answer_is_unfit_and_shows_no_winner(own, capsys):
    store, run_id, _ = judged(own, always_first)

    estimates = rows(store, run_id, "from estimates where n_planned > 0")
    assert {(row["rate"], row["n_ties"] == row["n"]) for row in estimates} == {(0.5, True)}
    assert (position(store, run_id)["consistency"], position(store, run_id)["first_bias"], position(store, run_id)["is_unstable"]) == (
        0,
        1,
        True,
    )
    passed = {name: row.is_passed for name, row in controls_of(store, run_id).items()}
    assert [passed[name] for name in ("K1", "K2", "K3", "K4")] == [True, False, False, False]
    assert verdict_text(store, run_id).startswith("judge unfit: K2, K3, K4")
    assert "judge unfit: K2, K3, K4" in write_report(store, run_id).read_text()
    assert main(["gate", "--warehouse", str(store.root), "--contrast", "tuned:base", "--min-win-rate", "0", "--on", "rate"]) == 1
    assert "judge unfit: K2, K3, K4" in capsys.readouterr().err
    assert [check.name for check in run_checks(store) if not check.holds] == []


@pytest.mark.long
def test_a_judge_that_names_the_longer_answer_fails_the_repeated_list(own):
    store, run_id, _ = judged(own, always_longer)

    assert "K5" in read_trust(store, run_id).unfit(rows(store, run_id, "select distinct judge from estimates")[0]["judge"])
    length = rows(store, run_id, "from length_controls where n > 5")
    assert any(row["is_separated"] for row in length)


@pytest.mark.long
def test_a_judge_that_knows_the_tuned_models_answers_gives_it_every_question(own):
    store = Warehouse(own / "data")
    answers = {arm: set() for arm in ("tuned", "base")}
    for row in rows(store, None, "select arm, answer from answers"):
        answers[row["arm"]].add(row["answer"])
    assert not answers["tuned"] & answers["base"]

    store, run_id, _ = judged(own, always_one_of(answers["tuned"]))

    assert {row["rate"] for row in rows(store, run_id, "from estimates where n > 0")} == {1.0}
    assert position(store, run_id)["consistency"] == 1


@pytest.mark.long
def test_a_coin_says_the_same_of_half_the_questions(own):
    store, run_id, _ = judged(own, coin)

    steady = position(store, run_id)
    assert steady["n"] >= 20
    assert abs(steady["consistency"] - 0.5) < 2.6 * (0.25 / steady["n"]) ** 0.5  # 99 % of coins
    assert not controls_of(store, run_id)["K2"].is_passed


def test_an_oracle_passes_every_control_and_its_word_is_the_headline(own, capsys):
    store, run_id, n_asked = judged(own, oracle)

    found = controls_of(store, run_id)
    assert sorted(found) == [f"K{n}" for n in range(1, 9)]
    assert all(row.is_passed and row.n >= 12 for row in found.values())
    text = verdict_text(store, run_id)
    assert "unfit" not in text.splitlines()[0]
    assert "judge llm/1 openai/judge #" in text.splitlines()[0]
    assert main(["gate", "--warehouse", str(store.root), "--contrast", "tuned:base", "--min-win-rate", "0", "--on", "rate"]) == 0
    assert len(rows(store, run_id, "from llm_calls where stage = 'judge'")) <= n_asked

    _, again, n_again = judged(own, oracle)
    assert n_again == 0
    assert [row["rate"] for row in rows(store, again, "from win_rate")] == [row["rate"] for row in rows(store, run_id, "from win_rate")]


@pytest.mark.long
def test_another_temperature_is_another_judge_and_votes_are_asked_each(own):
    store, run_id, n_asked = judged(own, oracle)
    (before,) = rows(store, run_id, "select distinct judge from verdicts")

    store, run_id, n_more = judged(own, oracle, "judge.llm.votes=3", "judge.llm.model.temperature=0.7")

    (after,) = rows(store, run_id, "select distinct judge from verdicts")
    assert after != before
    assert 2.5 * n_asked < n_more <= 3 * n_asked
    assert rows(store, run_id, "select distinct vote from verdicts order by vote") == [{"vote": 0}, {"vote": 1}, {"vote": 2}]


@pytest.mark.long
def test_two_judges_stand_side_by_side_with_their_agreement(own):
    store, run_id, _ = judged(own, marking, judges="[rubric, similarity]")

    assert {row["judge"].split("/")[0] for row in rows(store, run_id, "select distinct judge from estimates")} == {"rubric", "similarity"}
    assert {row["order"] for row in rows(store, run_id, 'select distinct "order" from verdicts')} == {"none"}
    assert rows(store, run_id, "from judge_agreements where n > 0")
    kinds = {(row["what"], row["judge"].split("/")[0]) for row in rows(store, run_id, "from judge_trust")}
    assert {("control", "rubric"), ("control", "similarity")} <= kinds
    assert "How the judges do where the winner is known" in verdict_text(store, run_id)


def test_two_models_judge_side_by_side_and_their_kappa_is_the_known_one(own):
    store = Warehouse(own / "data")
    asked = rows(
        store, None,
        "select q.question, t.answer as tuned from splits s join qa_pairs q using (pair_id) "
        "join answers t on t.pair_id = q.pair_id and t.arm = 'tuned' where s.split = 'test_unseen_document' order by q.pair_id",
    )  # fmt: skip
    # of 50 questions both models name tuned on 20, the first alone on 5, the second alone on 10, neither on 15: kappa .4
    wins = {"first": {*range(25)}, "second": {*range(20), *range(25, 35)}}
    place = {" ".join(row["question"].split()): (at, " ".join(row["tuned"].split())) for at, row in enumerate(asked)}
    assert len(place) == len(asked) >= 50

    def respond(request):
        question, _, _, first, _ = (" ".join(block.split()) for block in blocks(request))
        at, tuned = place.get(question, (50, ""))
        if at >= 50:
            return "No verdict."
        return "[[FIRST]]" if (first == tuned) == (at in wins[request["model"]]) else "[[SECOND]]"

    def run_with(server, first, second):
        model = "{{model: openai/{}, base_url: '{}', api_key_env: '', max_attempts: 1}}".format
        models = (f"judge.{place}.model={model(name, server.base_url)}" for place, name in (("llm", first), ("llm_second", second)))
        try:
            return run(own / "papers", own / "data", *TRAINED, *models, "judge.judges=[llm, llm_second]", "judge.controls.n_pairs=0")
        finally:
            close_providers()

    with ScriptedServer(respond) as server:
        run_id = run_with(server, "first", "second")
        n_asked = server.n_requests
        swapped = run_with(server, "second", "first")
        assert server.n_requests == n_asked  # the same model is the same judge in either place

    for name in (run_id, swapped):
        (row,) = rows(store, name, "from judge_agreements where split = 'test_unseen_document'")
        assert [judge.split(" #")[0] for judge in row["judges"]] == ["llm/1 openai/first", "llm/1 openai/second"]
        assert (row["n"], row["agreement"], row["statistic"]) == (50, 0.7, "cohen")
        assert row["value"] == pytest.approx(0.4)
    assert {
        row["judge"].split(" #")[0]: row["n_wins"] for row in rows(store, run_id, "from estimates where split = 'test_unseen_document'")
    } == {
        "llm/1 openai/first": 25,
        "llm/1 openai/second": 30,
    }
    assert [check.name for check in run_checks(store) if not check.holds] == []


@pytest.mark.long
def test_calls_that_can_heal_leave_the_verdict_open_and_are_asked_again_alone(own):
    asked = []

    def failing(request):
        asked.append(request)
        return FAULTS["500"]() if len(asked) % 5 == 0 else oracle(request)

    with pytest.raises(RetryableUnits):
        judged(own, failing)
    store = Warehouse(own / "data")
    broken = rows(store, None, "select reply from verdicts where verdict = 'error'")
    assert broken
    assert all(row["reply"].startswith("unavailable: ") for row in broken)

    store, run_id, n_again = judged(own, oracle)

    assert 0 < n_again <= len(asked) / 5 + 1
    assert rows(store, run_id, "from verdicts where verdict = 'error'") == []

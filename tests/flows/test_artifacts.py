"""What Prefect's pages show of a run: its verdict, its figures and its losses, with nothing in them that Prefect would render."""

import json

import pytest

from tasks.statistics import ReportParams

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def latest(prefect_server, land_hostile_run):
    """The latest artifact of each key, after a run was published."""
    from prefect import flow
    from prefect.client.orchestration import get_client

    from flows.artifacts import publish

    store, _ = land_hostile_run()
    flow(publish, persist_result=False, validate_parameters=False)(store, "r1", ReportParams())
    with get_client(sync_client=True) as client:
        found = client.request("POST", "/artifacts/latest/filter", json={}).json()
    return {artifact["key"]: artifact for artifact in found}


def test_the_scorecard_holds_the_verdict_as_inert_markdown(latest):
    text = latest["scorecard"]["data"]

    assert "between tuned and base in stating the reference fact" in text
    assert "too_short" in text
    assert "<" not in text
    assert "[" not in text.replace("\\[", "")


def test_estimates_and_rejections_are_tables(latest):
    estimates, rejections = (json.loads(latest[key]["data"]) for key in ("estimates", "rejections"))

    assert {(row["contrast"], row["split"]) for row in estimates} >= {("tuned:base", "test_rephrased"), ("tuned:base", "test_unseen_fact")}
    told = {(row["stage"], row["reason"], row["n"]) for row in rejections}
    assert told == {("generate", "kind_references", 1), ("curate", "too_short", 1)}


def test_the_interval_plot_is_a_small_image(latest):
    assert latest["intervals"]["data"].startswith("data:image/svg+xml;base64,")
    assert len(latest["intervals"]["data"]) < 4000

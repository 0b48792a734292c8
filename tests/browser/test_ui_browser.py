"""Prefect's UI in a real browser, on a real `tunehouse up`: what is listed and explained, runs started and retried by mouse."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..endpoint import Endpoint, settings
from ..served import PAPERS, Served

pytestmark = [pytest.mark.slow, pytest.mark.long]
DEPLOYMENTS = ("compare", "finetune", "ingest", "pipeline", "report", "rerun-unit", "synthesize", "verify")
SICK = "Fernwick G40"  # as the title of this one says
SICK_FILE = "fernwick-g40-handbook.pdf"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint(SICK)
    with endpoint.server:
        yield endpoint


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, endpoint: Endpoint) -> Iterator[Served]:
    import yaml

    folder = tmp_path_factory.mktemp("ui")
    papers = folder / "papers"
    papers.mkdir()
    for path in sorted(PAPERS.glob("*.pdf"))[:3]:
        shutil.copy(path, papers)
    (folder / "run.yaml").write_text(yaml.safe_dump({"generate": settings(endpoint.server)}))
    served = Served(folder)
    try:
        served.up(str(papers), "--config", str(folder / "run.yaml"))
        yield served
        served.down()
    finally:
        served.kill_all()


def started(served: Served, deployment: str, before: set[str]) -> str:
    """The id of the flow run that a click has started."""
    own = served.deployment(f"{deployment}/{deployment}")["id"]
    wanted: dict[str, Any] = {"deployments": {"id": {"any_": [own]}}, "sort": "EXPECTED_START_TIME_DESC"}
    new: list[str] = []

    def there() -> bool:
        new[:] = [run["id"] for run in served.api("POST", "/flow_runs/filter", wanted) if run["id"] not in before]
        return bool(new)

    served.until(there, 30, f"a run of {deployment}")
    return new[0]


def press_run(browser: Any, served: Served, deployment: str) -> str:
    """Open a deployment's form, take it as it is, and start it by mouse. Returns the flow run's id."""
    own = served.deployment(f"{deployment}/{deployment}")["id"]
    wanted = {"deployments": {"id": {"any_": [own]}}}
    before = {run["id"] for run in served.api("POST", "/flow_runs/filter", wanted)}
    browser.open(f"{served.url}/deployments/deployment/{own}/run")
    browser.wait_for("Parameters")
    browser.wait_for("Longest a file may take in all")
    browser.settle()
    for _ in range(3):
        browser.click("Submit")
        if browser.becomes("!location.pathname.endsWith('/run')"):
            break
    return started(served, deployment, before)


def test_every_deployment_and_its_schedule_is_listed(browser, served):
    browser.open(f"{served.url}/deployments")
    browser.wait_for("8 Deployments")
    browser.wait_for("verify")
    browser.photograph("deployments")
    listed = browser.see(
        "[...document.querySelectorAll('a')].filter(a => a.href.includes('/deployments/deployment/')).map(a => a.innerText)"
    )

    assert set(DEPLOYMENTS) <= {name.strip() for name in listed}
    browser.open(f"{served.url}/deployments/deployment/{served.deployment('pipeline/pipeline')['id']}")
    browser.wait_for("nightly")
    browser.wait_for("auto-scheduled", 90)  # the scheduler has made the next runs
    browser.photograph("pipeline")


def descriptions(group: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    """Of every field that the form has an input for; what a list or a mapping holds has none until something is added to it."""
    found = []
    for shown in group.get("properties", {}).values():
        found.append(shown["description"])
        if "$ref" in shown:
            found += descriptions(definitions[shown["$ref"].rpartition("/")[2]], definitions)
    return found


def test_the_run_form_explains_every_setting_and_calls_nobody(browser, served):
    deployment = served.deployment("pipeline/pipeline")
    browser.open(f"{served.url}/deployments/deployment/{deployment['id']}/run")
    browser.wait_for("Statistics.")
    browser.settle()
    browser.photograph("form")
    seen = browser.text()
    schema = deployment["parameter_openapi_schema"]
    wanted = [" ".join(text.replace("`", "").split()) for text in descriptions(schema, schema["definitions"])]

    assert len(wanted) > 100
    assert sorted({text for text in wanted if text not in seen}) == []
    assert [
        event["request"]["url"][:80]
        for event in browser.said("Network.requestWillBeSent")
        if not event["request"]["url"].startswith((served.url, "data:", "blob:"))
    ] == []


def test_a_run_started_by_mouse_completes(browser, served):
    run = press_run(browser, served, "ingest")

    state = served.ended(run)
    assert state["type"] == "COMPLETED", state["message"]
    assert served.stages() == {"ingest": 3, "chunk": 3, "embed": 3}
    browser.open(f"{served.url}/runs/flow-run/{run}")
    browser.wait_for("Completed")
    browser.photograph("completed")


def test_a_sick_endpoint_fails_the_run_by_name_and_the_retry_button_does_that_document_alone(browser, served, endpoint):
    run = press_run(browser, served, "synthesize")

    assert served.ended(run)["type"] == "FAILED"
    browser.open(f"{served.url}/runs/flow-run/{run}")
    browser.wait_for("Failed")
    browser.wait_for(SICK_FILE)
    browser.photograph("failed")
    before, n_asked = served.commits(), endpoint.server.n_requests

    endpoint.server.heal()
    browser.click("Retry")
    browser.wait_for("This will retry flow run", 30)
    browser.photograph("retry")
    browser.click("Retry")

    served.until(lambda: served.state(run)["type"] != "FAILED", 30, "the retry")
    assert served.ended(run)["type"] == "COMPLETED"
    changed = [said for unit, said in served.commits().items() if before.get(unit) != said]
    of_one_document = [said for said in changed if "documents @" not in said]
    assert sorted(said.split(":")[0] for said in of_one_document) == ["curate", "generate"]
    assert all(SICK_FILE in said for said in of_one_document)
    assert {said.split(":")[0] for said in changed} == {"generate", "curate", "deduplicate", "split"}
    assert all(
        SICK in asked.request["messages"][-1]["content"] or "Question: " in asked.request["messages"][-1]["content"]
        for asked in endpoint.server.asked[n_asked:]
    )
    browser.open(f"{served.url}/runs/flow-run/{run}")
    browser.wait_for("Completed")
    browser.photograph("retried")


def test_nothing_is_left_running(served):
    served.down()

    assert served.pid("server") is None
    assert not Path(served.home / "server.process").exists()

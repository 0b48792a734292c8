"""A schedule that really fires: it finds a new PDF and does that one's units; with nothing new it says so within seconds."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..served import PAPERS, ROOT, Served

pytestmark = [pytest.mark.slow, pytest.mark.ops]
EVERY_SECONDS = 12


def often(folder: Path) -> Path:
    """`deployments/prefect.yaml` with *ingest* alone, every few seconds."""
    given = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())
    (ingest,) = (entry for entry in given["deployments"] if entry["name"] == "ingest")
    given["deployments"] = [ingest | {"schedules": [{"interval": EVERY_SECONDS, "slug": "often", "active": True}]}]
    path = folder / "often.yaml"
    path.write_text(yaml.safe_dump(given))
    return path


def test_a_schedule_fires_finds_the_new_pdf_and_says_when_there_is_none(tmp_path):
    served, papers = Served(tmp_path), tmp_path / "papers"
    papers.mkdir()
    first, second = sorted(PAPERS.glob("*.pdf"))[:2]
    shutil.copy(first, papers)

    def said() -> list[tuple[str, float]]:
        """(message, seconds) of every completed run of the schedule, newest first."""
        asked: dict[str, Any] = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}, "sort": "END_TIME_DESC"}
        runs = served.api("POST", "/flow_runs/filter", asked)
        return [(run["state"]["message"], run["total_run_time"]) for run in runs if run["auto_scheduled"] and run["deployment_id"]]

    try:
        assert f"every 0:00:{EVERY_SECONDS}" in served.up(str(papers), "--deployments", str(often(tmp_path)), "--workers", "cpu")
        served.until(lambda: any(message == "3 of 3 units done, the others stood" for message, _ in said()), 120, "the first run")
        served.until(lambda: any(message == "0 units to do: all 3 stood" for message, _ in said()), 60, "a run with nothing new")
        assert min(seconds for message, seconds in said() if message.startswith("0 units")) < 10

        before = served.commits()
        shutil.copy(second, papers)
        served.until(lambda: any(message == "3 of 6 units done, the others stood" for message, _ in said()), 90, "a run with one new PDF")
        new = {unit: what for unit, what in served.commits().items() if unit not in before}
        assert sorted(what.split(":")[0] for what in new.values()) == ["chunk", "embed", "ingest"]
        assert all(second.name in what for what in new.values())
        assert {unit: served.commits()[unit] for unit in before} == before
        served.down()
    finally:
        served.kill_all()

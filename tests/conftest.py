"""A finished run in which every text is hostile, for what shows runs to people: the report and the browser that opens it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # weights are the same to the bit for as many threads, here and in processes that tests start

SENTENCE = "The torque of the K-2 valve is 42 Nm."
HOSTILE = "\u202e</script><img src=x onerror=alert(1)>\x07<a href='javascript:alert(1)'>`{{ 7*7 }}` \" ' --> ]]>"
SPLITS = ("test_rephrased", "test_unseen_fact")


def _pdf(path: Path) -> Path:
    import pymupdf

    library: Any = pymupdf
    with library.open() as document:
        page = document.new_page(width=595, height=842)
        page.insert_text((72, 90), "Service manual", fontsize=22)
        for rank, line in enumerate(("The pump stands in the yard and is painted blue all over.", SENTENCE, "Ask the maker for parts.")):
            page.insert_text((72, 300 + 16 * rank), line, fontsize=11)
        document.save(path)
    return path


def _land(folder: Path, sources: Path, *, n_questions: int = 24) -> Any:
    """Land a run over one real PDF with ``n_questions`` test questions; arm `tuned` states every third fact, `base` none."""
    from tasks.find_files import find_files
    from tasks.judge import JudgeParams
    from tasks.outcomes import make_arm_rates, make_estimates
    from tasks.read_pdf import read_document
    from tasks.statistics import ReportParams
    from tasks.units import Unit, record_units
    from warehouse import tables as t
    from warehouse.store import Warehouse

    (source,) = find_files([sources]).files
    read = read_document(source)
    document, at = read.document.document_id, read.pages[0].text.index(SENTENCE)
    names = [f"p{rank:02}" for rank in range(n_questions)]
    states = {(name, arm): arm == "tuned" and rank % 3 == 0 for rank, name in enumerate(names) for arm in ("base", "tuned")}
    said = {True: "It is 42 Nm.", False: f"It is 35 Nm. {HOSTILE}"}
    splits = [t.SplitRow(name, document, f"f-{name}", f"l-{name}", SPLITS[rank % 2]) for rank, name in enumerate(names)]
    scores = [t.Score(f"{name}-{arm}", name, arm, value, 4, 0.5, 0.5, 0.25, 0.1, 0.5, 0.5, None) for (name, arm), value in states.items()]
    verdicts = [
        t.Verdict(f"v-{name}", "tuned:base", name, "similarity/1", "none", 0, "first" if states[name, "tuned"] else "tie", "")
        for name in names
    ]
    judging, params = JudgeParams(contrasts=("tuned:base",)), ReportParams()
    question = f"What is the torque? {HOSTILE}"
    rows: dict[Any, list[Any]] = {
        t.DOCUMENTS: [read.document],
        t.PAGES: read.pages,
        t.PAGE_LINES: read.lines,
        t.CHUNKS: [
            t.Chunk("c1", document, 0, f"Data {HOSTILE}", "body", SENTENCE, 9),
            t.Chunk("c2", document, 1, "", "references", "[1]", 3),
        ],
        t.QA_PAIRS: [
            t.QaPair(name, document, "c1", f"f-{name}", 0, question, question, SENTENCE, "42 Nm", "number", "p", "extractive/1")
            for name in [*names, "dropped"]
        ],
        t.EVIDENCE: [t.Evidence(f"e-{name}", name, document, 0, 1, at, len(SENTENCE), SENTENCE, ()) for name in names],
        t.REJECTED: [
            t.Rejected("r1", "generate", "c2", document, "kind_references", ""),
            t.Rejected("r2", "curate", "dropped", document, "too_short", ""),
        ],
        t.SPLITS: splits,
        t.ADAPTERS: [t.Adapter("a1", "tiny", "0" * 64, "weights/a1", "1" * 64, 8, 100, 1.0, 2.0, is_live=True)],
        t.TRAINING_RUNS: [
            t.TrainingRun("a1", 9, 1, 2, 2, 99, 20, 2.0, 1.0, 1.5, 3.0, "epochs", 0, "cpu", "float32", ()),
        ],
        t.TRAINING_STEPS: [t.TrainingStep(f"s{n}", "a1", n, 2.0 / n, 0.001, 1.0, 100, 0.5) for n in (1, 2)],
        t.ANSWERS: [
            t.Answer(f"{name}-{arm}", name, arm, "tiny", "a1" if arm == "tuned" else None, said[value], 9, 4, "stop")
            for (name, arm), value in states.items()
        ],
        t.SCORES: scores,
        t.VERDICTS: verdicts,
        t.ESTIMATES: make_estimates(verdicts, splits, judging, params),
        t.ARM_RATES: make_arm_rates(scores, splits, ("base", "tuned"), params),
    }
    store = Warehouse(folder)
    store.prepare()
    chosen = {"answer": {"arms": ["base", "tuned"]}, "judge": {"contrasts": ["tuned:base"]}, "train": {"base_model": HOSTILE}}
    settings = json.dumps({"sources": [str(sources)], **chosen})
    store.land("run-r1", {t.RUNS: [t.Run("r1", "2026-01-01T10:00:00", "", settings, "{}", "abc", False, '{"split": 0}')]}, stage="run")
    store.land("unit", rows, stage="report")
    record_units(store, "r1", "report", [Unit("unit", "report", "everything")])
    store.land("end-r1", {t.RUN_RESULTS: [t.RunResult("r1", "2026-01-01T11:00:00", "completed", 1, 1, 0, 0, "")]}, stage="run")
    return store


@pytest.fixture(scope="session")
def land_hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """``land_hostile_run(n_questions=)`` -> (warehouse, folder of its PDF)."""

    def land(**options: Any) -> Any:
        folder = tmp_path_factory.mktemp("hostile")
        sources = folder / "<b>papers"
        sources.mkdir()
        _pdf(sources / "<img src=x onerror=alert(1)>.pdf")
        return _land(folder / "data", sources, **options), sources

    return land

"""The whole run on real PDFs, a real Prefect server, real training of the demo's base model (for a few steps)."""

import collections
import shutil
from pathlib import Path

import pymupdf
import pytest

from flows.run_config import RunConfig, load_config
from tests.endless import endless_page
from warehouse.checks import run_checks
from warehouse.errors import ConfigError, RetryableUnits
from warehouse.store import Warehouse
from warehouse.tables import TABLES
from warehouse.views import query

from .conftest import PAPERS, ROOT

pytestmark = pytest.mark.slow
FEW = 3


def settings(folder: Path, warehouse: Path, *overrides: str) -> RunConfig:
    small = (
        f"train.base_model={ROOT}/deployments/demo/tiny_base",
        "train.max_steps=4",
        "answer.max_new_tokens=8",
        "generate.max_facts_per_chunk=4",
        "split.rephrased_share=0.3",
        "split.unseen_document_share=0.3",
    )
    return load_config(None, [*small, *overrides], sources=(str(folder),), warehouse=str(warehouse))


def units(warehouse: Path) -> collections.Counter:
    return collections.Counter(commit.stage for commit in Warehouse(warehouse).commits() if commit.stage != "run")


def run(config: RunConfig) -> collections.Counter:
    """Run the pipeline; return how many units it committed at each stage."""
    from flows.pipeline import pipeline

    before = units(Path(config.warehouse))
    pipeline(config)
    return units(Path(config.warehouse)) - before


@pytest.fixture(scope="module")
def papers(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("papers")
    for path in sorted(PAPERS.glob("*.pdf"))[:FEW]:
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def first(prefect_server, papers, tmp_path_factory) -> tuple[Path, collections.Counter]:
    warehouse = tmp_path_factory.mktemp("run") / "data"
    return warehouse, run(settings(papers, warehouse))


FILLED_OTHERWISE = {
    *("placebo_answers", "pair_scores", "llm_calls", "call_estimates", "reviews"),  # a placebo, a model that is asked, a person
    *("unit_failures", "tombstones"),  # what goes wrong
    *("judge_agreements", "calibrations", "labels"),  # a second judge, a person's labels
    *("choice_scores", "choice_rates", "specific_gains"),  # the judge loglik
    *("probes", "format_rates", "format_spreads", "format_gains", "elicitations", "knowledge_slices", "slice_rates"),  # asked otherwise
    *("run_comparisons", "gates", "imported_judgements", "sweep_runs"),  # commands
    *("preference_pairs", "preference_questions", "preference_examples"),  # prefer
}


def test_one_run_fills_every_table_but_those_that_need_more_than_pdfs(first):
    warehouse, done = first
    store = Warehouse(warehouse)

    empty = {table.name for table in TABLES if query(store, f"select count(*) as n from {table.name}").to_pylist()[0]["n"] == 0}

    assert empty <= FILLED_OTHERWISE
    assert done["ingest"] == done["chunk"] == done["generate"] == done["curate"] == FEW
    assert done["split"] == done["train"] == done["report"] == 1


def test_every_claim_holds_and_every_file_is_as_committed(first):
    store = Warehouse(first[0])

    assert {check.name: check.offenders.to_pylist()[:3] for check in run_checks(store) if not check.holds} == {}
    assert store.verify() == []


def test_every_commit_names_the_flow_and_task_run_that_made_it(first):
    commits = [commit for commit in Warehouse(first[0]).commits() if commit.stage != "run"]

    assert all(commit.flow_run_id and commit.task_run_id for commit in commits)


def test_a_second_run_does_nothing(first, papers):
    assert run(settings(papers, first[0])) == {}
    assert query(Warehouse(first[0]), "select n_units_done, status from run_results order by finished_at desc limit 1").to_pylist() == [
        {"n_units_done": 0, "status": "completed"}
    ]


def test_a_changed_tie_band_redoes_judging_and_the_report_alone(first, papers):
    done = run(settings(papers, first[0], "judge.tie_band=0.1"))

    assert set(done) == {"controls", "judge", "report"}


def test_views_answer_for_one_run_when_settings_differ(first):
    store = Warehouse(first[0])

    one = query(store, "select count(*) as n from verdicts").to_pylist()
    every = query(store, "select count(*) as n from verdicts group by run_id", "all").to_pylist()

    assert len(every) >= 2
    assert {row["n"] for row in every} == {one[0]["n"]}


def test_one_more_pdf_computes_its_own_units_and_what_reads_them(first, papers, tmp_path):
    folder = shutil.copytree(papers, tmp_path / "papers")
    shutil.copy(sorted(PAPERS.glob("*.pdf"))[FEW], folder / "0-first-by-name.pdf")
    old = {row["pair_id"]: row["split"] for row in query(Warehouse(first[0]), "select pair_id, split from splits").to_pylist()}

    done = run(settings(folder, first[0]))

    assert {stage: done[stage] for stage in ("ingest", "chunk", "embed", "generate", "curate")} == dict.fromkeys(
        ("ingest", "chunk", "embed", "generate", "curate"), 1
    )
    new = {row["pair_id"]: row["split"] for row in query(Warehouse(first[0]), "select pair_id, split from splits").to_pylist()}
    assert {pair: split for pair, split in new.items() if pair in old} == old


def odd_folder(folder: Path) -> Path:
    folder.mkdir()
    good = sorted(PAPERS.glob("*.pdf"))[:2]
    shutil.copy(good[0], folder / "good.pdf")
    shutil.copy(good[0], folder / "the same again.pdf")
    shutil.copy(good[1], folder / "trailing.pdf ")
    (folder / "empty.pdf").write_bytes(b"")
    (folder / "text.pdf").write_text("only text\n")
    with pymupdf.open(good[0]) as pdf:
        pdf.save(folder / "locked.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret", owner_pw="more")
        image = pdf[0].get_pixmap()
    with pymupdf.open() as scan:
        scan.new_page().insert_image(pymupdf.Rect(0, 0, 500, 700), pixmap=image)
        scan.save(folder / "scan.pdf")
    return folder


def test_odd_files_get_a_row_each_and_stop_nothing(prefect_server, tmp_path):
    warehouse = tmp_path / "data"

    run(settings(odd_folder(tmp_path / "odd"), warehouse))

    rows = query(Warehouse(warehouse), "select file_name, status from documents").to_pylist()
    assert {row["file_name"]: row["status"] for row in rows} == {
        "good.pdf": "ok",
        "the same again.pdf": "duplicate",
        "trailing.pdf ": "ok",
        "empty.pdf": "empty",
        "text.pdf": "not_pdf",
        "locked.pdf": "needs_password",
        "scan.pdf": "no_text",
    }
    (result,) = query(Warehouse(warehouse), "from run_results").to_pylist()
    assert (result["status"], result["n_warnings"]) == ("completed", 5)


def test_a_folder_with_nothing_usable_is_an_error(prefect_server, tmp_path):
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "text.pdf").write_text("only text\n")

    with pytest.raises(ConfigError, match=r"text\.pdf: not_pdf"):
        run(settings(folder, tmp_path / "data"))


def test_what_cannot_be_read_now_leaves_the_rest_done_and_is_asked_for_again(prefect_server, papers, tmp_path):
    warehouse, folder = tmp_path / "data", tmp_path / "papers"
    folder.mkdir()
    shutil.copy(min(papers.glob("*.pdf")), folder)
    with pymupdf.open() as pdf:
        endless_page(pdf)
        pdf.save(folder / "endless.pdf")
    config = settings(folder, warehouse, "ingest.deadline_seconds=4", "ingest.plain_seconds=2", "split.unseen_unit=fact")

    with pytest.raises(RetryableUnits, match=r"1 of .* units are still to do: ingest of endless\.pdf"):
        run(config)

    store = Warehouse(warehouse)
    rows = query(store, "select file_name, status from documents order by status").to_pylist()
    assert [row["status"] for row in rows] in (["ok", "timeout"], ["memory", "ok"])  # whichever a machine is out of first
    assert query(store, "select status, n_pending from run_results").to_pylist() == [{"status": "incomplete", "n_pending": 1}]
    before = {commit.unit_id: commit.committed_at for commit in store.commits() if commit.stage != "run"}
    with pytest.raises(RetryableUnits):
        run(config)
    again = [
        commit.label for commit in Warehouse(warehouse).commits() if before.get(commit.unit_id, commit.committed_at) != commit.committed_at
    ]
    assert again == ["endless.pdf"]


def test_the_placebo_is_trained_beside_and_judged(prefect_server, papers, first):
    arms = "answer.arms=[base, base_rag, tuned, tuned_rag, placebo]"

    done = run(settings(papers, first[0], arms, "judge.contrasts=['tuned:base', 'tuned:placebo']"))

    store = Warehouse(first[0])
    assert set(done) == {"placebo", "answer", "score", "judge", "report"}
    assert query(store, "select count(*) as n from placebo_answers").to_pylist()[0]["n"] > 0
    assert {row["contrast"] for row in query(store, "select contrast from estimates").to_pylist()} == {"tuned:base", "tuned:placebo"}
    assert {check.name: check.offenders.to_pylist()[:3] for check in run_checks(store) if not check.holds} == {}

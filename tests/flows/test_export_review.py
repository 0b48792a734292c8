"""A real run, its sheet edited by hand and taken in again, and its pairs exported: by the commands that people type."""

import csv
import io
import json
from pathlib import Path

import pytest

from flows.cli import main
from warehouse.checks import run_checks
from warehouse.store import Warehouse
from warehouse.views import query

from .small_runs import done_since, records, run, save_pages

pytestmark = [pytest.mark.slow, pytest.mark.long]
STRICT = "curate.max_question_words=13"  # so that there is something for a person to keep


@pytest.fixture(scope="module")
def first(prefect_server, tmp_path_factory) -> tuple[Path, Path]:
    """A finished run: (folder of papers, warehouse)."""
    folder = tmp_path_factory.mktemp("reviewed")
    save_pages(folder / "papers")
    run(folder / "papers", folder / "data", STRICT)
    return folder / "papers", folder / "data"


def rows(warehouse: Path, sql: str) -> list[dict]:
    return query(Warehouse(warehouse), sql).to_pylist()


def test_what_people_decide_wins_in_the_next_run_and_only_what_depends_on_it_is_done_again(first, tmp_path, capsys):
    papers, warehouse = first
    store = Warehouse(warehouse)
    held_out = rows(warehouse, "select min(document_id) as name from splits where split = 'test_unseen_document'")[0]["name"]
    tested = rows(warehouse, f"select pair_id from splits where document_id = '{held_out}' order by pair_id")
    refused = rows(
        warehouse, f"select item_id from rejected where document_id = '{held_out}' and reason = 'question_length' order by item_id"
    )
    edits = {
        tested[0]["pair_id"]: {"decision": "drop", "note": "nobody asks that"},
        tested[1]["pair_id"]: {"decision": "change", "answer": "It is as a person put it.", "answer_key": ""},
        refused[0]["item_id"]: {"decision": "keep"},
        tested[2]["pair_id"]: {"decision": "perhaps"},
    }
    sheet = tmp_path / "pairs.csv"
    assert main(["review", "export", "--out", str(sheet), "--warehouse", str(warehouse)]) == 0
    lines = list(csv.DictReader(io.StringIO(sheet.read_text(encoding="utf-8-sig"), newline="")))
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, lines[0].keys())
        writer.writeheader()
        writer.writerows([line | edits.get(line["pair_id"], {}) for line in lines])
    untouched = tmp_path / "untouched.csv"
    assert main(["review", "export", "--out", str(untouched), "--warehouse", str(warehouse)]) == 0
    capsys.readouterr()
    assert main(["review", "import", str(untouched), "--reviewer", "Ann", "--warehouse", str(warehouse)]) == 0
    assert "no line has a decision" in capsys.readouterr().out

    assert main(["review", "import", str(sheet), "--reviewer", "Ann", "--warehouse", str(warehouse)]) == 1
    said = capsys.readouterr().out
    assert "3 decisions taken in (1 keep, 1 drop, 1 change), 0 stood already" in said
    assert "1 lines were not taken:\nline " in said
    assert "'perhaps' is no decision" in said

    before = records(store)
    run(papers, warehouse, STRICT)

    done = list(done_since(store, before).values())
    assert done.count("curate") == 1
    assert not {"ingest", "chunk", "embed", "generate", "train"} & set(done)  # the document is tested on, and trains nobody
    (new,) = rows(warehouse, "select pair_id, parent_id, fact_id from qa_pairs where generator = 'person'")
    assert new["parent_id"] == tested[1]["pair_id"]
    overruled = rows(warehouse, "select item_id, reason from rejected where reason like '%_by_reviewer'")
    assert {row["item_id"]: row["reason"] for row in overruled} == {
        tested[0]["pair_id"]: "dropped_by_reviewer",
        tested[1]["pair_id"]: "changed_by_reviewer",
    }
    assert [row["flags"] for row in rows(warehouse, f"select flags from kept_pairs where pair_id = '{refused[0]['item_id']}'")] == [
        ["kept_by_reviewer"]
    ]
    counts = {
        table: rows(warehouse, f"select count(*) as n from {table} where pair_id = '{new['pair_id']}'")[0]["n"]
        for table in ("splits", "answers", "scores", "evidence")
    }
    assert counts == {"splits": 1, "answers": 4, "scores": 4, "evidence": counts["evidence"]}
    assert counts["evidence"] > 0
    assert rows(warehouse, f"select distinct reference from question_outcomes where pair_id = '{new['pair_id']}'") == [
        {"reference": "It is as a person put it."}
    ]
    assert {check.name: check.offenders.to_pylist()[:3] for check in run_checks(store) if not check.holds} == {}

    before = records(store)
    assert main(["review", "import", str(sheet), "--reviewer", "Ann", "--warehouse", str(warehouse)]) == 1
    assert "0 decisions taken in (0 keep, 0 drop, 0 change), 3 stood already" in capsys.readouterr().out
    run(papers, warehouse, STRICT)
    assert done_since(store, before) == {}


def test_pairs_go_out_by_split_with_a_card(first, tmp_path, capsys):
    _, warehouse = first
    out = tmp_path / "out"

    words = ["export", "--format", "alpaca", "--split", "train", "--split", "validation", "--licence", "cc-by-4.0", "--out", str(out)]
    assert main([*words, "--warehouse", str(warehouse)]) == 0

    n_train = rows(warehouse, "select count(*) as n from splits where split = 'train'")[0]["n"]
    assert len((out / "data" / "train.jsonl").read_text(encoding="utf-8").splitlines()) == n_train > 0
    assert "license: cc-by-4.0" in (out / "README.md").read_text(encoding="utf-8")
    assert str(out / "README.md") in capsys.readouterr().out
    assert main([*words, "--warehouse", str(warehouse)]) == 1
    assert "there is something already" in capsys.readouterr().err


def test_every_exported_quote_stands_in_its_page(first, tmp_path):
    _, warehouse = first
    assert main(["export", "--out", str(tmp_path / "out"), "--warehouse", str(warehouse)]) == 0
    pages = {
        (row["file_name"], row["page"]): row["text"]
        for row in rows(warehouse, "select file_name, page, text from pages join documents using (document_id)")
    }

    quotes = [
        (pages[pair["document"], span["page"]][span["char_from"] :], span["quote"])
        for path in (tmp_path / "out" / "data").iterdir()
        for pair in map(json.loads, path.read_text(encoding="utf-8").splitlines())
        for span in pair["evidence"]
    ]

    assert len(quotes) > 50
    assert [quote for text, quote in quotes if not text.startswith(quote)] == []


def test_csv_from_sql_starts_no_formula(first, capsys):
    _, warehouse = first

    assert main(["sql", "select '  =1+1' as a, -1 as b, '@x' as c", "--csv", "--warehouse", str(warehouse)]) == 0

    assert capsys.readouterr().out.splitlines() == ["a,b,c", "'  =1+1,-1,'@x"]

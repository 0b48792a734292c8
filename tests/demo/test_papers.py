import importlib.util
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pymupdf
import pytest
import yaml

DEMO = Path(__file__).parents[2] / "deployments" / "demo"
SLUGS = sorted(path.stem for path in (DEMO / "papers").glob("*.md"))
GOLD: dict[str, list[dict[str, str]]] = yaml.safe_load((DEMO / "papers" / "gold_facts.yaml").read_text(encoding="utf-8"))
KINDS = {"number", "name", "term", "acronym", "definition", "comparison", "procedure", "list", "table"}


@cache
def load_typesetter() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo_typeset", DEMO / "typeset.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module


def read_blocks(slug: str) -> list[str]:
    return load_typesetter().read_paper(DEMO / "papers" / f"{slug}.md")[1]


def read_source(slug: str) -> str:
    """The clean text of a paper: its Markdown without marks, list numbers and figures."""
    lines: list[str] = []
    for block in read_blocks(slug):
        if block.startswith("|"):
            lines += [" ".join(row) for row in load_typesetter().cells(block)]
        elif not block.startswith("```"):
            lines += [re.sub(r"^(#+ |- |\d+\. )", "", line) for line in block.splitlines()]
    return " ".join(" ".join(lines).split())


@cache
def read_pages(slug: str) -> tuple[str, ...]:
    with pymupdf.open(DEMO / "papers" / f"{slug}.pdf") as pdf:
        return tuple(page.get_text() for page in pdf)


def fold(text: str) -> str:
    """Hyphenated line ends joined, white space folded."""
    return " ".join(re.sub(r"(?<=[^\W\d_])-\n(?=[^\W\d_])", "", text).split())


def read_body(slug: str) -> str:
    """The text of a PDF without its running headers and footers, so that a sentence over a page end is whole."""
    settings, _ = load_typesetter().read_paper(DEMO / "papers" / f"{slug}.md")
    pages = read_pages(slug)
    frames = {settings["header"], *(settings["footer"].format(page=at, pages=len(pages)) for at in range(1, len(pages) + 1))}
    return fold("\n".join(line for page in pages for line in page.splitlines() if line.strip() not in frames))


def facts_within_a_page(slug: str) -> list[dict[str, str]]:
    pages = [fold(page) for page in read_pages(slug)]
    return [fact for fact in GOLD[slug] if any(fact["quote"] in page for page in pages)]


def test_there_are_nine_papers_each_with_a_pdf_and_gold_facts():
    assert len(SLUGS) == 9
    assert sorted(GOLD) == SLUGS
    assert sorted(path.stem for path in (DEMO / "papers").glob("*.pdf")) == SLUGS


@pytest.mark.parametrize("slug", SLUGS)
def test_a_paper_has_three_to_five_pages_and_is_small(slug):
    assert 3 <= len(read_pages(slug)) <= 5
    assert (DEMO / "papers" / f"{slug}.pdf").stat().st_size < 150_000


@pytest.mark.parametrize("slug", SLUGS)
def test_a_paper_has_sections_a_captioned_table_and_references(slug):
    blocks, text = read_blocks(slug), "\n".join(read_pages(slug))
    headings = [block.lstrip("# ") for block in blocks if block.startswith("#")]

    assert len(headings) >= 6
    assert all(re.search(rf"(?m)^{re.escape(heading)}$", text) for heading in headings)
    assert headings[-1] == "References"
    assert 4 <= len(blocks[-1].splitlines()) <= 8
    assert any(block.startswith("|") for block in blocks)
    assert re.search(r"(?m)^Table 1: ", text)


@pytest.mark.parametrize("slug", SLUGS)
def test_every_page_bears_the_running_header_and_its_number(slug):
    settings, _ = load_typesetter().read_paper(DEMO / "papers" / f"{slug}.md")
    pages = read_pages(slug)

    for number, page in enumerate(pages, start=1):
        assert settings["header"] in page.splitlines()
        assert settings["footer"].format(page=number, pages=len(pages)) in page.splitlines()


@pytest.mark.parametrize("slug", SLUGS)
def test_words_are_hyphenated_at_line_ends(slug):
    ends = [line for page in read_pages(slug) for line in page.splitlines() if re.search(r"[a-z]-$", line)]

    assert len(ends) >= 5


@pytest.mark.parametrize("slug", SLUGS)
def test_the_pdf_says_what_its_markdown_says(slug):
    body = read_body(slug)

    missing = [word for word in read_source(slug).split() if word not in body]

    assert missing == []


@pytest.mark.parametrize("slug", SLUGS)
def test_typesetting_again_gives_the_committed_text_and_the_same_bytes_each_time(slug):
    source = DEMO / "papers" / f"{slug}.md"

    first, second = load_typesetter().typeset(source), load_typesetter().typeset(source)

    assert first == second
    with pymupdf.open(stream=first) as pdf:
        assert tuple(page.get_text() for page in pdf) == read_pages(slug)


@pytest.mark.parametrize("slug", SLUGS)
def test_gold_quotes_stand_in_the_source_and_in_the_pdf(slug):
    source, body = read_source(slug), read_body(slug)

    assert len(GOLD[slug]) >= 25
    assert [fact["quote"] for fact in GOLD[slug] if fact["quote"] not in source] == []
    assert [fact["quote"] for fact in GOLD[slug] if fact["quote"] not in body] == []


@pytest.mark.parametrize("slug", SLUGS)
def test_gold_facts_are_whole_and_their_answers_stand_in_their_quotes(slug):
    for fact in GOLD[slug]:
        assert set(fact) == {"id", "quote", "question", "answer_key", "kind"}
        assert fact["kind"] in KINDS
        assert fact["question"].endswith("?")
        for item in fact["answer_key"].split("; "):
            assert item.lower() in fact["quote"].lower(), fact["id"]


def test_no_question_and_no_id_occurs_twice():
    facts = [fact for facts in GOLD.values() for fact in facts]

    assert len({fact["id"] for fact in facts}) == len(facts)
    assert len({fact["question"] for fact in facts}) == len(facts)


def test_some_facts_run_over_a_page_end_but_most_do_not():
    for slug in SLUGS:
        assert len(facts_within_a_page(slug)) >= len(GOLD[slug]) - 2
    assert sum(len(facts_within_a_page(slug)) < len(GOLD[slug]) for slug in SLUGS) >= 3


def test_some_facts_of_the_two_column_paper_run_over_a_column_break():
    slug = "quellin-reedling-field-study"
    with pymupdf.open(DEMO / "papers" / f"{slug}.pdf") as pdf:
        middle, low = pdf[0].rect.width / 2, pdf[0].rect.height
        columns = [fold(page.get_text(clip=(left, 0, left + middle, low))) for page in pdf for left in (0, middle)]

    broken = [fact for fact in facts_within_a_page(slug) if not any(fact["quote"] in column for column in columns)]

    assert len(broken) >= 1


def test_outlines_and_metadata_titles_are_as_uneven_as_in_found_files():
    titles, outlines = [], []
    for slug in SLUGS:
        with pymupdf.open(DEMO / "papers" / f"{slug}.pdf") as pdf:
            titles.append(pdf.metadata["title"])
            outlines.append(bool(pdf.get_toc()))

    assert sum(outlines) == 4
    assert titles.count("") == 2
    assert sum(title == "untitled" or title.startswith("Microsoft Word") for title in titles) == 3

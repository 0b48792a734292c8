"""The report in a real browser: it asks for nothing, complains of nothing, fits desktop and phone, and its questions can be leafed through.

Speaks the DevTools protocol to a headless Chromium; skipped where none is installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .. import judged_run
from .conftest import SIZES

pytestmark = pytest.mark.slow

OVERFLOWING = """
[...document.querySelectorAll("main *, header *")].filter(e => e.getClientRects().length && !e.closest(".scroll, .hidden, thead, svg"))
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))
"""
OVERLAPPING = """
[...document.querySelectorAll("table tr")].filter(e => e.getClientRects().length && !e.matches(".hidden *")).flatMap(row => {
  const texts = [...row.querySelectorAll("th, td")].map(cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    const box = range.getBoundingClientRect();
    return { cell, box };
  }).filter(of => of.box.width && of.box.height && !of.cell.querySelector("svg, .hidden"));
  return texts.flatMap((a, i) => texts.slice(i + 1).filter(b =>
    a.box.left < b.box.right - 1 && b.box.left < a.box.right - 1 && a.box.top < b.box.bottom - 1 && b.box.top < a.box.bottom - 1
  ).map(b => a.cell.textContent.trim() + " | " + b.cell.textContent.trim()));
})
"""
"""Cells of a table's row whose texts lie on each other."""
VISIBLE = '[...document.querySelectorAll("#cards > .card")].filter(e => e.getClientRects().length).map(e => e.id)'


@pytest.fixture(scope="module")
def url(land_hostile_run, tmp_path_factory: pytest.TempPathFactory) -> str:
    from tasks.report_html import write_report

    store, _ = land_hostile_run()
    return write_report(store, None, Path(tmp_path_factory.mktemp("report")) / "report.html").as_uri()


@pytest.fixture(scope="module")
def judged_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of a run with everything that a verdict can rest on."""
    from tasks.report_html import write_report

    folder = Path(tmp_path_factory.mktemp("judged"))
    return write_report(judged_run.land(folder / "data"), None, folder / "report.html").as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("which", ["url", "judged_url"])
def test_it_fits_the_screen_asks_for_nothing_and_complains_of_nothing(browser, request, which, size, scheme):
    url = request.getfixturevalue(which)
    browser.open(url, size, scheme)
    browser.see("document.querySelectorAll('details').forEach(e => { e.open = true })")
    browser.photograph(f"report-{which}-{size}-{scheme}")

    assert browser.see(OVERLAPPING) == []
    assert browser.see(OVERFLOWING) == []
    assert browser.see("document.documentElement.scrollWidth") <= SIZES[size][0]
    assert (
        browser.see("getComputedStyle(document.body).backgroundColor") == {"light": "rgb(251, 250, 248)", "dark": "rgb(20, 24, 28)"}[scheme]
    )
    asked = {event["request"]["url"][:40] for event in browser.said("Network.requestWillBeSent")}
    assert {address for address in asked if not address.startswith("data:")} == {url[:40]}
    assert browser.said("Runtime.exceptionThrown") == []
    assert browser.said("Runtime.consoleAPICalled") == []
    assert [event["entry"]["text"] for event in browser.said("Log.entryAdded")] == []


def test_nothing_that_a_document_or_model_says_runs(browser, url):
    browser.open(url)

    assert browser.see("document.querySelectorAll('script').length") == 1
    assert browser.see("document.querySelectorAll('#cards img, #cards a').length") == 0
    assert browser.said("Page.javascriptDialogOpening") == []


def test_ten_questions_show_at_a_time_and_every_one_can_be_reached(browser, url):
    browser.open(url)
    seen = []
    for pressed in range(3):
        seen += browser.see(VISIBLE)
        assert browser.see("document.getElementById('page-of').textContent") == f"Page {pressed + 1} of 3"
        browser.see("document.getElementById('next').click()")

    assert len(seen) == len(set(seen)) == 24
    assert len(browser.see(VISIBLE)) == 4


def test_filters_keep_what_they_say(browser, url):
    browser.open(url)
    choose = "e => {{ e.value = {}; e.dispatchEvent(new Event('change')) }}"
    browser.see(f"({choose.format('`test_unseen_fact`')})(document.getElementById('by-set'))")
    browser.see(f"({choose.format('`tuned+ base-`')})(document.getElementById('by-outcome'))")

    assert browser.see("document.getElementById('count').textContent") == "4 of 24 questions"
    assert len(browser.see(VISIBLE)) == 4
    assert browser.see("document.querySelectorAll('#cards > .card:not([hidden]) .badge.yes').length") == 4


def test_a_number_of_flips_leads_to_its_questions(browser, judged_url):
    browser.open(judged_url)
    link = "document.querySelector('#flips a[data-outcome]')"
    n, rule, split = (browser.see(f"{link}.{what}") for what in ("textContent", "dataset.outcome", "dataset.set"))
    browser.see(f"{link}.click()")

    assert browser.see("document.getElementById('count').textContent") == f"{n} of 48 questions"
    assert browser.see("document.getElementById('by-outcome').value") == rule == "tuned+ base-"
    assert {browser.see(f"document.getElementById('{name}').dataset.set") for name in browser.see(VISIBLE)} == {split}


def test_what_a_judge_said_can_be_filtered_and_unfolded(browser, judged_url):
    browser.open(judged_url)
    choose = (
        "(e => { e.value = [...e.options].find(o => o.text === 'base wins over tuned' && o.parentElement.label.startsWith('llm')).value;"
    )
    browser.see(f"{choose} e.dispatchEvent(new Event('change')) }})(document.getElementById('by-judged'))")
    (first, *_) = browser.see(VISIBLE)
    browser.see(f"document.querySelector('#{first} .judged summary').click()")
    text = browser.see(f"document.querySelector('#{first} .judged').innerText")

    assert "tuned shown first" in text
    assert "base shown first" in text
    assert "Read, ba: [[first]]" in text


def test_a_link_leads_to_its_question_whatever_page_it_is_on(browser, url):
    browser.open(url)
    last = browser.see("document.querySelector('#cards > .card:last-child').id")
    browser.see(f"location.hash = '{last}'")
    browser.see("new Promise(done => setTimeout(done, 300))")

    assert last in browser.see(VISIBLE)


def test_without_its_script_every_question_is_there_to_read(browser, url):
    browser.do("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(url)
        assert len(browser.see(VISIBLE)) == 24
        assert browser.see("document.getElementById('filters').getClientRects().length") == 0
    finally:
        browser.do("Emulation.setScriptExecutionDisabled", value=False)


def test_it_prints(browser, url):
    import base64

    import pymupdf

    browser.open(url)
    printed: Any = pymupdf.open(stream=base64.b64decode(browser.do("Page.printToPDF", printBackground=False)["data"]), filetype="pdf")
    text = " ".join(page.get_text() for page in printed)

    assert printed.page_count > 2
    assert "states the reference fact" in " ".join(text.split())
    assert "Previous" not in text

"""A bad generator over one document: each planted defect ends where it should, and a defect that no rule can see goes on to the scorer."""

import pytest

from tasks.curate import CurateParams, curate_document
from tasks.text import normalise

from .scripted_generators import DEFECTS, BadGenerator, Defect, GoodGenerator, Passage
from .test_generate_llm import Asker, a_document, generate, heads, reasons, rereads

LONG = ("alfa", "beta")


def curated(source, made):
    document, chunks, _, pages, _ = source
    return curate_document(document, made.pairs, made.evidence, chunks, pages, CurateParams())


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_planted_defect_is_caught_by_the_rule_that_names_it(defect: Defect):
    source = a_document(*LONG)
    generator = BadGenerator(only=[defect.name])
    planted = generator.planted(case for chunk in source[1] for case in Passage(source[0].title, chunk.text).cases)

    made = generate(source, Asker(generator), wordings=1, refine_rounds=0)
    sifted = curated(source, made)

    questions = {pair.pair_id: normalise(pair.bare_question) for pair in made.pairs}
    fates = [(f"curate:{row.reason}", questions[row.item_id]) for row in sifted.rejected]
    fates += [(f"generate:{row.reason}", normalise(row.detail.split(" | ")[0])) for row in made.rejected]
    caught = {reason for reason, question in fates if question in planted} or {"nothing"}
    kept = {questions[row.pair_id] for row in sifted.kept}
    assert kept & planted.keys() if defect.is_for_scorer else caught == defect.caught_by
    assert defect.is_for_scorer or not kept & planted.keys()
    assert rereads(source, made)
    n_unfilled = sum(n for reason, n in reasons(made).items() if reason.startswith("unfilled_"))
    assert len(heads(made)) + n_unfilled == 10


def test_good_rows_pass_every_rule():
    source = a_document(*LONG)

    made = generate(source, Asker(GoodGenerator()), refine_share=1.0)

    assert curated(source, made).rejected == []
    assert len(made.pairs) > 40

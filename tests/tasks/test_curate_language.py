"""A German document keeps its German pairs and loses English ones; figures and names, whose language nobody can tell, stay."""

import pymupdf
import pytest

from tasks.chunk import chunk_document
from tasks.curate import CurateParams, curate_document
from tasks.find_files import find_files
from tasks.language import first_sure_language, sure_language
from tasks.read_pdf import read_document
from warehouse.tables import Evidence, QaPair

TITLE = "Betriebsanleitung der Wärmepumpe Lindau 7"
FACTS = [
    ("Der Verdichter läuft bei einer Drehzahl von 2900 Umdrehungen je Minute.", "Mit welcher Drehzahl läuft der Verdichter?",
     "At which speed does the compressor run?", "The compressor runs at a speed of 2900 revolutions per minute."),
    ("Das Kältemittel wird alle zwei Jahre auf Dichtheit geprüft.", "Wie oft wird das Kältemittel auf Dichtheit geprüft?",
     "How often is the refrigerant checked for leaks?", "The refrigerant is checked for leaks every two years."),
    ("Die Vorlauftemperatur darf 55 Grad Celsius nicht überschreiten.", "Welche Vorlauftemperatur darf nicht überschritten werden?",
     "Which flow temperature must not be exceeded?", "The flow temperature must not exceed 55 degrees Celsius."),
    ("Vor dem Öffnen des Gehäuses ist die Anlage vom Netz zu trennen.", "Was ist vor dem Öffnen des Gehäuses zu tun?",
     "What must be done before the housing is opened?", "The unit must be disconnected from the mains before the housing is opened."),
    ("Der Filter im Rücklauf wird nach den ersten 200 Betriebsstunden gereinigt.", "Wann wird der Filter im Rücklauf zuerst gereinigt?",
     "When is the filter in the return line cleaned first?", "The return filter is cleaned after the first 200 hours of operation."),
    ("Bei Frostgefahr schaltet die Steuerung die Umwälzpumpe selbsttätig ein.", "Was schaltet die Steuerung bei Frostgefahr ein?",
     "What does the controller switch on when there is danger of frost?", "The controller switches on the circulation pump by itself."),
    ("Die Fehlermeldung E14 weist auf einen zu geringen Volumenstrom hin.", "Worauf weist die Fehlermeldung E14 hin?",
     "What does the error message E14 point to?", "The error message E14 points to a volume flow that is too low."),
    ("Das Ausdehnungsgefäß fasst zwölf Liter und steht unter einem Vordruck von 1,5 bar.", "Wie viel fasst das Ausdehnungsgefäß?",
     "How much does the expansion vessel hold?", "The expansion vessel holds twelve litres at a pre-charge pressure of 1,5 bar."),
    ("Ersatzteile liefert der Hersteller noch zehn Jahre nach dem Kauf.", "Wie lange liefert der Hersteller Ersatzteile?",
     "For how long does the manufacturer supply spare parts?", "The manufacturer supplies spare parts for ten years after purchase."),
    ("Der Schallpegel in einem Meter Abstand beträgt 42 Dezibel.", "Wie hoch ist der Schallpegel in einem Meter Abstand?",
     "How high is the sound level at a distance of one metre?", "The sound level at a distance of one metre is 42 decibels."),
    ("Zum Entlüften wird zuerst das Ventil am höchsten Punkt geöffnet.", "Welches Ventil wird zum Entlüften zuerst geöffnet?",
     "Which valve is opened first to vent the system?", "The valve at the highest point is opened first to vent the system."),
    ("Die Garantie erlischt, wenn das Siegel am Verdichter beschädigt ist.", "Wodurch erlischt die Garantie?",
     "What voids the warranty?", "The warranty is void when the seal on the compressor is damaged."),
]  # fmt: skip
FRAMES = ('Nach "{title}": {}', 'Laut "{title}", {}', 'Geht man von "{title}" aus: {}')
REPLIES = ("{}", "Laut Anleitung gilt: {}", "Die Antwort steht fest. {}")


@pytest.fixture(scope="module")
def german(tmp_path_factory):
    """The document as it is read and cut, from a PDF set here."""
    path = tmp_path_factory.mktemp("german") / "lindau.pdf"
    with pymupdf.open() as pdf:
        page = pdf.new_page()
        page.insert_text((72, 80), TITLE, fontsize=18)
        page.insert_textbox((72, 110, 520, 780), " ".join(sentence for sentence, *_ in FACTS), fontsize=11)
        pdf.set_metadata({"title": TITLE})
        pdf.save(path)
    read = read_document(find_files([path]).files[0])
    return read, chunk_document(read.document, read.pages, read.lines, read.sections)


def evidence_of(pair, page, quote):
    at = page.text.index(quote)
    return Evidence(f"e-{pair.pair_id}", pair.pair_id, pair.document_id, 0, page.page, at, len(quote), quote, ())


def make(german, pairs):
    """(question without the title, as asked, answer, the sentence it rests on) -> pairs with evidence, as a generator makes them."""
    read, cut = german
    made = []
    for at, (bare, question, answer, sentence) in enumerate(pairs):
        chunk = next(chunk for chunk in cut.chunks if " ".join(sentence.split()) in " ".join(chunk.text.split()))
        document_id, fact_id = read.document.document_id, str(sentence)
        pair = QaPair(f"p{at}", document_id, chunk.chunk_id, fact_id, 0, question, bare, answer, None, "text", "factual", "llm-1")
        made.append((pair, evidence_of(pair, read.pages[0], sentence)))
    return made


def curate(german, pairs, **settings):
    read, cut = german
    made = make(german, pairs)
    return curate_document(
        read.document, [pair for pair, _ in made], [span for _, span in made], cut.chunks, read.pages, CurateParams(**settings)
    )


def asked(bare, frame):
    return frame.format(bare, title=TITLE)


GERMAN = [
    (bare, asked(bare, frame), reply.format(sentence), sentence) for sentence, bare, _, _ in FACTS for frame in FRAMES for reply in REPLIES
]
ENGLISH = [(bare, f'According to "{TITLE}", {bare[0].lower()}{bare[1:]}', answer, sentence) for sentence, _, bare, answer in FACTS]
MIXED = [
    *((bare, asked(bare, FRAMES[0]), answer, sentence) for sentence, bare, _, answer in FACTS),
    *((bare, f'According to "{TITLE}", {bare[0].lower()}{bare[1:]}', sentence, sentence) for sentence, _, bare, _ in FACTS),
]


def test_at_least_99_of_100_german_pairs_stay(german):
    curated = curate(german, GERMAN)

    assert [row.detail for row in curated.rejected if row.reason == "language_mismatch"] == []
    assert len(curated.kept) >= 0.99 * len(GERMAN) > 100


@pytest.mark.parametrize("pairs", [ENGLISH, MIXED])
def test_english_pairs_on_a_german_text_go_even_where_only_question_or_answer_is_english(german, pairs):
    curated = curate(german, pairs)

    assert {row.reason for row in curated.rejected} == {"language_mismatch"}
    assert all(row.detail.endswith("en, source de") for row in curated.rejected)
    assert curated.kept == []


def test_a_setting_lets_other_languages_in(german):
    curated = curate(german, ENGLISH, same_language=False)

    assert "language_mismatch" not in {row.reason for row in curated.rejected}
    assert len(curated.kept) == len(ENGLISH)


def test_figures_names_and_quoted_answers_are_in_no_language_of_their_own(german):
    sentence = FACTS[7][0]

    curated = curate(german, [(FACTS[7][1], asked(FACTS[7][1], FRAMES[0]), answer, sentence) for answer in ("1,5 bar", "Lindau, 1,5 bar")])

    assert len(curated.kept) == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What is the torque of the K-2 valve?", "en"),
        ("Mit welchem Drehmoment wird der Flansch verschraubt?", "de"),
        ("À quelle fréquence faut-il vérifier le niveau d'huile ?", "fr"),
        ("M8 24.5", None),
        ("SPN stands for Skarrow Purity Number.", None),
        ("", None),
    ],
)
def test_a_language_is_told_where_it_can_be(text, found):
    assert sure_language(text, 0.7) == found


def test_a_chunk_of_figures_takes_its_document_s_language():
    assert first_sure_language(["M8 24.5\nM6 10", "Das Drehmoment der Schrauben steht in der Tabelle."], 0.7) == "de"

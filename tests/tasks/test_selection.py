"""Which of a flow's units are done when one is done again."""

import pytest

from tasks.selection import Reached, Selection, current, selecting
from tasks.units import Made, Unit, land_once, record_units, units_of
from warehouse.store import Warehouse
from warehouse.tables import DOCUMENTS

UP, OTHER = Unit("up", "ingest", "a.pdf"), Unit("other", "ingest", "b.pdf")
MIDDLE, APART = Unit("middle", "chunk", "a.pdf", ("up",)), Unit("apart", "chunk", "b.pdf", ("other",))
END = Unit("end", "split", "all", ("middle", "apart"))


@pytest.fixture
def store(tmp_path) -> Warehouse:
    made = Warehouse(tmp_path / "data")
    made.prepare()
    for work in (UP, OTHER, MIDDLE, APART):
        land_once(made, work, lambda: Made({DOCUMENTS: []}))
    return made


def test_alone_only_the_unit_is_chosen_and_the_flow_ends_when_it_is_done(store):
    selection = Selection("middle", is_fresh=True)

    assert [selection.choose(store, work) for work in (UP, OTHER, APART)] == [None, None, None]
    selection.go_on_or_raise([])
    chosen = selection.choose(store, MIDDLE)

    assert (chosen.unit_id, chosen.is_again, chosen.is_fresh) == ("middle", True, True)
    with pytest.raises(Reached):
        selection.go_on_or_raise([])


def test_an_error_of_the_unit_is_raised(store):
    selection = Selection("middle")
    selection.choose(store, MIDDLE)

    with pytest.raises(ValueError, match="no"):
        selection.go_on_or_raise([ValueError("no")])


def test_downstream_chooses_what_was_made_from_it_and_is_not_whole(store):
    selection = Selection("up", downstream=True)
    selection.choose(store, UP)

    assert selection.choose(store, MIDDLE) is None  # stands, and fits
    assert selection.choose(store, END) is None  # reads nothing that was done again
    selection = Selection("middle", downstream=True)
    selection.choose(store, MIDDLE)
    chosen = selection.choose(store, END)
    assert (chosen, chosen.is_again) == (END, False)
    selection.go_on_or_raise([])


def test_what_also_depends_on_units_that_were_never_done_waits_and_the_flow_ends_with_what_can_be_done(store):
    selection = Selection("middle", downstream=True)
    selection.choose(store, MIDDLE)
    blocked = Unit("blocked", "split", "all", ("middle", "never"))

    assert selection.choose(store, blocked) is None
    assert selection.choose(store, END) == END
    assert selection.waiting == {"blocked": (blocked, ["never"])}
    with pytest.raises(Reached):
        selection.go_on_or_raise([])


def test_the_runs_record_changes_only_behind_the_unit_and_only_downstream(store):
    record_units(store, "r1", "chunk", [MIDDLE, APART])
    with selecting(Selection("middle")) as selection:
        record_units(store, "r1", "chunk", [MIDDLE])
        selection.choose(store, MIDDLE)
        record_units(store, "r1", "chunk", [MIDDLE])
    assert units_of(store, "r1", "chunk") == [MIDDLE, APART]
    with selecting(Selection("middle", downstream=True)) as selection:
        record_units(store, "r1", "chunk", [MIDDLE])
        assert units_of(store, "r1", "chunk") == [MIDDLE, APART]
        selection.choose(store, MIDDLE)
        record_units(store, "r1", "chunk", [MIDDLE])
    assert units_of(store, "r1", "chunk") == [MIDDLE]
    assert current() is None

"""The table of spools: what a report changes in it."""

from dataclasses import replace
from datetime import UTC, datetime

from custom_components.filament_slots.inventory.base import Changes, Spool
from custom_components.filament_slots.inventory.spool_table import SpoolTable

FIRST = Spool(id=1, registered=datetime(2026, 1, 1, tzinfo=UTC), name="Jade White")
SECOND = Spool(id=2, registered=datetime(2026, 1, 2, tzinfo=UTC), name="Silk Gold")
# Another spool that has the id of the second one now.
SUCCESSOR = replace(SECOND, registered=datetime(2026, 2, 2, tzinfo=UTC), name="Black")


def table(*spools: Spool) -> SpoolTable:
    """Return a table with these spools."""
    made = SpoolTable()
    for spool in spools:
        made.put(spool)
    return made


def test_a_report_without_a_difference_is_no_change() -> None:
    spools = table(FIRST, SECOND)

    assert not spools.put(FIRST)
    assert not spools.remove(9)
    assert not spools.replace_all({2: SECOND, 1: FIRST}, lambda spool_id: False)
    assert spools.spools == {1: FIRST, 2: SECOND}


def test_a_new_and_a_different_spool_are_changes() -> None:
    spools = table(FIRST)
    moved = replace(FIRST, location="Shelf B")

    assert spools.put(moved) == Changes(changed=(moved,))
    assert spools.put(SECOND) == Changes(changed=(SECOND,))
    assert spools.spools == {1: moved, 2: SECOND}


def test_another_spool_with_the_same_id_is_a_removal_and_a_change() -> None:
    spools = table(SECOND)

    assert spools.put(SUCCESSOR) == Changes(changed=(SUCCESSOR,), removed=(SECOND,))
    assert spools.spools == {2: SUCCESSOR}


def test_what_a_list_lacks_is_gone() -> None:
    spools = table(FIRST, SECOND)

    changes = spools.replace_all({1: FIRST}, lambda spool_id: False)

    assert changes == Changes(removed=(SECOND,))
    assert spools.spools == {1: FIRST}


def test_what_could_not_be_read_stays() -> None:
    spools = table(FIRST, SECOND)

    assert not spools.replace_all({1: FIRST}, lambda spool_id: spool_id == 2)
    assert spools.spools == {1: FIRST, 2: SECOND}

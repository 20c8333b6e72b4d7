"""Which spool each id stands for: ids that are handed out again, and other databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json

import pytest

from custom_components.filament_slots.inventory.base import Spool
from custom_components.filament_slots.inventory.identities import Identities

AT = datetime(2026, 1, 1, tzinfo=UTC)
SPOOLS = {number: Spool(id=number, registered=AT) for number in range(1, 6)}


def successor(spool_id: int) -> Spool:
    """Return another spool with the id of one of the spools."""
    return replace(SPOOLS[spool_id], registered=AT + timedelta(days=30))


def known() -> Identities:
    """Return identities that know the spools."""
    identities = Identities()
    identities.take(SPOOLS.values(), SPOOLS)
    return identities


def test_spools_that_are_new_have_to_be_stored_and_reuse_no_id() -> None:
    identities = Identities()

    assert identities.take(SPOOLS.values(), SPOOLS)
    assert identities.reused == set()
    assert not identities.exchanged


def test_a_spool_that_only_changed_is_the_same() -> None:
    moved = replace(SPOOLS[1], location="Shelf B")

    assert not known().take([moved], SPOOLS | {1: moved})


def test_an_id_that_was_handed_out_again_is_noticed_until_it_is_confirmed() -> None:
    identities = known()

    assert identities.take([successor(5)], SPOOLS | {5: successor(5)})
    assert identities.reused == {5}
    assert not identities.exchanged
    assert not identities.take([successor(5)], SPOOLS | {5: successor(5)})
    identities.confirm()
    assert identities.reused == set()


def test_it_is_noticed_after_a_restart_too() -> None:
    stored = json.loads(json.dumps(known().as_json()))
    identities = Identities(stored)
    present = SPOOLS | {5: successor(5)}

    identities.take(present.values(), present)

    assert identities.reused == {5}
    again = Identities(json.loads(json.dumps(identities.as_json())))
    assert again.reused == {5}
    assert not again.take(present.values(), present)


def test_an_id_of_a_spool_that_was_deleted_long_ago_is_remembered() -> None:
    identities = known()
    present = {1: SPOOLS[1], 5: successor(5)}

    identities.take([successor(5)], present)

    assert identities.reused == {5}


@pytest.mark.parametrize(("changed", "exchanged"), [(1, False), (2, False), (3, True)])
def test_most_ids_at_once_are_another_database(changed: int, exchanged: bool) -> None:
    identities = known()
    new = [successor(number) for number in range(1, changed + 1)]

    identities.take(new, SPOOLS | {spool.id: spool for spool in new})

    assert identities.exchanged is exchanged
    assert len(identities.reused) == changed
    identities.confirm()
    assert not identities.exchanged


def test_the_only_spool_of_a_server_is_no_database() -> None:
    identities = Identities()
    identities.take([SPOOLS[1]], {1: SPOOLS[1]})

    identities.take([successor(1)], {1: successor(1)})

    assert identities.reused == {1}
    assert not identities.exchanged


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        {},
        {"known": [], "reused": {}, "exchanged": "yes"},
        {"known": {"x": "y", "1": None}, "reused": [1, "2"]},
    ],
)
def test_what_makes_no_sense_in_the_store_is_left_out(stored: object) -> None:
    identities = Identities(stored)

    assert identities.as_json() == {"known": {}, "reused": [], "exchanged": False}

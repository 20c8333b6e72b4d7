"""The account of a soak: each change has to be reported once, and nothing else."""

from typing import Any

from scripts.tools.soak.changes import INSERTED, REMOVED, UNKNOWN, Change, Changes

PLACE = (1, 2, 3)
SPOOL = "bambulab:A"


def event(number: int, kind: str, spool: str | None = SPOOL, **meta: Any) -> Any:
    """Return an event at the place."""
    return {
        "event_id": f"E{number}",
        "event_type": kind,
        "printer_id": 1,
        "slot": {"ams_unit_no": 2, "slot_no": 3},
        "identifiers": {"external_id": spool},
        "meta": {"detected_late": False, **meta},
    }


def inserted() -> Changes:
    """Return the account after an insertion."""
    changes = Changes()
    changes.happens(Change(PLACE, SPOOL, frozenset({INSERTED})))
    return changes


def test_a_change_is_reported_once_though_published_and_stored() -> None:
    changes = inserted()
    assert not changes.is_free(PLACE)
    changes.publish(event(1, INSERTED))
    changes.store([event(1, INSERTED)])
    assert changes.is_free(PLACE)
    assert changes.wrong == 0


def test_a_change_without_an_event_is_lost() -> None:
    changes = inserted()
    assert changes.pending
    assert changes.wrong == 1
    assert ("lost (neither published nor stored)", "1") in changes.rows()


def test_a_second_event_of_a_change_is_wrong() -> None:
    changes = inserted()
    changes.store([event(1, INSERTED), event(2, INSERTED)])
    assert changes.wrong == 1
    assert [*changes.surplus] == ["E2"]


def test_an_event_without_a_change_is_wrong() -> None:
    changes = Changes()
    changes.store([event(1, REMOVED)])
    assert changes.wrong == 1


def test_an_event_that_is_published_twice_is_wrong() -> None:
    changes = inserted()
    for _ in range(2):
        changes.publish(event(1, INSERTED))
    changes.store([event(1, INSERTED)])
    assert changes.wrong == 1


def test_an_event_that_is_never_stored_is_wrong() -> None:
    changes = inserted()
    changes.publish(event(1, INSERTED, persisted=False))
    assert changes.wrong == 1
    changes.store([event(1, INSERTED, persisted=False)])
    assert changes.wrong == 0


def test_the_name_of_another_spool_is_wrong_and_no_name_is_not() -> None:
    changes = inserted()
    changes.store([event(1, INSERTED, "bambulab:B")])
    assert changes.wrong == 1
    changes = inserted()
    changes.store([event(1, INSERTED, None)])
    assert changes.wrong == 0


def test_an_unknown_spool_may_be_reported_as_unknown() -> None:
    changes = Changes()
    changes.happens(Change(PLACE, None, frozenset({INSERTED}), frozenset({UNKNOWN})))
    changes.store([event(1, INSERTED, None), event(2, UNKNOWN, None)])
    assert changes.wrong == 0


def test_what_happened_at_a_place_its_printer_and_the_house_is_printed_beside_an_event() -> (
    None
):
    changes = inserted()
    changes.note((1,), "broker: begins")
    changes.note((), "disk: begins")
    changes.note((2,), "another printer")
    changes.note((1, 2, 4), "another slot")
    changes.publish(event(1, REMOVED))
    [surplus] = changes.surplus.values()
    assert [line[10:] for line in changes.story(surplus)] == [
        f"{INSERTED} of {SPOOL}",
        "broker: begins",
        "disk: begins",
        f"  {REMOVED} of {SPOOL}, live: E1",
    ]

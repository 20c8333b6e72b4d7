"""Which spool it is: the order of what it is found by, as tables."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from custom_components.filament_slots.core.tables.links import SpoolLink
from custom_components.filament_slots.inventory.base import Changes, Spool
from custom_components.filament_slots.inventory.identities import Identities
from custom_components.filament_slots.model import Identifiers
from custom_components.filament_slots.spool_finder import (
    Finding,
    FoundBy,
    Problem,
    SpoolFinder,
    chip_tags,
)

THEN = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 2, 1, tzinfo=UTC)
UUID = "0123456789ABCDEF0123456789ABCDEF"
SIDE_A, SIDE_B = "75886B1D00000100", "9A001B2C00000100"
BAMBU = Identifiers(external_id=f"bambulab:{UUID}", rfid_uid=SIDE_A)
CHIP = Identifiers(rfid_uid=SIDE_A)


def spool(number: int, *tags: str, registered: datetime = THEN, **more: Any) -> Spool:
    """Return a spool of an inventory with these tags."""
    return Spool(id=number, registered=registered, tags=tags, **more)


class Inventory:
    """What the finder needs of an inventory; `nfc` is the field of its tags."""

    def __init__(
        self, *spools: Spool, name: str = "one", complete: bool = True
    ) -> None:
        """Take its spools, and whether all of them were read."""
        self.entry = SimpleNamespace(entry_id=name, options={"tag_field": "nfc"})
        self.identities = Identities()
        self.is_complete = complete
        self.last_known = spools
        self.known = {each.id: each for each in spools}

    def find(self, spool_id: int) -> Spool | None:
        return self.known.get(spool_id)

    def external_id(self, spool_id: int) -> str:
        return f"spoolman:{spool_id}"


def inventory(*spools: Spool, **more: Any) -> Any:
    """Return an inventory with these spools."""
    return Inventory(*spools, **more)


def link(
    number: int, ours: Identifiers = BAMBU, *, name: str = "one", **more: Any
) -> SpoolLink:
    """Return a link to a spool of an inventory."""
    key = (
        Identifiers(external_id=ours.external_id)
        if ours.external_id
        else Identifiers(rfid_uid=ours.rfid_uid)
    )
    return SpoolLink(
        spool=key,
        chips=frozenset(filter(None, [ours.rfid_uid])),
        inventory=name,
        inventory_spool_id=number,
        **{"registered": THEN, **more},
    )


def finder(*hosts: Any, links: tuple[SpoolLink, ...] = ()) -> SpoolFinder:
    """Return a finder that knows these inventories and links."""
    made = SpoolFinder()
    for host in hosts:
        made.add(host)
    made.set_links({each.spool: each for each in links})
    return made


def result(finding: Finding) -> tuple[list[int], FoundBy | None, Problem | None]:
    """Return what was found, without who has it."""
    return [each.id for _, each in finding.candidates], finding.by, finding.problem


ID, LINK, TAG = FoundBy.ID, FoundBy.LINK, FoundBy.TAG
AMBIGUOUS, DELETED, REUSED = Problem.AMBIGUOUS, Problem.DELETED, Problem.REUSED


@pytest.mark.parametrize(
    ("ours", "spools", "links", "found"),
    [
        # The number that the printer reports, or a user assigned, comes first.
        (Identifiers(external_id="spoolman:1"), [spool(1)], [], ([1], ID, None)),
        (
            Identifiers(external_id="spoolman:1", rfid_uid=SIDE_A),
            [spool(1), spool(2, SIDE_A)],
            [],
            ([1], ID, None),
        ),
        (Identifiers(external_id="spoolman:3"), [spool(1)], [], ([], ID, None)),
        (Identifiers(external_id="spoolman:x"), [spool(1)], [], ([], ID, None)),
        # A link, before all tags.
        (BAMBU, [spool(1), spool(2, UUID, SIDE_A)], [link(1)], ([1], LINK, None)),
        (CHIP, [spool(1), spool(2, SIDE_A)], [link(1, CHIP)], ([1], LINK, None)),
        # By the stable identity, whichever of its chips is read.
        (
            BAMBU.model_copy(update={"rfid_uid": SIDE_B}),
            [spool(1)],
            [link(1)],
            ([1], LINK, None),
        ),
        # By its chip where a reader knows no more, or only the start of it.
        (CHIP, [spool(1)], [link(1)], ([1], LINK, None)),
        (Identifiers(rfid_uid=SIDE_A[:8]), [spool(1)], [link(1)], ([1], LINK, None)),
        (Identifiers(rfid_uid=SIDE_B), [spool(1)], [link(1)], ([], None, None)),
        (Identifiers(external_id="local:A"), [spool(1)], [], ([], None, None)),
        (
            Identifiers(external_id="local:A"),
            [spool(1)],
            [link(1, Identifiers(external_id="local:A"))],
            ([1], LINK, None),
        ),
        # A link that is broken is not followed, and no tag is taken instead.
        (BAMBU, [spool(2, UUID)], [link(1)], ([], None, DELETED)),
        (
            BAMBU,
            [spool(1, registered=LATER), spool(2, UUID)],
            [link(1)],
            ([], None, REUSED),
        ),
        # Tags: the stable one before the chip.
        (BAMBU, [spool(1, UUID), spool(2, SIDE_A)], [], ([1], TAG, None)),
        (BAMBU, [spool(2, SIDE_A)], [], ([2], TAG, None)),
        (BAMBU, [spool(2, SIDE_A[:8])], [], ([2], TAG, None)),
        (CHIP, [spool(1, UUID)], [], ([], None, None)),
        (CHIP, [spool(1, extra={"nfc": "75:88:6b:1d"})], [], ([1], TAG, None)),
        (CHIP, [spool(1, SIDE_A, archived=True)], [], ([1], TAG, None)),
        (
            Identifiers(rfid_uid="0000000000000000"),
            [spool(1, "0000000000000000")],
            [],
            ([], None, None),
        ),
        # One tag on two spools is no guess.
        (BAMBU, [spool(1, UUID), spool(2, UUID)], [], ([1, 2], TAG, AMBIGUOUS)),
        (CHIP, [spool(1, SIDE_A), spool(2, SIDE_A[:8])], [], ([1, 2], TAG, AMBIGUOUS)),
        (
            CHIP,
            [spool(1, SIDE_A), spool(2, SIDE_A, archived=True)],
            [],
            ([1, 2], TAG, AMBIGUOUS),
        ),
        (Identifiers(vendor_tag="GFA00"), [spool(1, UUID)], [], ([], None, None)),
    ],
)
def test_a_spool_is_found_by_its_number_then_a_link_then_its_tags(
    ours: Identifiers,
    spools: list[Spool],
    links: list[SpoolLink],
    found: tuple[list[int], FoundBy | None, Problem | None],
) -> None:
    made = finder(inventory(*spools), links=tuple(links))

    assert result(made.find(ours)) == found


@pytest.mark.parametrize(
    ("ours", "first", "second", "links", "found"),
    [
        (Identifiers(external_id="spoolman:1"), [1], [], [], ([1], ID, None)),
        (
            Identifiers(external_id="spoolman:1"),
            [1],
            [1],
            [],
            ([1, 1], ID, AMBIGUOUS),
        ),
        (
            Identifiers(external_id="spoolman:1"),
            [1],
            [1],
            [link(1, Identifiers(external_id="spoolman:1"), name="two")],
            ([1], LINK, None),
        ),
        (BAMBU, [1], [1], [link(1, name="two")], ([1], LINK, None)),
        (BAMBU, [1], [], [link(1, name="two")], ([], None, DELETED)),
        # The server was removed, and added again as another entry.
        (BAMBU, [1], [], [link(1, name="gone")], ([1], LINK, None)),
        (BAMBU, [2], [], [link(1, name="gone")], ([], None, None)),
    ],
)
def test_two_inventories_are_not_confused(
    ours: Identifiers,
    first: list[int],
    second: list[int],
    links: list[SpoolLink],
    found: tuple[list[int], FoundBy | None, Problem | None],
) -> None:
    made = finder(
        inventory(*map(spool, first)),
        inventory(*map(spool, second), name="two"),
        links=tuple(links),
    )

    assert result(made.find(ours)) == found


def test_a_tag_in_two_inventories_is_no_guess() -> None:
    made = finder(inventory(spool(1, UUID)), inventory(spool(7, UUID), name="two"))

    assert result(made.find(BAMBU)) == ([1, 7], TAG, AMBIGUOUS)


def test_a_number_with_another_spool_than_before_is_not_followed() -> None:
    host = inventory(spool(1))
    host.identities.reused.add(1)

    found = finder(host).find(Identifiers(external_id="spoolman:1"))

    assert result(found) == ([1], ID, REUSED)


def test_until_all_spools_are_read_a_missing_one_is_not_deleted() -> None:
    host = inventory(complete=False)
    made = finder(host, links=(link(1),))

    assert result(made.find(BAMBU)) == ([], None, None)
    assert made.broken_links(host) == []


def test_links_that_are_broken_are_known_and_those_that_are_whole_again() -> None:
    gone, other = link(1), link(2, CHIP)
    host = inventory(spool(2, registered=LATER))
    made = finder(host, links=(gone, other))

    assert made.broken_links(host) == [gone, other]
    assert made.linked_ids() == {host: {1, 2}}
    host.known.update({1: spool(1), 2: spool(2)})
    assert made.update(host, Changes(changed=(spool(1), spool(2)))).others
    assert made.broken_links(host) == []


def test_a_second_chip_is_known_once_it_was_read() -> None:
    made = finder(inventory(spool(1)), links=(link(1),))
    other_side = Identifiers(rfid_uid=SIDE_B)
    assert result(made.find(other_side)) == ([], None, None)

    made.find(BAMBU.model_copy(update={"rfid_uid": SIDE_B}))

    assert result(made.find(other_side)) == ([1], LINK, None)
    # And forgotten with its link.
    made.set_links({})
    assert result(made.find(other_side)) == ([], None, None)


@pytest.mark.parametrize(
    ("changes", "keys", "others"),
    [
        (Changes(), set(), False),
        (Changes(changed=(spool(1, SIDE_A),)), {"spoolman:1", "75886B1D"}, False),
        (
            Changes(changed=(spool(1, UUID),)),
            {"spoolman:1", "75886B1D", UUID},
            False,
        ),
        (
            Changes(changed=(spool(1, SIDE_A, registered=LATER),)),
            {"spoolman:1", "75886B1D"},
            True,
        ),
        (Changes(changed=(spool(2),)), {"spoolman:2"}, True),
        (Changes(removed=(spool(1),)), {"spoolman:1", "75886B1D"}, True),
        (Changes(removed=(spool(9),)), {"spoolman:9"}, False),
    ],
)
def test_a_change_names_the_findings_that_it_affects(
    changes: Changes, keys: set[str], others: bool
) -> None:
    host = inventory(spool(1, SIDE_A))
    affected = finder(host).update(host, changes)

    assert (affected.keys, affected.others) == (keys, others)


def test_an_inventory_that_is_removed_has_no_spools() -> None:
    host = inventory(spool(1, UUID))
    made = finder(host)

    made.remove(host)

    assert made.hosts == []
    assert result(made.find(BAMBU)) == ([], None, None)


@pytest.mark.parametrize(
    ("ours", "chips", "tags"),
    [
        (BAMBU, (), [UUID, "75886B1D"]),
        (BAMBU, (SIDE_A, SIDE_B), [UUID, "75886B1D", "9A001B2C"]),
        (CHIP, (), ["75886B1D"]),
        (Identifiers(rfid_uid="04A2B3C4D5E680"), (), ["04A2B3C4D5E680"]),
        (Identifiers(external_id="name:fed"), (), []),
        (Identifiers(external_id="spoolman:12"), (), []),
        (Identifiers(external_id="name:galaxy-black"), (), []),
    ],
)
def test_the_tags_to_write_are_those_of_its_chips(
    ours: Identifiers, chips: tuple[str, ...], tags: list[str]
) -> None:
    assert chip_tags(ours, chips) == tags

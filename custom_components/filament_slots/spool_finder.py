"""Finds the spool of an inventory by its id, by a link, or by a tag; never by its look."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .core.tables.links import Links, SpoolLink, linked_by
from .inventory.base import Changes, Spool
from .inventory.registry import INVENTORIES
from .inventory.tags import CHIP, TagIndex, as_tag, spool_tags, tag_key
from .inventory_entry import InventoryHost
from .model import Identifiers
from .options import CONF_TAG_FIELD

# A spool, and the inventory that has it.
type Candidate = tuple[InventoryHost, Spool]


class FoundBy(StrEnum):
    """What a spool was found by."""

    ID = "id"
    LINK = "link"
    TAG = "tag"


class Problem(StrEnum):
    """Why it is not known which spool it is.

    ambiguous: several spools have the id or the tag. deleted: the linked spool is no
    longer there. reused: the id stands for another spool than before.
    """

    AMBIGUOUS = "ambiguous"
    DELETED = "deleted"
    REUSED = "reused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found for a spool.

    candidates: the spool; several of which none is chosen if it is ambiguous.
    by: what it was found by.
    keys: a change of a spool that has one of them may change the finding.
    """

    candidates: tuple[Candidate, ...] = ()
    by: FoundBy | None = None
    problem: Problem | None = None
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Affected:
    """What changes of an inventory affect.

    keys: the findings with one of these may differ. others: there are other spools than
    before, so that links may be broken, or whole again.
    """

    keys: set[str]
    others: bool


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the spools of an inventory, by their ids."""

    host: InventoryHost
    tags: TagIndex[int] = field(default_factory=TagIndex)
    registered: dict[int, datetime] = field(default_factory=dict)


class SpoolFinder:
    """The spools of all inventories, by what identifies them."""

    def __init__(self) -> None:
        """Start without inventories and links."""
        self._known: dict[str, _Known] = {}
        self._links: Links = {}
        self._chips = TagIndex[Identifiers]()

    @property
    def hosts(self) -> list[InventoryHost]:
        """The inventories."""
        return [known.host for known in self._known.values()]

    def add(self, host: InventoryHost) -> None:
        """Add an inventory with the spools that are known of it."""
        self._known[host.entry.entry_id] = _Known(host)
        self.update(host, Changes(changed=host.last_known))

    def remove(self, host: InventoryHost) -> None:
        """Remove an inventory."""
        del self._known[host.entry.entry_id]

    def update(self, host: InventoryHost, changes: Changes) -> Affected:
        """Take changes of an inventory."""
        known = self._known[host.entry.entry_id]
        tag_field = host.entry.options.get(CONF_TAG_FIELD)
        keys: set[str] = set()
        others = False
        for spool in changes.removed:
            others |= known.registered.pop(spool.id, None) is not None
            keys |= {host.external_id(spool.id), *known.tags.put(spool.id, ())}
        for spool in changes.changed:
            others |= known.registered.get(spool.id) != spool.registered
            known.registered[spool.id] = spool.registered
            own = spool_tags(spool, tag_field)
            keys |= {host.external_id(spool.id), *known.tags.put(spool.id, own)}
            keys |= {tag_key(tag) for tag in own}
        return Affected(keys, others)

    def set_links(self, links: Links) -> None:
        """Take all links."""
        for spool in self._links.keys() - links.keys():
            self._chips.put(spool, ())
        for spool, link in links.items():
            self._chips.put(spool, link.chips)
        self._links = links

    def linked_ids(self) -> dict[InventoryHost, set[int]]:
        """Return the ids of spools that links are to, by inventory."""
        ids: dict[InventoryHost, set[int]] = {host: set() for host in self.hosts}
        for link in self._links.values():
            if (host := self._host_of(link)) is not None:
                ids[host].add(link.inventory_spool_id)
        return ids

    def broken_links(self, host: InventoryHost) -> list[SpoolLink]:
        """Return the links to spools that an inventory no longer has, or exchanged."""
        return [
            link
            for link in self._links.values()
            if self._host_of(link) is host and self._by_link(link).problem is not None
        ]

    def link_of(self, spool: Identifiers) -> SpoolLink | None:
        """Return the link of a spool, by its stable identity, else by its chip."""
        key = linked_by(spool)
        if key is not None and (link := self._links.get(key)) is not None:
            if spool.rfid_uid is not None and spool.rfid_uid not in link.chips:
                # The second chip of the spool was read.
                self._chips.put(key, link.chips | {spool.rfid_uid})
            return link
        found = self._chips.find(spool.rfid_uid) if spool.rfid_uid else set()
        return self._links[found.pop()] if len(found) == 1 else None

    def find(self, spool: Identifiers) -> Finding:
        """Return which spool of an inventory a spool of ours is."""
        if (link := self.link_of(spool)) is not None:
            return self._by_link(link)
        external_id = spool.external_id or ""
        kind, _, number = external_id.partition(":")
        if kind in INVENTORIES:
            return self._by_id(int(number) if number.isdecimal() else -1, external_id)
        return self._by_tag(tags_of(spool))

    def _by_id(self, spool_id: int, external_id: str) -> Finding:
        found = [
            (host, spool)
            for host in self.hosts
            if host.external_id(spool_id) == external_id
            if (spool := host.find(spool_id)) is not None
        ]
        problem = None
        if len(found) > 1:
            problem = Problem.AMBIGUOUS
        elif any(spool_id in host.identities.reused for host, _ in found):
            problem = Problem.REUSED
        return Finding(
            candidates=tuple(found),
            by=FoundBy.ID,
            problem=problem,
            keys=frozenset({external_id}),
        )

    def _by_link(self, link: SpoolLink) -> Finding:
        host = self._host_of(link)
        if host is None:
            return Finding()
        keys = frozenset({host.external_id(link.inventory_spool_id)})
        spool = host.find(link.inventory_spool_id)
        if spool is None:
            missing = Problem.DELETED if host.is_complete else None
            return Finding(problem=missing, keys=keys)
        if spool.registered != link.registered:
            return Finding(problem=Problem.REUSED, keys=keys)
        return Finding(candidates=((host, spool),), by=FoundBy.LINK, keys=keys)

    def _by_tag(self, tags: list[str]) -> Finding:
        keys = frozenset(map(tag_key, tags))
        for tag in tags:
            found = tuple(self._with_tag(tag))
            if found:
                return Finding(
                    candidates=found,
                    by=FoundBy.TAG,
                    problem=Problem.AMBIGUOUS if len(found) > 1 else None,
                    keys=keys,
                )
        return Finding(keys=keys)

    def _with_tag(self, tag: str) -> Iterator[Candidate]:
        for known in self._known.values():
            for spool_id in sorted(known.tags.find(tag)):
                if (spool := known.host.find(spool_id)) is not None:
                    yield known.host, spool

    def _host_of(self, link: SpoolLink) -> InventoryHost | None:
        """Return the inventory of a link.

        One that was removed and added again is another entry, with the same spools.
        """
        if link.inventory in self._known:
            return self._known[link.inventory].host
        return next(
            (
                host
                for host in self.hosts
                if (spool := host.find(link.inventory_spool_id)) is not None
                and spool.registered == link.registered
            ),
            None,
        )


def chip_tags(spool: Identifiers, chips: Iterable[str]) -> list[str]:
    """Return the tags by which a hand reader and printers can find a spool.

    A chip as a hand reader reads it. What is shorter than any chip is the name or the
    number of a spool.
    """
    tags = (*tags_of(spool), *chips)
    return list(dict.fromkeys(tag_key(tag) for tag in tags if len(tag) >= CHIP))


def tags_of(spool: Identifiers) -> list[str]:
    """Return the tags of a spool, the stable one first."""
    stable = (spool.external_id or "").rpartition(":")[2]
    return [
        tag for tag in map(as_tag, (stable, spool.rfid_uid or "")) if tag is not None
    ]

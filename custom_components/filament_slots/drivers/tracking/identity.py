"""The identity of a spool: what its tag reports, and what software assigned to it."""

from ...model import Identifiers
from ..snapshot import Slot


def with_assigned_id(confirmed: Identifiers, slot: Slot) -> Identifiers:
    """Return the confirmed identity with the external id that software assigned now.

    An assigned id is accepted as it is: it does not show which spool is present.
    """
    if not slot.external_assigned:
        return confirmed
    return confirmed.model_copy(update={"external_id": slot.identifiers.external_id})


def read_from_tag(identifiers: Identifiers, slot: Slot) -> Identifiers:
    """Return the part of an identity that was read from a tag."""
    if not slot.external_assigned:
        return identifiers
    return identifiers.model_copy(update={"external_id": None})


def same_tag(first: Identifiers, second: Identifiers, slot: Slot) -> bool:
    """Whether two identities, as far as they were read from tags, are one spool's."""
    return read_from_tag(first, slot).same_spool(read_from_tag(second, slot))

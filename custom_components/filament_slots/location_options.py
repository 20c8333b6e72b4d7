"""Options of an inventory: what is written to its server."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from .location_text import DEFAULT_TEMPLATE

CONF_WRITE_LOCATION: Final = "write_location"
CONF_LOCATION_TEMPLATE: Final = "location_template"
CONF_LOCATION_LEAVE: Final = "location_leave"
CONF_LOCATION_TEXT: Final = "location_text"
CONF_WRITE_TAGS: Final = "write_tags"


class Leave(StrEnum):
    """What is written when a spool leaves its slot: nothing, what was there, a text."""

    KEEP = "keep"
    PUT_BACK = "put_back"
    TEXT = "text"


# Nothing is written by default.
WRITE_DEFAULTS: Final[Mapping[str, Any]] = {
    CONF_WRITE_LOCATION: False,
    CONF_LOCATION_TEMPLATE: DEFAULT_TEMPLATE,
    CONF_LOCATION_LEAVE: Leave.KEEP,
    CONF_LOCATION_TEXT: "",
    CONF_WRITE_TAGS: False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """What the owner has switched on.

    template: of the location in a slot. text: of the location of one that has left.
    """

    locations: bool
    template: str
    leave: Leave
    text: str
    tags: bool

    @property
    def any(self) -> bool:
        """Whether anything is written."""
        return self.locations or self.tags


def write_options(options: Mapping[str, Any]) -> WriteOptions:
    """Return the options of an entry."""
    wanted = {**WRITE_DEFAULTS, **options}
    return WriteOptions(
        locations=wanted[CONF_WRITE_LOCATION],
        template=wanted[CONF_LOCATION_TEMPLATE],
        leave=Leave(wanted[CONF_LOCATION_LEAVE]),
        text=wanted[CONF_LOCATION_TEXT],
        tags=wanted[CONF_WRITE_TAGS],
    )

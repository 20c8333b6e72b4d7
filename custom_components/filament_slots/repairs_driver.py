"""Repairs of components that bring drivers: why a driver was refused, or blocks."""

from enum import StrEnum

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.loader import Integration

from .const import DOMAIN


class RefusedDriver(StrEnum):
    """What is wrong with a driver; the translation key of its repair."""

    BROKEN = "component_broken"
    VERSION = "component_version"
    KEY_TAKEN = "component_key_taken"
    BLOCKS = "component_blocks"


@callback
def async_refuse(
    hass: HomeAssistant, component: Integration, why: RefusedDriver, **about: str
) -> None:
    """Raise an issue that names the component; it ends with a restart.

    about: more placeholders of its text.
    """
    ir.async_create_issue(
        hass,
        DOMAIN,
        "_".join((why, component.domain, about.get("driver", ""))).rstrip("_"),
        is_fixable=False,
        severity=ir.IssueSeverity.ERROR,
        learn_more_url=component.documentation,
        translation_key=why,
        translation_placeholders={
            "component": component.name,
            "domain": component.domain,
            "version": str(component.version),
            **about,
        },
    )

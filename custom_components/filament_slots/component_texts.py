"""Texts of forms whose driver another component brings: they are in its translations."""

from collections.abc import Mapping

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations

from .const import DOMAIN
from .drivers.base import Driver
from .drivers.registry import registered_driver


async def async_with_texts(
    hass: HomeAssistant, driver: type[Driver], form: ConfigFlowResult
) -> ConfigFlowResult:
    """Return a driver's form, with the texts of the component that brings the driver.

    An error that the component has no text for gets ours, in the language of Home
    Assistant: the frontend shows an error without a text as it is.
    """
    if (registered := registered_driver(driver.driver_key)) is None:
        return form
    component = registered.component
    texts = await async_get_translations(
        hass, hass.config.language, "config", {component, DOMAIN}
    )
    # The frontend looks up the names of fields by the handler, all else by the domain.
    form["handler"] = form["translation_domain"] = component
    form["errors"] = {
        field: error
        if f"component.{component}.config.error.{error}" in texts
        else _filled_in(
            texts.get(f"component.{DOMAIN}.config.error.{error}", error),
            form.get("description_placeholders") or {},
        )
        for field, error in (form.get("errors") or {}).items()
    }
    return form


def _filled_in(text: str, placeholders: Mapping[str, str]) -> str:
    for name, value in placeholders.items():
        text = text.replace(f"{{{name}}}", value)
    return text

"""The list of spools in the form of the actions that take one, kept up to date."""

from datetime import datetime
from pathlib import Path
from typing import Any, Final

from homeassistant.core import HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.service import async_set_service_schema
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.yaml import load_yaml_dict

from .const import DOMAIN
from .core.engine.errors import StoreError
from .spool_choices import async_spool_choices

_KEY: HassKey[SpoolSelector] = HassKey(f"{DOMAIN}_spool_selector")

_ACTIONS: Final = ("assign_spool", "expect_spool")
# Changes are collected as long: a form shows the spools of when its page was loaded.
_COLLECT_SECONDS: Final = 30.0
# In a longer list none is found; any other spool can be entered.
_SHOWN: Final = 200


@callback
def async_refresh_spool_selector(hass: HomeAssistant) -> None:
    """Note that there may be other spools; the lists are renewed in a moment."""
    hass.data.setdefault(_KEY, SpoolSelector(hass)).async_refresh_soon()


class SpoolSelector:
    """Describes the actions with the known spools to choose from, the likeliest first."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Create it; until the first refresh services.yaml describes them."""
        self._hass = hass
        self._waiting = False
        self._shown: list[dict[str, str]] | None = None

    @callback
    def async_refresh_soon(self) -> None:
        """Renew the lists in a moment, once for all changes until then."""
        if not self._waiting:
            self._waiting = True
            job = HassJob(self._async_refresh, cancel_on_shutdown=True)
            async_call_later(self._hass, _COLLECT_SECONDS, job)

    async def _async_refresh(self, _: datetime) -> None:
        self._waiting = False
        try:
            choices = await async_spool_choices(self._hass, limit=_SHOWN)
        except StoreError:
            return
        options = [
            {"value": choice["external_id"], "label": choice["title"]}
            for choice in choices
        ]
        if options == self._shown:
            return
        self._shown = options
        described = await self._hass.async_add_executor_job(_described)
        selector = {"select": {"options": options, "custom_value": True}}
        for action in _ACTIONS:
            fields = described[action]["fields"]
            fields["external_id"] = {**fields["external_id"], "selector": selector}
            async_set_service_schema(self._hass, DOMAIN, action, described[action])


def _described() -> dict[str, Any]:
    return load_yaml_dict(str(Path(__file__).parent / "services.yaml"))

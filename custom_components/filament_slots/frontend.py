"""Serves the dashboard cards, without a dashboard resource or a restart."""

from hashlib import sha256
import logging
from pathlib import Path

from homeassistant.components.frontend import add_extra_js_url
from homeassistant.components.http.server import StaticPathConfig
from homeassistant.core import HomeAssistant

from .const import DOMAIN

_LOGGER = logging.getLogger(__name__)

URL = f"/{DOMAIN}/frontend"
# Holds only the build output of `frontend/build.mjs`.
FOLDER = Path(__file__).parent / "frontend"


async def async_register_frontend(hass: HomeAssistant) -> None:
    """Serve the cards, and let every page load the module that registers them.

    Does nothing without Home Assistant's frontend, or if the cards were never built.
    """
    if "frontend" not in hass.config.components:
        return
    try:
        entry = await hass.async_add_executor_job((FOLDER / "entry.js").read_bytes)
    except FileNotFoundError:
        _LOGGER.info("The dashboard cards are not built and therefore not available")
        return
    await hass.http.async_register_static_paths(
        [StaticPathConfig(URL, str(FOLDER), cache_headers=True)]
    )
    # Browsers cache it permanently: new contents need a new URL.
    version = sha256(entry).hexdigest()[:8]
    add_extra_js_url(hass, f"{URL}/entry.js?v={version}")

"""Brings the cards to the browser: no resource to add, no restart."""

from hashlib import sha256
import logging
from pathlib import Path

from homeassistant.components.frontend import add_extra_js_url
from homeassistant.components.http.server import StaticPathConfig
from homeassistant.core import HomeAssistant

from .const import DOMAIN

_LOGGER = logging.getLogger(__name__)

URL = f"/{DOMAIN}/frontend"
# Only what is built for the browser is served; `frontend/build.mjs` makes it.
FOLDER = Path(__file__).parent / "frontend"


async def async_register_frontend(hass: HomeAssistant) -> None:
    """Serve the cards, and let every page load the small module that offers them.

    A Home Assistant without its frontend needs none; a source tree that was never
    built has none.
    """
    if "frontend" not in hass.config.components:
        return
    try:
        entry = await hass.async_add_executor_job((FOLDER / "entry.js").read_bytes)
    except FileNotFoundError:
        _LOGGER.info("The dashboard cards are not built: there are none")
        return
    await hass.http.async_register_static_paths(
        [StaticPathConfig(URL, str(FOLDER), cache_headers=True)]
    )
    # Browsers keep it for ever: another content needs another address.
    version = sha256(entry).hexdigest()[:8]
    add_extra_js_url(hass, f"{URL}/entry.js?v={version}")

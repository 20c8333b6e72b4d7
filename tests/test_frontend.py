"""Frontend: how the cards are served to the browser."""

import logging
from pathlib import Path

from homeassistant.components.frontend import DATA_EXTRA_MODULE_URL, UrlManager
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.filament_slots import frontend

from .common import async_set_up, make_entry

pytestmark = pytest.mark.usefixtures("scripted_driver")


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the build output."""
    folder = tmp_path / "frontend"
    folder.mkdir()
    monkeypatch.setattr(frontend, "FOLDER", folder)
    return folder


@pytest.fixture
def urls(hass: HomeAssistant) -> UrlManager:
    """The modules that every page loads, in a Home Assistant with a frontend."""
    hass.config.components.add("frontend")
    urls = UrlManager(lambda change, url: None, [])
    hass.data[DATA_EXTRA_MODULE_URL] = urls
    return urls


async def test_every_page_loads_the_cards_without_any_resource(
    hass: HomeAssistant,
    bundle: Path,
    urls: UrlManager,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    (bundle / "entry.js").write_text("// the entry")
    await async_set_up(hass, make_entry())

    (url,) = urls.urls

    assert url.startswith("/filament_slots/frontend/entry.js?v=")
    answer = await (await hass_client_no_auth()).get(url)
    assert await answer.text() == "// the entry"
    assert "max-age" in answer.headers["Cache-Control"]


async def test_new_contents_have_a_new_url(
    hass: HomeAssistant, bundle: Path, urls: UrlManager
) -> None:
    assert await async_setup_component(hass, "http", {})
    for content in ("one", "two"):
        (bundle / "entry.js").write_text(content)
        await frontend.async_register_frontend(hass)

    assert len(urls.urls) == 2


async def test_only_the_build_output_is_served(
    hass: HomeAssistant,
    bundle: Path,
    urls: UrlManager,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    (bundle / "entry.js").write_text("// the entry")
    (bundle.parent / "ours.py").write_text("secret")
    await async_set_up(hass, make_entry())
    client = await hass_client_no_auth()

    for path in ("../ours.py", "%2e%2e/ours.py", "..%2fours.py", ""):
        answer = await client.get(f"{frontend.URL}/{path}")
        assert answer.status >= 400
        assert "secret" not in await answer.text()


async def test_without_built_cards_the_integration_loads_and_logs_that_once(
    hass: HomeAssistant,
    bundle: Path,
    urls: UrlManager,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    entry = make_entry()
    await async_set_up(hass, entry)
    await hass.config_entries.async_reload(entry.entry_id)

    assert not urls.urls
    assert caplog.text.count("The dashboard cards are not built") == 1


async def test_without_a_frontend_nothing_is_registered(
    hass: HomeAssistant, bundle: Path
) -> None:
    (bundle / "entry.js").write_text("// the entry")
    await async_set_up(hass, make_entry())

    assert DATA_EXTRA_MODULE_URL not in hass.data

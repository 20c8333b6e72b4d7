"""The dialog to add a printer, in a browser."""

import json
from pathlib import Path
import shutil

import pytest

from ..e2e.hass import ROOT, HomeAssistant
from .chromium import Chromium, Page
from .rig import SCREENSHOTS, sign_in

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("socket_enabled")]

DIALOG = "textOf(deep('dialog-data-entry-flow'))"
SECTIONS = "deepAll('ha-form-expandable')"
OPEN = f"""{SECTIONS}.map((one) =>
  deep("ha-expansion-panel", one.shadowRoot).expanded)"""


def _button(label: str) -> str:
    """Return the button with this label, as an expression."""
    return f"deepAll('ha-button').find((one) => textOf(one) === '{label}')"


async def _submit(page: Page, **values: str) -> None:
    """Enter values in the form as its fields do, and submit it."""
    await page.wait(f"deep('ha-form') && {_button('Submit')}")
    await page.run(
        f"""(async (form) => {{
          const value = {{...form.data, ...{json.dumps(values)}}};
          form.dispatchEvent(new CustomEvent("value-changed",
            {{detail: {{value}}, bubbles: true, composed: true}}));
          await form.updateComplete;
        }})(deep("ha-form"))"""
    )
    await page.run(f"{_button('Submit')}.click()")


async def test_the_dialog_is_short_and_describes_where_to_find_what_it_asks(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    page = await browser.page(width=800, height=1100)
    await sign_in(page, home_assistant)
    await page.open(
        f"{home_assistant.url}/config/integrations/dashboard/add?domain=filament_slots"
    )
    await page.wait(_button("OK"))
    await page.run(f"{_button('OK')}.click()")
    await _submit(page, driver_key="bambulab_mqtt")

    await page.wait(f"{SECTIONS}.length === 2")
    await page.screenshot(SCREENSHOTS / "dialog.png")
    await page.equals(OPEN, [False, False])

    await page.run(
        f"{SECTIONS}.forEach((one) => deep('#summary', one.shadowRoot).click())"
    )
    await page.wait(f"{OPEN}.every(Boolean)")
    for text in ("Settings > Device", "8883"):
        await page.wait(f"{DIALOG}.includes('{text}')")
    await page.screenshot(SCREENSHOTS / "dialog-open.png")

    await _submit(page, host="http://127.0.0.1:1/", serial="123", access_code="1234567")
    await page.wait(f"{DIALOG}.includes('An access code has 8 characters.')")
    await page.wait(f"{DIALOG}.includes('A serial number has 15 letters and digits.')")
    await page.screenshot(SCREENSHOTS / "dialog-errors.png")


async def test_the_form_of_another_components_driver_has_its_own_texts(
    tmp_path: Path, browser: Chromium
) -> None:
    template = ROOT / "docs" / "driver-template" / "custom_components" / "spool_box"
    folder = tmp_path / "home_assistant"
    folder.mkdir()
    home_assistant = HomeAssistant(folder)
    shutil.copytree(template, folder / "custom_components" / "spool_box")
    async with home_assistant:
        page = await browser.page(width=800, height=1100)
        await sign_in(page, home_assistant)
        await page.open(
            f"{home_assistant.url}/config/integrations/dashboard/add"
            "?domain=filament_slots"
        )
        await page.wait(_button("OK"))
        await page.run(f"{_button('OK')}.click()")
        await _submit(page, driver_key="spool_box")

        # One after the other, as the texts are loaded.
        for text in (
            "Connect to a SpoolBox",
            "is on the label under the box",
            "Advanced",
        ):
            await page.wait(f"{DIALOG}.includes('{text}')")
        label = "deep('ha-form').computeLabel({name: 'code'}, {}, {})"
        await page.equals(label, "Code")
        await page.screenshot(SCREENSHOTS / "dialog-component.png")

        await _submit(page, host="127.0.0.1", code="12345678")
        await page.wait(f"{DIALOG}.includes('The box refused the connection.')")

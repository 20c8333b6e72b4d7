"""Helpers for the browser tests: signing in, dashboards, cards, accessibility checks."""

import json
import os
from pathlib import Path
import time
from typing import Any

from ..e2e.client import Client
from ..e2e.hass import ROOT, HomeAssistant
from ..printers.bambu_hardware import VirtualBambu
from .chromium import Page, PageError

# Artefacts of every run; those of the README are replaced with
# FILAMENT_SLOTS_SCREENSHOTS=docs/images.
SCREENSHOTS = ROOT / os.environ.get("FILAMENT_SLOTS_SCREENSHOTS", "build/screenshots")
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"

SLOTS = "filament-slots-card-content"
TIMELINE = "filament-slots-timeline-card-content"
HEALTH = "filament-slots-health-card-content"
SPOOLS = "filament-slots-spools-card-content"
SPOOL = "filament-slots-spool-card-content"
DRIVERS = "filament-slots-drivers-card-content"
CARDS = (SLOTS, TIMELINE, HEALTH, SPOOLS, SPOOL, DRIVERS)

A_CARD = {"type": "custom:filament-slots-card"}
A_TIMELINE = {"type": "custom:filament-slots-timeline-card"}
ROWS = f"(deep('{TIMELINE}')?.renderRoot.querySelectorAll('li').length ?? 0)"
HASS = "document.querySelector('home-assistant').hass"
SHEET = "deep('filament-slots-sheet').renderRoot"
LIST = f"deep('{TIMELINE}').renderRoot.querySelector('.list')"
ANSWER = f"(deep('{TIMELINE}').renderRoot.querySelector('.answer') ?? document.body)"
HISTORY = f"textOf(deep('{TIMELINE}'))"
# Chooses a value in a field of the timeline.
CHOOSE = f"""((field, value) => {{
  const found = deep('{TIMELINE}').renderRoot.querySelector(field);
  found.value = value;
  found.dispatchEvent(new Event('change', {{bubbles: true}}));
}})"""
# Fills the form of a sheet, and submits it.
FILL = f"""((id, label) => {{
  {SHEET}.querySelector('[name=external_id]').value = id;
  {SHEET}.querySelector('[name=label]').value = label;
  {SHEET}.querySelector('.main').click();
}})"""

# The card's texts while it loads, and Home Assistant's for a card that failed.
RED_CARD = "deepAll('hui-error-card, ha-alert[alert-type=error]').length"


async def sign_in(
    page: Page, home_assistant: HomeAssistant, language: str = "en"
) -> None:
    """Sign the tab in, by storing the tokens where the login page stores them."""
    url = home_assistant.url
    tokens = {
        "access_token": home_assistant.client.token,
        "token_type": "Bearer",
        "refresh_token": "",
        "expires_in": 1800,
        "expires": (time.time() + 86_400) * 1000,
        "hassUrl": url,
        "clientId": f"{url}/",
    }
    await page.before_scripts(
        f"""if (location.origin === {json.dumps(url)}) {{
          localStorage.hassTokens = {json.dumps(json.dumps(tokens))};
          localStorage.dockedSidebar = '"always_hidden"';
          localStorage.selectedLanguage = '"{language}"';
        }}"""
    )


async def make_dashboard(
    client: Client,
    config: dict[str, Any],
    path: str = "a-dashboard",
    title: str = "Test",
) -> None:
    """Create a dashboard with nothing but cards."""
    await client.call(
        "lovelace/dashboards/create", url_path=path, mode="storage", title=title
    )
    await client.call("lovelace/config/save", url_path=path, config=config)


def cards(*configs: dict[str, Any]) -> dict[str, Any]:
    """Return a dashboard with these cards."""
    sections = [{"type": "grid", "cards": [config]} for config in configs]
    return {"views": [{"type": "sections", "path": "view", "sections": sections}]}


def real_looks(hardware: VirtualBambu) -> dict[str, str]:
    """Return how each bay of the virtual printer must look, by its label."""
    found = {}
    for unit in hardware.units.values():
        for number, bay in enumerate(unit.bays, start=1):
            label = (
                f"{chr(ord('A') + unit.number - 1)}{number}"
                if unit.number < 5
                else f"HT-{chr(ord('A') + unit.number - 5)}"
            )
            found[label] = (
                "empty"
                if bay.spool is None
                else "identified"
                if bay.spool.uuid
                else "unidentified"
            )
    return found


# The looks of all bays on the page, by their label.
LOOKS = """Object.fromEntries(deepAll(".bay").map((bay) => [
  bay.dataset.label,
  ["empty", "unidentified", "identified", "unwatched", "unknown"].find((look) =>
    bay.querySelector(".spool").classList.contains(look)),
]))"""


async def shows(page: Page, expected: dict[str, str]) -> None:
    """Wait until the card shows these bays; others are ignored."""
    try:
        await page.wait(
            f"""(() => {{
              const looks = {LOOKS}, expected = {json.dumps(expected)};
              return Object.keys(expected).every((bay) => looks[bay] === expected[bay]);
            }})()"""
        )
    except PageError:
        found = await page.run(LOOKS)
        raise PageError(f"the card shows {found} and not {expected}") from None


async def violations(page: Page, *selectors: str) -> list[str]:
    """Return the WCAG A and AA violations that axe-core finds in these elements."""
    await page.run(AXE.read_text() + "; undefined")
    found: list[dict[str, Any]] = await page.run(
        f"""axe.run(
          {json.dumps(selectors)}.flatMap((selector) => deepAll(selector)),
          {{runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}},
        ).then(({{violations}}) => violations.map(({{id, nodes}}) =>
          ({{id, where: nodes.map((node) => node.html.slice(0, 200) +
            " " + node.failureSummary)}})))"""
    )
    return [f"{one['id']}: {where}" for one in found for where in one["where"]]


async def small_targets(page: Page, *selectors: str) -> list[str]:
    """Return what can be pressed in these elements, and is below 44 pixels."""
    found: list[str] = await page.run(
        f"""{json.dumps(selectors)}.flatMap((selector) => deepAll(selector))
          .flatMap((root) => deepAll("a[href], button, input, select, summary", root.shadowRoot))
          .filter((target) => target.checkVisibility())
          .map((target) => [target, target.getBoundingClientRect()])
          .filter(([, {{width, height}}]) => Math.min(width, height) < 43.5)
          .map(([target, {{width, height}}]) =>
            `${{width}} x ${{height}}: ${{target.outerHTML.slice(0, 120)}}`)"""
    )
    return found


async def note_more_info(page: Page) -> None:
    """Record in `asked` the entities whose details dialog is opened."""
    await page.run(
        """window.asked = [];
        window.addEventListener("hass-more-info", (event) => {
          event.stopPropagation();
          asked.push(event.detail.entityId);
        }, true)"""
    )


async def darken(page: Page, *, dark: bool) -> None:
    """Switch the theme as the user's profile does."""
    detail = json.dumps({"dark": dark})
    await page.run(
        f"""document.querySelector("home-assistant").dispatchEvent(
          new CustomEvent("settheme", {{detail: {detail}}}))"""
    )
    await page.wait(
        f"document.querySelector('home-assistant').hass.themes.darkMode === {json.dumps(dark)}"
    )


def button(label: str) -> str:
    """Return the button of a sheet with this label, as an expression."""
    return f"""[...{SHEET}.querySelectorAll('.actions button')].find((one) =>
      one.textContent.trim() === '{label}')"""


def image(name: str) -> Path:
    """Return where a screenshot belongs."""
    return SCREENSHOTS / f"{name}.png"

"""The documentation: what it names exists, and its examples work."""

from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any
from urllib.parse import unquote

from homeassistant.components.automation.const import DOMAIN as AUTOMATION
from homeassistant.components.script.const import DOMAIN as SCRIPT
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar, device_registry as dr
from homeassistant.helpers.template import Template, is_template_string
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import load_yaml_dict, parse_yaml
import pytest
from pytest_homeassistant_custom_component.common import async_mock_service

from custom_components.filament_slots import condition, trigger
from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.driver_host import SETTLE_TIMES
from custom_components.filament_slots.drivers.base import DriverStatus, ErrorCode
from custom_components.filament_slots.drivers.moonraker_filament.driver import (
    Driver as MoonrakerDriver,
)
from custom_components.filament_slots.drivers.timings import Timings
from custom_components.filament_slots.options import HISTORY_OPTIONS, SHARED_OPTIONS

from .common import (
    PLA,
    UNIT_SERIAL,
    async_deliver,
    async_set_up,
    async_show,
    make_entry,
    spool_event,
    state,
)

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "custom_components" / DOMAIN
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    *(
        f"docs/{page}.md"
        for page in (
            "actions",
            "automations",
            "entities",
            "events",
            "postgresql",
            "printers",
            "privacy",
            "setup",
            "spoolman",
            "troubleshooting",
        )
    ),
)
TEXTS = {page: (ROOT / page).read_text() for page in PAGES}

# Stands for the device that the reader picks.
DEVICE = "0123456789abcdef0123456789abcdef"


def _examples() -> Iterator[Any]:
    for page, text in TEXTS.items():
        for found in re.finditer(
            r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL
        ):
            line = text[: found.start()].count("\n") + 1
            yield pytest.param(found[1], id=f"{page}:{line}")


EXAMPLES = list(_examples())


def _example(beginning: str) -> str:
    """Return the example that begins like this."""
    found = {
        each.values[0] for each in EXAMPLES if each.values[0].startswith(beginning)
    }
    assert len(found) == 1, beginning
    return str(found.pop())


def _section(page: str, heading: str) -> str:
    """Return what is under a heading, up to the next one of its kind."""
    _, found, after = f"\n{TEXTS[page]}".partition(f"\n{heading}\n")
    assert found, heading
    level = heading.split(" ", maxsplit=1)[0]
    return re.split(rf"\n#{{1,{len(level)}}} ", after)[0]


def _rows(text: str) -> list[list[str]]:
    """Return the cells of the rows of the tables in it, headings left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    ruled = {at for at, row in enumerate(rows) if set(row[0]) <= set("- ") and row[0]}
    return [row for at, row in enumerate(rows) if not ruled & {at, at + 1}]


def _named(text: str) -> list[str]:
    """Return what is marked as a name."""
    return re.findall(r"`([^`]+)`", text)


@pytest.fixture
async def slot_id(hass: HomeAssistant, scripted_driver: None) -> str:
    """The second slot, an unidentified PETG, of a connected printer in an area."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_show(hass, entry, DriverStatus.RUNNING)
    await async_deliver(hass, entry, state())
    devices = dr.async_get(hass)
    slot = devices.async_get_child_device_by_identifier(
        (DOMAIN, f"{entry.unique_id}_{UNIT_SERIAL}_2"), entry.entry_id
    )
    assert slot is not None
    area = ar.async_get(hass).async_create("Workshop")
    devices.async_update_device(slot.parent_device_id, area_id=area.id)
    return slot.id


async def _use(hass: HomeAssistant, example: str, slot_id: str) -> str:
    """Do with an example what its reader does; return the entity it has become."""
    config: Any = parse_yaml(example.replace(DEVICE, slot_id))
    if "triggers" in config:
        config = {"alias": "Example", **config, "id": "example"}
        assert await async_setup_component(hass, AUTOMATION, {AUTOMATION: [config]})
        (entity_id,) = hass.states.async_entity_ids(AUTOMATION)
        return entity_id
    if "sequence" not in config:
        config = {"sequence": [config]}
    assert await async_setup_component(hass, SCRIPT, {SCRIPT: {"example": config}})
    return f"{SCRIPT}.example"


def _actions(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every action in it that is one of ours."""
    if isinstance(tree, list):
        for each in tree:
            yield from _actions(each)
    elif isinstance(tree, dict):
        if str(tree.get("action", "")).startswith(f"{DOMAIN}."):
            yield tree
        for each in tree.values():
            yield from _actions(each)


@pytest.mark.parametrize("example", EXAMPLES)
async def test_every_example_is_accepted(
    hass: HomeAssistant, slot_id: str, example: str
) -> None:
    entity_id = await _use(hass, example, slot_id)

    used = hass.states.get(entity_id)
    assert used is not None
    assert used.state == ("on" if entity_id.startswith(AUTOMATION) else "off")
    # What an action is given is looked at only when it runs.
    for action in _actions(parse_yaml(example)):
        schema = hass.services.async_services()[DOMAIN][
            action["action"].removeprefix(f"{DOMAIN}.")
        ].schema
        assert schema is not None
        schema(
            {
                name: value
                for name, value in action["data"].items()
                if not is_template_string(str(value))
            }
            | {
                name: Template(value, hass).async_render({"trigger": _TAG_SCANNED})
                for name, value in action["data"].items()
                if is_template_string(str(value))
            }
        )
    # Some wait for a time of the day.
    await hass.services.async_call(
        entity_id.split(".")[0], "turn_off", {"entity_id": entity_id}, blocking=True
    )


_TAG_SCANNED = {"event": {"data": {"tag_id": "12"}}}


@pytest.mark.parametrize(
    ("example", "event", "notification"),
    [
        (
            "alias: New spool\n",
            spool_event("spool_inserted", 3, meta={"filament": PLA}),
            {"title": "X1C · A3", "message": "PLA Basic was inserted."},
        ),
        (
            "alias: New spool\n",
            spool_event("spool_inserted", 3, meta={"filament": {"material": "PETG"}}),
            {"title": "X1C · A3", "message": "PETG was inserted."},
        ),
        (
            "alias: Notify about new spools\n",
            spool_event(
                "spool_inserted", 3, meta={"slot_label": "A3", "filament": PLA}
            ),
            {"title": "New spool in X1C · A3", "message": "PLA was inserted."},
        ),
        (
            "alias: Notify about new spools\n",
            spool_event("spool_inserted", 3, meta={"slot_label": "A3"}),
            {"title": "New spool in X1C · A3", "message": "A spool was inserted."},
        ),
        (
            "alias: Unknown spool in the workshop\n",
            spool_event("unknown_spool_detected", 2),
            {"message": "Which spool is in X1C · A2?"},
        ),
        (
            "alias: Expensive spool removed\n",
            spool_event("spool_removed", 2, identifiers={"external_id": "spoolman:12"}),
            {"message": "Removed: X1C · A2."},
        ),
        (
            "alias: Expensive spool removed\n",
            spool_event(
                "spool_removed",
                2,
                identifiers={"external_id": "spoolman:12"},
                meta={"reason": "runout"},
            ),
            {"message": "Ran out: X1C · A2."},
        ),
        (
            "alias: New spool with an event entity\n",
            spool_event("spool_inserted", 1),
            {"message": "A spool was inserted into slot A1."},
        ),
    ],
)
async def test_an_example_of_an_automation_sends_its_message(
    hass: HomeAssistant,
    slot_id: str,
    example: str,
    event: dict[str, Any],
    notification: dict[str, str],
) -> None:
    notes = [
        async_mock_service(hass, "notify", "persistent_notification"),
        async_mock_service(hass, "persistent_notification", "create"),
    ]
    await _use(hass, _example(example), slot_id)

    (entry,) = hass.config_entries.async_entries(DOMAIN)
    await async_deliver(hass, entry, event)

    assert [dict(call.data) for calls in notes for call in calls] == [notification]


@pytest.mark.parametrize(
    "beginning",
    ["# Which slots", "# Where has", "action: filament_slots.refresh", "# Undone"],
)
async def test_an_example_of_actions_runs(
    hass: HomeAssistant, slot_id: str, beginning: str
) -> None:
    notes = async_mock_service(hass, "notify", "persistent_notification")
    entity_id = await _use(hass, _example(beginning), slot_id)

    await hass.services.async_call(
        SCRIPT,
        entity_id.removeprefix(f"{SCRIPT}."),
        blocking=True,
        return_response=True,
    )

    messages = [call.data["message"] for call in notes]
    assert messages == (["Please check A2."] if beginning == "# Which slots" else [])


async def test_the_example_of_a_scanned_tag_names_the_next_spool(
    hass: HomeAssistant, slot_id: str
) -> None:
    await _use(hass, _example("# The tag on each spool's box"), slot_id)

    hass.bus.async_fire("tag_scanned", _TAG_SCANNED["event"]["data"])
    await hass.async_block_till_done()
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    now = dt_util.utcnow().isoformat()
    await async_deliver(hass, entry, spool_event("spool_inserted", 3, event_at=now))

    shown = hass.states.get("sensor.x1c_ams_a_slot_a3_filament")
    assert shown is not None
    assert shown.attributes["external_id"] == "spoolman:12"


# What is named is there, and what is there is named.


def _anchors(page: Path) -> set[str]:
    """Return what a link may name of a page: its headings, as GitHub spells them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings
    }


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_links_to_is_there(page: str) -> None:
    links = re.findall(
        r"\]\(([^)]+)\)|^\[[^]]+\]: (\S+)|src=\"([^\"]+)\"", TEXTS[page], re.MULTILINE
    )
    assert links

    for link in map("".join, links):
        # Ours, by their public address: images, and blueprints to import.
        if ours := re.search(r"filament-slots/(?:blob/)?main/(.*)$", unquote(link)):
            assert (ROOT / ours[1]).is_file(), link
        elif not link.startswith("https:"):
            name, _, anchor = link.partition("#")
            file = (ROOT / page).parent / name if name else ROOT / page
            assert file.is_file(), link
            assert not anchor or anchor in _anchors(file), link


def test_the_tables_of_the_database_are_those_that_its_program_creates() -> None:
    page = TEXTS["docs/postgresql.md"]
    tables = re.search(r"^```sql\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert tables is not None

    assert tables[1] in (ROOT / "docs" / "postgresql" / "consumer.py").read_text()


def test_every_error_of_a_driver_is_among_the_troubles() -> None:
    rows = _rows(_section("docs/troubleshooting.md", "# Troubleshooting"))

    # The last one is found by the dialog.
    codes = {*ErrorCode, "another_type"}
    assert {name for row in rows for name in _named(row[0])} == codes
    assert all(len(row) == 3 and all(row) for row in rows)


def test_every_action_and_each_of_its_fields_is_explained() -> None:
    services: Any = load_yaml_dict(str(FOLDER / "services.yaml"))
    page = TEXTS["docs/actions.md"]
    listed = {name for row in _rows(page.split("\n## ")[0]) for name in _named(row[0])}
    headings = re.findall(r"^## `(.*)`$", page, re.MULTILINE)

    assert listed == set(services)
    assert headings == [f"{DOMAIN}.{name}" for name in services]
    for name, service in services.items():
        rows = _rows(_section("docs/actions.md", f"## `{DOMAIN}.{name}`"))
        fields = {row[0].strip("`"): row[1] for row in rows if len(row) == 3}
        assert set(fields) == set(service["fields"]), name
        for field, described in service["fields"].items():
            required = bool(described.get("required"))
            assert (fields[field] == "required") is required, (name, field)


def test_every_trigger_and_condition_is_explained_with_its_options() -> None:
    page = "docs/automations.md"
    triggers: Any = load_yaml_dict(str(FOLDER / "triggers.yaml"))
    conditions: Any = load_yaml_dict(str(FOLDER / "conditions.yaml"))
    short = {
        "all": set(trigger.TRIGGERS),
        "inserted": {"spool_inserted"},
        "removed": {"spool_removed"},
        "unknown": {"unknown_spool_detected"},
        "low": {"spool_low"},
        "mismatched": {"spool_mismatched"},
    }

    listed = {
        name
        for row in _rows(_section(page, "## Triggers").split("\n### ")[0])
        for name in _named(row[0])
    }
    assert listed == {f"{DOMAIN}.{name}" for name in trigger.TRIGGERS}
    options = _rows(_section(page, "### Options"))
    for name in trigger.TRIGGERS:
        assert {
            option.strip("`")
            for option, where, _ in options
            if name in set().union(*(short[each] for each in where.split(", ")))
        } == set(triggers[name]["fields"]), name

    rows = _rows(_section(page, "## Conditions"))
    assert {row[0].strip("`"): set(_named(row[2])) for row in rows} == {
        f"{DOMAIN}.{name}": set(conditions[name]["fields"])
        for name in condition.CONDITIONS
    }


def test_every_option_is_listed_with_what_is_usual_and_its_bounds() -> None:
    rows = _rows(_section("docs/setup.md", "## Options"))
    ours, klipper = Timings(), MoonrakerDriver.timings
    usual = {
        name: f"{getattr(ours, name):g} s"
        + (
            f", Klipper {getattr(klipper, name):g} s"
            if getattr(klipper, name) != getattr(ours, name)
            else ""
        )
        for name in SETTLE_TIMES
    }

    assert [row[1:] for row in rows] == [
        *(
            [f"{usual} days", f"{least} to {most}"]
            for least, most, usual in HISTORY_OPTIONS.values()
        ),
        *(
            [usual[name], f"{least:g} to {most:g}"]
            for name, (least, most) in SETTLE_TIMES.items()
        ),
        *(
            [f"{usual} MB", f"{least} to {most}"]
            for least, most, usual in SHARED_OPTIONS.values()
        ),
    ]


def test_every_entity_is_listed_by_its_name() -> None:
    texts: Any = json.loads((FOLDER / "translations" / "en.json").read_text())
    names = {
        each["name"] for kind in texts["entity"].values() for each in kind.values()
    }
    rows = _rows(_section("docs/entities.md", "# Devices, entities and cards"))

    listed = {
        name for row in rows for name in re.findall(r"\*([^*]+)\*", row[1] + row[2])
    }
    # These have Home Assistant's own names.
    assert listed == names | {"Humidity", "Temperature"}

"""Blueprints: automations made from them, against printers with scripted events."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
import re
import shutil
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlencode

from homeassistant.components.automation.const import DOMAIN as AUTOMATION
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.components.blueprint.schemas import BLUEPRINT_SCHEMA
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.template import render_complex
from homeassistant.helpers.typing import ConfigType, TemplateVarsType
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import load_yaml_dict
import probatio
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockModule,
    async_fire_time_changed,
    async_mock_service,
    mock_integration,
    mock_platform,
)
import yaml

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.drivers.base import DriverStatus
from custom_components.filament_slots.serializers import printer_device_id

from .common import (
    PLA,
    TAG,
    UNIT_SERIAL,
    async_deliver,
    async_set_up,
    async_show,
    make_entry,
    spool_event,
    state,
    unit_state,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")

FOLDER = Path(__file__).parents[1] / "blueprints" / "automation" / DOMAIN
BLUEPRINTS = sorted(FOLDER.glob("*.yaml"))
SOURCE = f"https://github.com/filament-slots/filament-slots/blob/main/blueprints/automation/{DOMAIN}/"

_MINUTE = timedelta(minutes=1)

type Automate = Callable[..., Coroutine[Any, Any, None]]


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """A connected printer with a unit: a tagged PLA, an unidentified PETG, two empty."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_show(hass, entry, DriverStatus.RUNNING)
    await async_deliver(hass, entry, state())
    return entry


@pytest.fixture
def automate(hass: HomeAssistant) -> Automate:
    """Make an automation from a blueprint, as the dialog does."""

    async def automate(blueprint: str, **inputs: Any) -> None:
        installed = Path(hass.config.path("blueprints", AUTOMATION, DOMAIN))
        await hass.async_add_executor_job(shutil.copytree, FOLDER, installed)
        use = {"path": f"{DOMAIN}/{blueprint}.yaml", "input": inputs}
        config = {"id": "made", "alias": "Made", "use_blueprint": use}
        assert await async_setup_component(hass, AUTOMATION, {AUTOMATION: [config]})
        await hass.async_block_till_done()
        made = hass.states.get("automation.made")
        assert made is not None
        assert made.state == "on"

    return automate


@pytest.fixture
def notes(hass: HomeAssistant) -> list[ServiceCall]:
    """The notifications that are written."""
    return async_mock_service(hass, "persistent_notification", "create")


def _notified(notes: list[ServiceCall]) -> list[tuple[str, str]]:
    return [(note.data["title"], note.data["message"]) for note in notes]


def _slot(hass: HomeAssistant, entry: MockConfigEntry, number: int) -> str:
    slot = dr.async_get(hass).async_get_child_device_by_identifier(
        (DOMAIN, f"{entry.unique_id}_{UNIT_SERIAL}_{number}"), entry.entry_id
    )
    assert slot is not None
    return slot.id


def _with_meta(event: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return event | {"meta": event["meta"] | meta}


@pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)
async def test_a_blueprint_is_complete_and_names_its_source(
    hass: HomeAssistant, path: Path
) -> None:
    blueprint = Blueprint(
        await hass.async_add_executor_job(load_yaml_dict, str(path)),
        expected_domain=AUTOMATION,
        schema=BLUEPRINT_SCHEMA,
    )

    assert blueprint.validate() is None
    assert blueprint.metadata["source_url"] == SOURCE + path.name
    assert blueprint.metadata["homeassistant"]["min_version"] == "2026.10.0"
    assert blueprint.metadata["description"]
    for details in blueprint.inputs.values():
        assert details["name"]
        assert details["selector"]


# What was inserted or removed.


@pytest.mark.parametrize(
    ("event", "title", "message"),
    [
        (
            _with_meta(spool_event("spool_inserted", 3), filament=PLA),
            "Spool inserted",
            "PLA Basic was inserted into X1C · A3.",
        ),
        (
            _with_meta(spool_event("spool_inserted", 3), detected_late=True),
            "Spool inserted",
            "A spool was inserted into X1C · A3 (detected later).",
        ),
        (
            _with_meta(spool_event("spool_removed", 1), filament={"material": "PLA"}),
            "Spool removed",
            "PLA was removed from X1C · A1.",
        ),
        (
            _with_meta(spool_event("spool_removed", 1), reason="runout"),
            "Spool removed",
            "A spool ran out in X1C · A1.",
        ),
        (
            spool_event("spool_inserted", 3, meta=None),
            "Spool inserted",
            "A spool was inserted into X1C · A3.",
        ),
    ],
)
async def test_a_change_is_announced_in_plain_words(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    automate: Automate,
    notes: list[ServiceCall],
    event: dict[str, Any],
    title: str,
    message: str,
) -> None:
    await automate("announce_spool_changes")

    await async_deliver(hass, entry, event)

    assert _notified(notes) == [(title, message)]


async def test_only_the_chosen_slots_materials_and_times_are_announced(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    automate: Automate,
    notes: list[ServiceCall],
) -> None:
    await automate(
        "announce_spool_changes",
        slots={"device_id": [_slot(hass, entry, 3)]},
        material=["PLA"],
        include_late=False,
        announcement=[{"action": "test.say", "data": {"text": "{{ message }}"}}],
    )
    announced = async_mock_service(hass, "test", "say")
    pla = _with_meta(spool_event("spool_inserted", 3), filament=PLA)

    await async_deliver(
        hass,
        entry,
        pla | {"slot": pla["slot"] | {"slot_no": 4}},
        spool_event("spool_inserted", 3),
        _with_meta(pla, detected_late=True),
        pla,
    )

    assert [call.data["text"] for call in announced] == [
        "PLA Basic was inserted into X1C · A3."
    ]
    assert notes == []


# A print that runs out.


@pytest.mark.parametrize(
    ("filament", "message"),
    [
        (
            PLA,
            (
                "PLA Basic in X1C · A2 ran out during a print. "
                "The same material is in Slot A1."
            ),
        ),
        (
            {"material": "PETG"},
            ("PETG in X1C · A2 ran out during a print. No other slot holds PETG."),
        ),
        ({}, "The filament in X1C · A2 ran out during a print."),
    ],
)
async def test_a_spool_that_ran_out_during_a_print_is_warned_about(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    automate: Automate,
    notes: list[ServiceCall],
    filament: dict[str, Any],
    message: str,
) -> None:
    await automate("feeding_slot_ran_out")
    removed = _with_meta(spool_event("spool_removed", 2), filament=filament)

    await async_deliver(hass, entry, _with_meta(removed, reason="runout"))

    assert _notified(notes) == [("X1C · A2 ran out", message)]


async def test_a_spool_that_was_taken_out_did_not_run_out(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    automate: Automate,
    notes: list[ServiceCall],
) -> None:
    await automate("feeding_slot_ran_out")

    await async_deliver(hass, entry, spool_event("spool_removed", 2))

    assert notes == []


# Damp filament.


async def test_a_unit_whose_humidity_stays_high_is_warned_about(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    automate: Automate,
    notes: list[ServiceCall],
) -> None:
    await automate("humidity_too_high", sensors=["sensor.x1c_ams_a_humidity"], limit=45)

    await async_deliver(hass, entry, state(unit_state(humidity_percent=52.0)))
    assert notes == []
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=31))
    await hass.async_block_till_done()

    assert _notified(notes) == [
        (
            "X1C AMS A: humidity too high",
            "The humidity in X1C AMS A is 52 %, above 45 %.",
        )
    ]


# Which spool is it?


@pytest.fixture
def pushed() -> list[dict[str, Any]]:
    """What the phone is sent."""
    return []


@pytest.fixture
def phone(hass: HomeAssistant, pushed: list[dict[str, Any]]) -> str:
    """A phone with the app, of which only the action is real enough; its device.

    The app's own integration wants libraries for cameras and speech; the end-to-end
    tests have them.
    """

    async def notify(
        hass: HomeAssistant, config: ConfigType, variables: TemplateVarsType, _: Any
    ) -> None:
        pushed.append(
            {
                key: render_complex(config[key], variables)
                for key in ("title", "message", "data")
                if key in config
            }
        )

    schema = cv.DEVICE_ACTION_BASE_SCHEMA.extend(
        {
            probatio.Required("type"): "notify",
            probatio.Required("message"): cv.template,
            probatio.Optional("title"): cv.template,
            probatio.Optional("data"): cv.template_complex,
        }
    )
    mock_integration(hass, MockModule("mobile_app"))
    mock_platform(
        hass,
        "mobile_app.device_action",
        Mock(
            spec_set=["ACTION_SCHEMA", "async_call_action_from_config"],
            ACTION_SCHEMA=schema,
            async_call_action_from_config=notify,
        ),
    )
    app = MockConfigEntry(domain="mobile_app", state=ConfigEntryState.LOADED)
    app.add_to_hass(hass)
    return (
        dr.async_get(hass)
        .async_get_or_create(
            config_entry_id=app.entry_id, identifiers={("mobile_app", "phone")}
        )
        .id
    )


async def _ask(hass: HomeAssistant, entry: MockConfigEntry, slot_no: int = 3) -> None:
    """Put a spool without a tag into a slot."""
    meta = {"filament": {"material": "PETG"}}
    await async_deliver(
        hass,
        entry,
        _with_meta(spool_event("spool_inserted", slot_no), **meta),
        _with_meta(spool_event("unknown_spool_detected", slot_no), **meta),
    )


async def _answer(hass: HomeAssistant, action: str, text: str | None = None) -> None:
    reply = {} if text is None else {"reply_text": text}
    hass.bus.async_fire("mobile_app_notification_action", {"action": action} | reply)
    await hass.async_block_till_done()


async def test_the_phone_asks_with_the_spools_to_choose_from(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    automate: Automate,
    phone: str,
    pushed: list[dict[str, Any]],
) -> None:
    await automate(
        "ask_which_spool",
        phone=phone,
        spools=["Black = spoolman:12", "no identity", "Red= 13", "Blue =name:blue"],
    )

    await _ask(hass, entry)

    (push,) = pushed
    assert push["title"] == "X1C · A3: which spool is it?"
    assert push["message"] == "PETG without a tag was inserted into X1C · A3."
    slot = _slot(hass, entry, 3)
    mine = f"filament_slots|automation.made|{slot}|"
    assert push["data"] == {
        "tag": f"filament_slots_{slot}",
        "actions": [
            {"action": f"{mine}spoolman:12|Black", "title": "Black"},
            {"action": f"{mine}13|Red", "title": "Red"},
            {"action": mine, "title": "Another…", "behavior": "textInput"},
            {"action": f"{mine}name:blue|Blue", "title": "Blue"},
        ],
    }


async def test_the_phone_offers_the_three_likeliest_spools(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    automate: Automate,
    phone: str,
    pushed: list[dict[str, Any]],
) -> None:
    """That was last seen in the slot comes first; what is in a slot comes last."""
    slot = _slot(hass, entry, 3)
    for number, (spool, label) in enumerate({"12": "Black", "13": "Red"}.items(), 3):
        await hass.services.async_call(
            DOMAIN,
            "expect_spool",
            {"external_id": spool, "label": label},
            blocking=True,
        )
        at = dt_util.utcnow().isoformat()
        for event_type in ("spool_inserted", "spool_removed"):
            event = spool_event(event_type, number, event_at=at)
            await async_deliver(hass, entry, event)
    await automate("ask_which_spool", phone=phone)

    await _ask(hass, entry)

    (push,) = pushed
    mine = f"filament_slots|automation.made|{slot}|"
    tagged = f"{TAG['external_id']}|PLA Basic"
    assert push["data"]["actions"] == [
        {"action": f"{mine}spoolman:12|Black", "title": "Black"},
        {"action": f"{mine}spoolman:13|Red", "title": "Red"},
        {"action": mine, "title": "Another…", "behavior": "textInput"},
        {"action": f"{mine}{tagged}", "title": "PLA Basic · 80 %"},
    ]
    await _answer(hass, push["data"]["actions"][0]["action"])
    answer: Any = await hass.services.async_call(
        DOMAIN, "get_slots", {"device_id": slot}, blocking=True, return_response=True
    )
    assert answer["slots"][0]["assigned_external_id"] == "spoolman:12"


@pytest.mark.parametrize(
    ("button", "text", "external_id", "label"),
    [
        pytest.param("spoolman:12|Black", None, "spoolman:12", "Black", id="button"),
        pytest.param("13|Red", None, "spoolman:13", "Red", id="button, number"),
        pytest.param("shelf 3|Red", None, "name:shelf 3", "Red", id="button, words"),
        pytest.param("", "12", "spoolman:12", None, id="number"),
        pytest.param("", " #12 ", "spoolman:12", None, id="number sign"),
        pytest.param("", "bambulab:AB12", "bambulab:AB12", None, id="identity"),
        pytest.param(
            "", "Red: the one", "name:Red: the one", "Red: the one", id="name"
        ),
        pytest.param("", "x" * 200, f"name:{'x' * 123}", "x" * 64, id="long name"),
        pytest.param("", "  ", None, None, id="nothing"),
        pytest.param("", None, None, None, id="no text"),
    ],
)
async def test_the_answer_is_assigned_to_the_slot(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    automate: Automate,
    phone: str,
    button: str,
    text: str | None,
    external_id: str | None,
    label: str | None,
) -> None:
    await automate("ask_which_spool", phone=phone)
    await _ask(hass, entry)
    slot = _slot(hass, entry, 3)

    await _answer(hass, f"filament_slots|automation.made|{slot}|{button}", text)

    answer: Any = await hass.services.async_call(
        DOMAIN, "get_slots", {"device_id": slot}, blocking=True, return_response=True
    )
    (shown,) = answer["slots"]
    assert shown["assigned_external_id"] == external_id
    assert shown["assigned_label"] == label


@pytest.mark.parametrize(
    "action", ["OPEN", "filament_slots|automation.other|x|1|Red", None]
)
async def test_answers_to_other_notifications_are_ignored(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    automate: Automate,
    phone: str,
    action: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await automate("ask_which_spool", phone=phone)
    assigned = async_mock_service(hass, DOMAIN, "assign_spool")

    hass.bus.async_fire("mobile_app_notification_action", {"action": action})
    await hass.async_block_till_done()

    assert assigned == []
    assert "Error" not in caplog.text


async def test_the_question_goes_away_with_the_spool(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    automate: Automate,
    phone: str,
    pushed: list[dict[str, Any]],
) -> None:
    await automate("ask_which_spool", phone=phone)
    await _ask(hass, entry)

    await async_deliver(hass, entry, spool_event("spool_removed", 3))

    asked, withdrawn = pushed
    assert withdrawn["message"] == "clear_notification"
    assert withdrawn["data"]["tag"] == asked["data"]["tag"]


# A scanned tag.


def _announced(entry: MockConfigEntry) -> list[tuple[int | None, str, float]]:
    """Return what is announced: for which printer, which spool, for how many minutes."""
    return [
        (
            each.printer_id,
            each.assigned.external_id,
            (each.until - each.since) / _MINUTE,
        )
        for each in (found.expectation for found in entry.runtime_data.announced)
    ]


async def _scan(hass: HomeAssistant, **data: Any) -> None:
    hass.bus.async_fire("tag_scanned", {"device_id": "reader", "name": None} | data)
    await hass.async_block_till_done()


@pytest.mark.parametrize(
    ("tag", "spool", "name"),
    [
        ({"tag_id": "12"}, "spoolman:12", "spoolman:12"),
        ({"tag_id": "x", "name": "spoolman:12"}, "spoolman:12", "spoolman:12"),
        ({"tag_id": "web+spoolman:s-12"}, "spoolman:12", "spoolman:12"),
        ({"tag_id": TAG["rfid_uid"], "name": "Tag 1"}, TAG["external_id"], "PLA Basic"),
    ],
)
async def test_a_scanned_spool_is_announced_for_the_printer(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    automate: Automate,
    notes: list[ServiceCall],
    tag: dict[str, Any],
    spool: str,
    name: str,
) -> None:
    printer = printer_device_id(hass, entry)
    await automate(
        "announce_scanned_spool", readers=["reader"], printer=printer, minutes=3
    )

    await _scan(hass, **tag)
    await _scan(hass, tag_id="13", device_id="another reader")

    printer_id = entry.runtime_data.printer_id
    assert _announced(entry) == [(printer_id, spool, 3)]
    assert _notified(notes) == [
        ("Insert the spool", f"{name}: insert it into X1C within 3 minutes.")
    ]


@pytest.mark.parametrize("readers", [[], ["reader"]])
async def test_an_unknown_tag_is_named_where_a_reader_of_spools_scans_it(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    automate: Automate,
    notes: list[ServiceCall],
    readers: list[str],
) -> None:
    """Any other tag of the house may be of anything."""
    await automate("announce_scanned_spool", readers=readers)

    await _scan(hass, tag_id="DEADBEEF")
    await _scan(hass, tag_id="http://other.lan/?spool=1")
    unknown = list(_notified(notes))
    await _scan(hass, tag_id="12")

    assert unknown == [
        ("Unknown tag", "No spool is known for this tag.") for _ in readers * 2
    ]
    assert _announced(entry) == [(None, "spoolman:12", 5)]
    assert _notified(notes)[len(unknown) :] == [
        ("Insert the spool", "spoolman:12: insert it into a printer within 5 minutes.")
    ]


# The examples of the documentation.

DOCS = (FOLDER.parents[2] / "docs" / "automations.md").read_text()
EXAMPLES = [
    yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["alias"])
async def test_an_example_can_be_pasted_as_it_is(
    hass: HomeAssistant, entry: MockConfigEntry, example: dict[str, Any]
) -> None:
    assert await async_setup_component(
        hass, AUTOMATION, {AUTOMATION: [example | {"id": "example"}]}
    )
    await hass.async_block_till_done()

    (automation,) = hass.states.async_all(AUTOMATION)
    assert automation.state == "on"
    # One of them waits for the evening.
    await hass.services.async_call(
        AUTOMATION, "turn_off", {"entity_id": automation.entity_id}, blocking=True
    )


def test_every_blueprint_has_its_import_link() -> None:
    links = re.findall(
        r"^\[\w+\]: https://my\.home-assistant\.io/(\S+)$", DOCS, re.MULTILINE
    )

    assert sorted(links) == [
        f"redirect/blueprint_import/?{urlencode({'blueprint_url': SOURCE + path.name})}"
        for path in BLUEPRINTS
    ]
    assert {f"[Import][{path.stem}]" for path in BLUEPRINTS} <= set(
        re.findall(r"\[Import\]\[\w+\]", DOCS)
    )

"""Explanations of slots, with an answer in plain words: why a slot reads as it does."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, TypedDict

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .coordinator import SlotCoordinator
from .core.slot_state import SlotKey
from .drivers.explanation import PrinterReport, Reported, SlotExplanation
from .model import StoredSlot
from .slot_spools import slot_spools

_CATEGORY: Final = "config_panel"
_TEXTS: Final = f"component.{DOMAIN}.{_CATEGORY}.explanation."

# The key of a text, and its placeholders.
type _Sentence = tuple[str, dict[str, str]]


class ExplainedSlot(TypedDict):
    """Why a slot reads as it does.

    answer: some sentences. details: null if the driver explains nothing.
    """

    answer: str
    details: SlotExplanation | None


class ExplainedPrinter(TypedDict):
    """Why the slots of a printer read as they do; report: null as `details`."""

    report: PrinterReport | None
    slots: dict[SlotKey, ExplainedSlot]


async def async_answer_texts(hass: HomeAssistant, language: str) -> dict[str, str]:
    """Return the texts that answers in a language consist of."""
    return await async_get_translations(hass, language, _CATEGORY, [DOMAIN])


@callback
def explain(coordinator: SlotCoordinator, texts: dict[str, str]) -> ExplainedPrinter:
    """Explain the slots that have a device."""
    explanation = coordinator.driver.explain()
    report = explanation["printer"] if explanation else None
    known = {
        (each["unit_serial"], each["ams_unit_no"], each["slot_no"]): each
        for each in (explanation["slots"] if explanation else ())
    }
    slots: dict[SlotKey, ExplainedSlot] = {}
    for key, slot in coordinator.slots.items():
        unit = slot.unit
        details = known.get(
            (unit.serial, unit.ams_unit_no, slot.slot_no)
            if unit
            else (None, None, slot.slot_no)
        )
        sentences = [
            *_state(slot, connected=coordinator.connected),
            *_inventory_spool(coordinator, key),
            *_tracking(slot, details),
            *_refused(report),
        ]
        slots[key] = {
            "answer": " ".join(
                texts[_TEXTS + name].format(**placeholders)
                for name, placeholders in sentences
            ),
            "details": details,
        }
    return {"report": report, "slots": slots}


def _state(slot: StoredSlot, *, connected: bool) -> Iterator[_Sentence]:
    """Yield what is confirmed about the slot."""
    name = {"slot": slot.shown_label}
    yield slot.status or "undecided", name
    if slot.updated_at is not None:
        yield "last_changed", {"time": _time(slot.updated_at)}
    if not connected:
        yield "not_connected", {}


def _inventory_spool(coordinator: SlotCoordinator, key: SlotKey) -> Iterator[_Sentence]:
    """Yield which spool of an inventory it is and what that is known from, or why not."""
    spools = slot_spools(coordinator.hass)
    finding, found = spools.finding(coordinator, key), spools.of(coordinator, key)
    if finding is not None and finding.problem is not None:
        yield f"spool_{finding.problem}", {}
    if found is None:
        return
    yield (
        f"spool_{found.source}",
        {
            "spool": f"{found.spool.name or ''} ({found.spool.id})".strip(),
            "inventory": found.host.entry.title,
        },
    )
    if others := spools.elsewhere(coordinator, key):
        places = (
            f"{printer.config_entry.title} · {printer.data.slots[slot].shown_label}"
            for printer, slot in others
        )
        yield "spool_elsewhere", {"slots": ", ".join(places)}


def _tracking(slot: StoredSlot, details: SlotExplanation | None) -> Iterator[_Sentence]:
    """Yield what the printer reports otherwise, and what is pending."""
    if details is None:
        yield "unexplained", {}
        return
    if (reported := details["reported"]) is not None:
        yield from _reported(slot, reported)
    if (gap := details["not_observed"]) is not None:
        if gap["drying"]:
            yield "drying", {}
        elif gap["since"] is None:
            yield "never_observed", {}
        else:
            yield "not_observed", {"time": _iso_time(gap["since"])}
    if details["departed"] is not None:
        yield "departed", {}
    for pending in details["pending"]:
        yield f"pending_{pending['change']}", {}
        if pending["since"] is not None:
            yield "pending_since", {"time": _iso_time(pending["since"])}
        yield f"waits_for_{pending['waits_for']}", {}
        if pending["until"] is not None:
            yield "decided", {"time": _iso_time(pending["until"])}
    if not details["pending"]:
        yield "nothing_pending", {}


def _reported(slot: StoredSlot, reported: Reported) -> Iterator[_Sentence]:
    """Yield what the printer reports, where that is not what is confirmed."""
    present = reported["decoded"]["present"]
    since = {"time": _iso_time(reported["since"])}
    if not reported["decoded"]["has_sensor"]:
        yield "no_sensor", {}
    elif present is None:
        yield "reports_nothing", since
    elif present is not slot.present:
        yield "reports_spool" if present else "reports_no_spool", since


def _refused(report: PrinterReport | None) -> Iterator[_Sentence]:
    if report is not None and report["refused"]:
        count = sum(each["count"] for each in report["refused"])
        yield "refused", {"count": str(count)}


def _iso_time(at: str) -> str:
    return _time(datetime.fromisoformat(at))


def _time(at: datetime) -> str:
    """Return a time in Home Assistant's time zone; the day only if it is not today."""
    local = dt_util.as_local(at)
    today = local.date() == dt_util.now().date()
    return local.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")

"""Actions on the spool library: which spools there are, and where one is."""

from collections.abc import Iterator, Sequence
from typing import Final, TypedDict

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util
import probatio

from .colours import ColourName, Rgb, colour_names
from .const import DOMAIN
from .core.engine.errors import StoreError
from .core.tables.library import Spool, SpoolOrder, SpoolPlace, read_spools
from .errors import invalid, store_failure
from .places import place_of
from .runtime import require_store
from .services_store import plain
from .spool_choices import SpoolChoice, async_spool_choices
from .spool_library import (
    MAX_SPOOLS,
    SpoolList,
    async_list_spools,
    colour,
    spool_filter,
    spools_data,
    unidentified_spools,
)

# As many can be read aloud.
_FOUND: Final = 5

_CATEGORY: Final = "config_panel"
_TEXTS: Final = f"component.{DOMAIN}.{_CATEGORY}."


def _colour(value: object) -> ColourName | Rgb:
    """Validate a colour; raises ServiceValidationError, whose text names what is valid."""
    try:
        return colour(value)
    except probatio.Invalid as err:
        raise invalid("invalid_color", names=", ".join(ColourName)) from err


_GET_SPOOLS: Final = probatio.Schema(
    {
        probatio.Optional("material"): cv.string,
        probatio.Optional("vendor"): cv.string,
        probatio.Optional("color"): _colour,
        probatio.Optional("in_slot"): cv.boolean,
        probatio.Optional("low"): cv.boolean,
        probatio.Optional("text", default=""): cv.string,
        probatio.Optional("order", default=SpoolOrder.RECENT): probatio.Coerce(
            SpoolOrder
        ),
        probatio.Optional("limit", default=100): probatio.All(
            probatio.Coerce(int), probatio.Range(1, MAX_SPOOLS)
        ),
    }
)
_FIND_SPOOL: Final = probatio.Schema({probatio.Required("text"): cv.string})
_SUGGEST_SPOOLS: Final = probatio.Schema(
    {
        probatio.Optional(ATTR_DEVICE_ID): cv.string,
        probatio.Optional("limit", default=3): probatio.All(
            probatio.Coerce(int), probatio.Range(1, MAX_SPOOLS)
        ),
    }
)


class FoundAnswer(SpoolList):
    """The spools that were found, and the answer in words."""

    answer: str


class SuggestAnswer(TypedDict):
    """The spools that are likeliest meant, the likeliest first."""

    spools: list[SpoolChoice]


@callback
def async_setup_spool_services(hass: HomeAssistant) -> None:
    """Register the actions, independent of any entry."""
    for name, handler, schema in (
        ("get_spools", _async_get_spools, _GET_SPOOLS),
        ("find_spool", _async_find_spool, _FIND_SPOOL),
        ("suggest_spools", _async_suggest_spools, _SUGGEST_SPOOLS),
    ):
        hass.services.async_register(
            DOMAIN,
            name,
            plain(handler),
            schema,
            supports_response=SupportsResponse.ONLY,
        )


async def _async_get_spools(call: ServiceCall) -> SpoolList:
    """Return the spools of the library that fit the filter."""
    try:
        return await async_list_spools(call.hass, call.data)
    except StoreError as err:
        raise store_failure(err, "history_unavailable") from err


async def _async_find_spool(call: ServiceCall) -> FoundAnswer:
    """Answer where a spool is."""
    hass = call.hass
    texts = await async_get_translations(
        hass, hass.config.language, _CATEGORY, [DOMAIN]
    )
    colours = {name: texts[f"{_TEXTS}colour.{name}"] for name in ColourName}
    wanted = spool_filter(call.data, colours)
    try:
        found = await read_spools(require_store(hass).store, wanted, limit=_FOUND)
    except StoreError as err:
        raise store_failure(err, "history_unavailable") from err
    others = [*filter(wanted.includes, unidentified_spools(hass))]
    spools = (*found.spools, *others)[:_FOUND]
    total = found.total + len(others)
    sentences = (
        texts[f"{_TEXTS}spools.{key}"].format(**placeholders)
        for key, placeholders in _answer(spools, total, texts)
    )
    return {
        "answer": " ".join(sentences),
        "spools": spools_data(hass, spools),
        "total": total,
    }


async def _async_suggest_spools(call: ServiceCall) -> SuggestAnswer:
    """Suggest the spools for a slot, or for any."""
    hass, place = call.hass, None
    if ATTR_DEVICE_ID in call.data:
        place = place_of(hass, call.data[ATTR_DEVICE_ID])
        if place.slot is None:
            raise invalid("not_a_slot", device=place.name)
    try:
        return {"spools": await async_spool_choices(hass, place, call.data["limit"])}
    except StoreError as err:
        raise store_failure(err, "history_unavailable") from err


def _answer(
    spools: Sequence[Spool], total: int, texts: dict[str, str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the sentences of an answer: keys of texts, with placeholders."""
    if not spools:
        yield "none", {}
    for spool in spools:
        yield _whereabouts(spool, _described(spool, texts))
        filament = spool.filament
        if filament.remaining_percent is not None:
            yield "left_percent", {"percent": f"{filament.remaining_percent:.0f}"}
        elif filament.remaining_g is not None:
            yield "left_grams", {"grams": f"{filament.remaining_g:.0f}"}
    if (more := total - len(spools)) > 0:
        yield "more", {"count": str(more)}


def _whereabouts(spool: Spool, name: str) -> tuple[str, dict[str, str]]:
    """Return where a spool is."""
    match [_place(place) for place in spool.slots]:
        case []:
            at = spool.last_seen and dt_util.as_local(spool.last_seen)
            return "out", {
                "spool": name,
                "place": _place(spool.last_slot),
                "time": at.strftime("%Y-%m-%d %H:%M") if at else "?",
            }
        case [place]:
            return "in_slot", {"spool": name, "place": place}
        case places:
            return "in_several", {"spool": name, "places": ", ".join(places)}


def _described(spool: Spool, texts: dict[str, str]) -> str:
    """Return the name of a spool, with its material and colour."""
    named = (spool.name, spool.external_id, *spool.tag_ids, spool.filament.material)
    name = next(filter(None, named), texts[f"{_TEXTS}logbook.a_spool"])
    colours = (texts[f"{_TEXTS}colour.{each}"] for each in colour_names(spool.colours))
    material = None if name == spool.filament.material else spool.filament.material
    known = ", ".join(filter(None, (material, *colours)))
    return f"{name} ({known})" if known else name


def _place(place: SpoolPlace) -> str:
    return f"{place.printer} {place.label or place.slot_no}"

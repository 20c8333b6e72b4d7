"""Forms of config, options and fix flows; a driver's from its config model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, get_args

from homeassistant.const import UnitOfInformation, UnitOfTime
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    ConstantSelector,
    ConstantSelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import probatio
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from .driver_host import SETTLE_TIMES
from .drivers.base import Driver
from .drivers.discovery import DiscoveredPrinter
from .drivers.registry import registered_driver
from .drivers.timings import Timings
from .inventory.base import Inventory
from .location_options import (
    CONF_LOCATION_LEAVE,
    CONF_LOCATION_TEMPLATE,
    CONF_LOCATION_TEXT,
    CONF_WRITE_LOCATION,
    CONF_WRITE_TAGS,
    WRITE_DEFAULTS,
    Leave,
)
from .options import (
    CONF_BUS_IDENTIFIERS,
    CONF_FOLLOW_SCANS,
    CONF_LOW_FIELD,
    CONF_LOW_LIMIT,
    CONF_LOW_UNIT,
    CONF_MAX_MEGABYTES,
    CONF_TAG_FIELD,
    LOW_DEFAULTS,
    LOW_GRAMS,
    LOW_PERCENT,
    bus_identifiers,
    follows_scans,
    number_option,
)

if TYPE_CHECKING:
    # The coordinator imports this module.
    from .coordinator import FilamentSlotsConfigEntry

CONF_PRINTER: Final = "printer"
_ANOTHER: Final = "another"
_WHERE: Final = "where"
ADVANCED: Final = "advanced"


def found_form(printers: Mapping[str, DiscoveredPrinter]) -> probatio.Schema:
    """Return the form to pick one of the printers found, by their identity, or another."""
    options = [
        SelectOptionDict(value=identity, label=f"{printer.name} ({printer.host})")
        for identity, printer in printers.items()
    ]
    another = SelectOptionDict(value=_ANOTHER, label=_ANOTHER)
    select = SelectSelector(
        SelectSelectorConfig(
            options=[*options, another],
            mode=SelectSelectorMode.LIST,
            translation_key=CONF_PRINTER,
        )
    )
    return probatio.Schema(
        {probatio.Required(CONF_PRINTER, default=options[0]["value"]): select}
    )


def asked_fields(driver: type[Driver | Inventory]) -> dict[str, FieldInfo]:
    """Return the fields that a user fills in.

    An optional field without a default that is no secret is filled in by the probe.
    """
    return {
        name: field
        for name, field in driver.Config.model_fields.items()
        if field.is_required() or field.default is not None or _is_secret(field)
    }


def secret_fields(driver: type[Driver | Inventory]) -> dict[str, FieldInfo]:
    """Return the fields whose values must never be shown."""
    return {
        name: field for name, field in asked_fields(driver).items() if _is_secret(field)
    }


def address_fields(
    driver: type[Driver], entry: FilamentSlotsConfigEntry
) -> dict[str, FieldInfo]:
    """Return the connection settings: all fields but the one that identifies the printer."""
    return {
        name: field
        for name, field in asked_fields(driver).items()
        if entry.data.get(name) != entry.unique_id
    }


def without_secrets(
    driver: type[Driver | Inventory], data: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the data that a form may show: all but secrets."""
    secrets = secret_fields(driver)
    return {name: value for name, value in data.items() if name not in secrets}


def settle_form(timings: Timings) -> probatio.Schema:
    """Return the form of the confirmation times, prefilled with these."""
    return probatio.Schema(
        {
            probatio.Required(name, default=getattr(timings, name)): _number(
                shortest, longest, step=0.5, unit=UnitOfTime.SECONDS
            )
            for name, (shortest, longest) in SETTLE_TIMES.items()
        }
    )


def number_form(
    bounds: Mapping[str, tuple[int, int, int]], options: Mapping[str, Any]
) -> probatio.Schema:
    """Return the form of these options, prefilled with their values.

    bounds: minimum, maximum and default of each.
    """
    return probatio.Schema(
        {
            probatio.Required(name, default=number_option(options, name)): _number(
                minimum,
                maximum,
                step=1,
                unit=(
                    UnitOfInformation.MEGABYTES
                    if name == CONF_MAX_MEGABYTES
                    else UnitOfTime.DAYS
                ),
            )
            for name, (minimum, maximum, _) in bounds.items()
        }
    )


def privacy_form(options: Mapping[str, Any]) -> probatio.Schema:
    """Return the form of the privacy options, prefilled with these."""
    return probatio.Schema(
        {
            probatio.Required(
                CONF_BUS_IDENTIFIERS, default=bus_identifiers(options)
            ): bool
        }
    )


def tags_form(options: Mapping[str, Any]) -> probatio.Schema:
    """Return the form of where an inventory has tags, prefilled with these options."""
    return probatio.Schema(
        {
            # A default would be back as soon as a user clears the field.
            probatio.Optional(
                CONF_TAG_FIELD,
                description={"suggested_value": options.get(CONF_TAG_FIELD, "")},
            ): str
        }
    )


def low_form(options: Mapping[str, Any]) -> probatio.Schema:
    """Return the form of when a spool is low, prefilled with these options."""
    known = {**LOW_DEFAULTS, **options}
    return probatio.Schema(
        {
            probatio.Required(CONF_LOW_LIMIT, default=known[CONF_LOW_LIMIT]): _number(
                0, 10_000, step=1
            ),
            probatio.Required(CONF_LOW_UNIT, default=known[CONF_LOW_UNIT]): (
                SelectSelector(
                    SelectSelectorConfig(
                        options=[LOW_PERCENT, LOW_GRAMS], translation_key=CONF_LOW_UNIT
                    )
                )
            ),
            # A default would be back as soon as a user clears the field.
            probatio.Optional(
                CONF_LOW_FIELD, description={"suggested_value": known[CONF_LOW_FIELD]}
            ): str,
        }
    )


def write_form(options: Mapping[str, Any]) -> probatio.Schema:
    """Return the form of what is written to an inventory, prefilled with these options."""
    known = {**WRITE_DEFAULTS, **options}

    def required(name: str) -> probatio.Marker:
        return probatio.Required(name, default=known[name])

    return probatio.Schema(
        {
            required(CONF_WRITE_LOCATION): bool,
            required(CONF_LOCATION_TEMPLATE): str,
            required(CONF_LOCATION_LEAVE): SelectSelector(
                SelectSelectorConfig(
                    options=list(Leave), translation_key=CONF_LOCATION_LEAVE
                )
            ),
            # A default would be back as soon as a user clears the field.
            probatio.Optional(
                CONF_LOCATION_TEXT,
                description={"suggested_value": known[CONF_LOCATION_TEXT]},
            ): str,
            required(CONF_WRITE_TAGS): bool,
        }
    )


def scans_form(options: Mapping[str, Any]) -> probatio.Schema:
    """Return the form of what scans do, prefilled with these options."""
    return probatio.Schema(
        {probatio.Required(CONF_FOLLOW_SCANS, default=follows_scans(options)): bool}
    )


def form(
    fields: Mapping[str, FieldInfo], *, keep_secrets: bool = False
) -> probatio.Schema:
    """Return a form of these fields; with `keep_secrets` an empty secret keeps its value."""
    return probatio.Schema(
        {
            _key(name, field, keep_secrets): _type(field)
            for name, field in fields.items()
        }
    )


def filled_in(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that were not left empty."""
    return {name: value for name, value in user_input.items() if value != ""}


def in_sections(
    driver: type[Driver], fields: probatio.Schema, known: Mapping[str, Any]
) -> probatio.Schema:
    """Return a form of a driver with its sections, collapsed.

    The first describes where to find what is asked; the other holds what few have to change.
    known: the settings that are known already.
    """
    advanced = advanced_fields(driver)
    asked = {key: kind for key, kind in fields.schema.items() if key not in advanced}
    rest = {key: kind for key, kind in fields.schema.items() if key in advanced}
    texts = {
        probatio.Optional(key): ConstantSelector(
            ConstantSelectorConfig(
                value=key, translation_key=f"{_WHERE}_{driver.driver_key}_{key}"
            )
        )
        # A component explains it in the step's description.
        for key in (
            () if registered_driver(driver.driver_key) else driver.where_to_find(known)
        )
    }
    sections = {
        name: probatio.Schema(content)
        for name, content in ((_WHERE, texts), (ADVANCED, rest))
        if content
    }
    return probatio.Schema(asked | collapsed(sections).schema)


def collapsed(sections: Mapping[str, probatio.Schema]) -> probatio.Schema:
    """Return a form of these sections, collapsed."""
    return probatio.Schema(
        {
            # The frontend fills in a section's own default, not those of its fields.
            probatio.Required(name, default=_prefilled(fields.schema)): section(
                fields, {"collapsed": True}
            )
            for name, fields in sections.items()
        }
    )


def _prefilled(content: Mapping[Any, Any]) -> dict[str, Any]:
    """Return what fields show at first: what is suggested, else their default."""
    return dict(probatio.Schema(content)({})) | {
        str(key): key.description["suggested_value"]
        for key in content
        if key.description
    }


def out_of_sections(user_input: dict[str, Any]) -> dict[str, Any]:
    """Return what was entered in a form with sections, without them."""
    return {
        name: value
        for name, value in (user_input | user_input.get(ADVANCED, {})).items()
        if name not in (_WHERE, ADVANCED)
    }


def advanced_fields(driver: type[Driver]) -> frozenset[str]:
    """Return the fields with a default that suits most: no secrets."""
    return frozenset(
        name
        for name, field in asked_fields(driver).items()
        if not field.is_required() and not _is_secret(field)
    )


def _number(
    minimum: float, maximum: float, *, step: float, unit: str | None = None
) -> NumberSelector:
    config = NumberSelectorConfig(
        min=minimum, max=maximum, step=step, mode=NumberSelectorMode.BOX
    )
    if unit is not None:
        config["unit_of_measurement"] = unit
    return NumberSelector(config)


def _key(name: str, field: FieldInfo, keep_secrets: bool) -> probatio.Marker:
    if _is_secret(field) and (keep_secrets or not field.is_required()):
        return probatio.Optional(name)
    if field.is_required():
        return probatio.Required(name)
    return probatio.Required(name, default=field.default)


def _type(field: FieldInfo) -> Any:
    if _is_secret(field):
        return TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD))
    return field.annotation if field.annotation in (int, bool) else str


def _is_secret(field: FieldInfo) -> bool:
    return _mentions_secret(field.annotation)


def _mentions_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(map(_mentions_secret, get_args(annotation)))

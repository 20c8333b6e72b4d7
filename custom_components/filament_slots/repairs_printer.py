"""Repairs of a printer: one issue for each cause, and the flows that fix them."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, override

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.const import CONF_HOST
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, issue_registry as ir
import probatio
from pydantic import ValidationError

from .const import CONF_DRIVER_KEY, DOMAIN
from .core.slot_state import SlotKey
from .driver_host import async_probe, driver_config
from .drivers.base import Driver, DriverError, DriverStatus, ErrorCode
from .drivers.health import Health
from .drivers.registry import load_driver
from .forms import address_fields, filled_in, form, secret_fields, without_secrets
from .model import StoredSlot
from .repairs_store import async_clear_issue

if TYPE_CHECKING:
    # The coordinator imports this module.
    from .coordinator import FilamentSlotsConfigEntry


class _ReconnectFlow(RepairsFlow):
    """Asks for connection settings; saves them once the same printer answers to them."""

    def __init__(self) -> None:
        """Start before the first probe."""
        # Placeholders of the text of the last error.
        self._about_error: Mapping[str, str] = {}

    async def _async_connect(
        self, step_id: str, user_input: dict[str, Any] | None
    ) -> RepairsFlowResult:
        assert self.data is not None
        entry = self.hass.config_entries.async_get_entry(str(self.data["entry_id"]))
        if entry is None:
            return self.async_abort(reason="entry_removed")
        try:
            driver = await load_driver(entry.data[CONF_DRIVER_KEY])
        except DriverError as err:
            return self.async_abort(reason=err.code)
        errors: dict[str, str] = {}
        suggested: Mapping[str, Any] = {}
        if user_input is not None:
            try:
                changes = await self._async_probe(
                    entry,
                    driver,
                    self._base_config(entry, driver) | filled_in(user_input),
                )
            except ValidationError:
                errors["base"] = ErrorCode.INVALID_CONFIG
            except DriverError as err:
                errors = self._errors(err)
                suggested, self._about_error = err.suggested, err.placeholders
            else:
                self.hass.config_entries.async_update_entry(
                    entry, data={**entry.data, **changes}
                )
                self.hass.config_entries.async_schedule_reload(entry.entry_id)
                return self.async_create_entry(data={})
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(
                self._form(entry, driver),
                {**(user_input or {}), **suggested},
            ),
            description_placeholders=self._texts(entry),
            errors=errors,
        )

    def _errors(self, err: DriverError) -> dict[str, str]:
        """Return the errors to show after a probe that failed."""
        return {"base": err.code}

    def _texts(self, entry: FilamentSlotsConfigEntry) -> dict[str, str]:
        """Return the placeholders of the texts of all steps."""
        return {**_placeholders(self.hass, entry), **self._about_error}

    async def _async_probe(
        self,
        entry: FilamentSlotsConfigEntry,
        driver: type[Driver],
        config: dict[str, Any],
    ) -> dict[str, Any]:
        """Return the config to save, once the entry's own printer answered to it.

        Raises DriverError, or pydantic.ValidationError for an invalid config.
        """
        found, config = await async_probe(self.hass, driver, config)
        if found.identity != entry.unique_id:
            raise DriverError(ErrorCode.WRONG_PRINTER)
        return config

    @abstractmethod
    def _form(
        self, entry: FilamentSlotsConfigEntry, driver: type[Driver]
    ) -> probatio.Schema:
        """Return the form for the settings that may change."""

    @abstractmethod
    def _base_config(
        self, entry: FilamentSlotsConfigEntry, driver: type[Driver]
    ) -> dict[str, Any]:
        """Return the part of the present config that stays as it is."""


class NewCertificateFlow(_ReconnectFlow):
    """Lets the user trust the certificate that the printer presents now."""

    def __init__(self) -> None:
        """Start before the certificate was fetched; `_shown` describes it."""
        super().__init__()
        self._shown: DriverError | None = None

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Fetch the certificate that the printer presents now, and show the form."""
        return await self.async_step_confirm({})

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Save the certificate that was shown, if it is still presented."""
        return await self._async_connect("confirm", user_input)

    @override
    def _errors(self, err: DriverError) -> dict[str, str]:
        if err.code is not ErrorCode.NEW_CERTIFICATE:
            return super()._errors(err)
        # That there is a new one is an error only after yet another one was shown.
        first, self._shown = self._shown is None, err
        return {} if first else super()._errors(err)

    @override
    def _texts(self, entry: FilamentSlotsConfigEntry) -> dict[str, str]:
        shown = self._shown.placeholders if self._shown else {}
        return {"old": "–", "new": "–", **super()._texts(entry), **shown}

    @override
    def _form(
        self, entry: FilamentSlotsConfigEntry, driver: type[Driver]
    ) -> probatio.Schema:
        # What replaced the certificate may have changed the access code, too.
        return form(secret_fields(driver), keep_secrets=True)

    @override
    def _base_config(
        self, entry: FilamentSlotsConfigEntry, driver: type[Driver]
    ) -> dict[str, Any]:
        shown = self._shown.suggested if self._shown else {}
        return {**driver_config(entry), **shown}


class NewAddressFlow(_ReconnectFlow):
    """Lets the user enter the printer's address, or wait until discovery finds it."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Offer both."""
        return self.async_show_menu(menu_options=["address", "wait"])

    async def async_step_address(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Probe the address, and save it if the printer is there."""
        return await self._async_connect("address", user_input)

    async def async_step_wait(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Ignore the issue: the driver keeps trying, and discovery goes on."""
        ir.async_ignore_issue(self.hass, DOMAIN, self.issue_id, True)
        return self.async_abort(reason="waiting")

    @override
    def _form(
        self, entry: FilamentSlotsConfigEntry, driver: type[Driver]
    ) -> probatio.Schema:
        return self.add_suggested_values_to_schema(
            form(address_fields(driver, entry), keep_secrets=True),
            without_secrets(driver, entry.data),
        )

    @override
    def _base_config(
        self, entry: FilamentSlotsConfigEntry, driver: type[Driver]
    ) -> dict[str, Any]:
        return driver_config(entry)


class AnnouncedAddressFlow(_ReconnectFlow):
    """Asks whether a printer that cannot prove itself is at its announced address."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Show both addresses."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Probe the new address once the user agrees, and save it."""
        return await self._async_connect("confirm", user_input)

    @override
    def _form(
        self, entry: FilamentSlotsConfigEntry, driver: type[Driver]
    ) -> probatio.Schema:
        return probatio.Schema({})

    @override
    def _base_config(
        self, entry: FilamentSlotsConfigEntry, driver: type[Driver]
    ) -> dict[str, Any]:
        return driver_config(entry) | {CONF_HOST: self._new_host}

    @override
    def _texts(self, entry: FilamentSlotsConfigEntry) -> dict[str, str]:
        return {**super()._texts(entry), _NEW_HOST: self._new_host}

    @property
    def _new_host(self) -> str:
        """The announced address."""
        assert self.data is not None
        return str(self.data[_NEW_HOST])


# Errors that another address may solve.
ADDRESS_ERRORS = (
    ErrorCode.HOST_NOT_FOUND,
    ErrorCode.CONNECTION_REFUSED,
    ErrorCode.CONNECTION_TIMEOUT,
    ErrorCode.CONNECTION_LOST,
    ErrorCode.CLOSED_AFTER_CONNECT,
    ErrorCode.TLS_FAILED,
    ErrorCode.UNENCRYPTED,
    ErrorCode.WRONG_SERVICE,
    ErrorCode.REDIRECTED,
    ErrorCode.WRONG_PRINTER,
)

# Not an error code of a driver: the printer may be at the address it announces.
NEW_ADDRESS = "new_address"
_NEW_HOST = "new_host"
# Neither: a refused or timed-out connection to a printer that is switched on.
UNREACHABLE = "unreachable"

# Of a slot, beside the one issue of its printer.
SLOT_FLAPPING = "slot_flapping"

# The issues of a printer by translation key, and the flow that fixes each, where one
# can. Refused credentials start a reauthentication instead, and a printer that is just
# switched off needs nothing.
PRINTER_ISSUES: Mapping[str, type[RepairsFlow] | None] = {
    ErrorCode.NEW_CERTIFICATE: NewCertificateFlow,
    ErrorCode.WRONG_PRINTER: NewAddressFlow,
    ErrorCode.WRONG_SERVICE: NewAddressFlow,
    ErrorCode.REDIRECTED: NewAddressFlow,
    NEW_ADDRESS: AnnouncedAddressFlow,
    ErrorCode.TLS_FAILED: NewAddressFlow,
    ErrorCode.UNENCRYPTED: None,
    UNREACHABLE: NewAddressFlow,
    ErrorCode.SILENT_PRINTER: None,
    ErrorCode.CLOSED_AFTER_CONNECT: None,
    ErrorCode.INVALID_CONFIG: None,
    ErrorCode.DRIVER_BROKEN: None,
    ErrorCode.UNKNOWN_DRIVER: None,
    SLOT_FLAPPING: None,
}

_NO_ERROR = (DriverStatus.RUNNING, DriverStatus.STOPPING, DriverStatus.STOPPED)


def current_error(health: Health) -> str | None:
    """Return the code of the error that keeps the driver from running now."""
    error = health["last_error"]
    if error is None or health["status"] in _NO_ERROR:
        return None
    return error["code"]


def current_issue(
    health: Health, *, announced: bool = False, new_host: str | None = None
) -> tuple[str | None, dict[str, str]]:
    """Return the translation key of the one issue to raise now, and its own placeholders.

    announced: the printer announces itself at the address of its entry.
    new_host: another address at which it announces itself, without proof.
    """
    code = current_error(health)
    if new_host is not None and code in ADDRESS_ERRORS:
        return NEW_ADDRESS, {_NEW_HOST: new_host}
    lasting, error = health["circuit"] != "closed", health["last_error"]
    about: dict[str, str] = {}
    match code:
        # The host answers, so the printer is not switched off; but it may be booting.
        case ErrorCode.CONNECTION_REFUSED:
            code = UNREACHABLE if lasting else None
        case ErrorCode.CONNECTION_TIMEOUT:
            code = UNREACHABLE if lasting and announced else None
        case ErrorCode.TLS_FAILED | ErrorCode.UNENCRYPTED | ErrorCode.WRONG_SERVICE:
            code = code if lasting else None
        case ErrorCode.REDIRECTED:
            about["target"] = error["message"] if error else ""
    return (code, about) if code in PRINTER_ISSUES else (None, {})


@callback
def async_show_issue(
    hass: HomeAssistant,
    entry: FilamentSlotsConfigEntry,
    issue: str | None,
    **about: str,
) -> None:
    """Raise one issue of the printer, and clear all others.

    about: more placeholders. They are a part of the id: an issue that the user ignored
    is raised again for another address.
    """
    issue_id = "_".join((str(issue), entry.entry_id, *about.values()))
    for known in _issue_ids(hass, entry):
        if known != issue_id and not known.startswith(SLOT_FLAPPING):
            async_clear_issue(hass, known)
    if issue is None:
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        is_fixable=PRINTER_ISSUES[issue] is not None,
        severity=ir.IssueSeverity.ERROR,
        translation_key=issue,
        translation_placeholders=_placeholders(hass, entry) | about,
        data={"entry_id": entry.entry_id, **about},
    )


@callback
def async_show_flapping(
    hass: HomeAssistant,
    entry: FilamentSlotsConfigEntry,
    slots: Mapping[SlotKey, StoredSlot],
    counts: Mapping[SlotKey, int],
) -> None:
    """Raise an issue for each slot that changes too often, and clear all others.

    counts: how often each of these slots has changed in the last hour.
    """
    prefix = f"{SLOT_FLAPPING}_{entry.entry_id}"
    shown = {f"{prefix}_{unit}_{slot_no}": (unit, slot_no) for unit, slot_no in counts}
    for known in _issue_ids(hass, entry):
        if known.startswith(SLOT_FLAPPING) and known not in shown:
            async_clear_issue(hass, known)
    for issue_id, key in shown.items():
        about = {"slot": slots[key].shown_label, "count": str(counts[key])}
        ir.async_create_issue(
            hass,
            DOMAIN,
            issue_id,
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key=SLOT_FLAPPING,
            translation_placeholders=_placeholders(hass, entry) | about,
        )


@callback
def async_forget_issues(hass: HomeAssistant, entry: FilamentSlotsConfigEntry) -> None:
    """Delete the issues of a removed entry, ignored ones included."""
    for issue_id in _issue_ids(hass, entry):
        ir.async_delete_issue(hass, DOMAIN, issue_id)


def _placeholders(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry
) -> dict[str, str]:
    """Return the placeholders of all texts about a printer, with its present name."""
    own = (DOMAIN, str(entry.unique_id))
    device = dr.async_get(hass).async_get_device_by_identifier(own, entry.entry_id)
    return {
        "name": (device and device.name_by_user) or entry.title,
        "host": str(entry.data.get(CONF_HOST, "")),
        "driver": str(entry.data[CONF_DRIVER_KEY]),
    }


def _issue_ids(hass: HomeAssistant, entry: FilamentSlotsConfigEntry) -> list[str]:
    """Return the ids of all issues of the printer."""
    return [
        issue_id
        for domain, issue_id in ir.async_get(hass).issues
        if domain == DOMAIN and entry.entry_id in issue_id
    ]

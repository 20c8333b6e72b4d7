"""The health of a printer's entry: its driver's, or why there is none."""

from typing import Final, TypedDict, final

from homeassistant.config_entries import ConfigEntryState

from .coordinator import FilamentSlotsConfigEntry, is_loaded
from .drivers.base import DriverStatus, ErrorCode
from .drivers.health import Health

_STATUSES: Final = {
    ConfigEntryState.SETUP_IN_PROGRESS: DriverStatus.STARTING,
    ConfigEntryState.SETUP_RETRY: DriverStatus.WAITING,
    ConfigEntryState.UNLOAD_IN_PROGRESS: DriverStatus.STOPPING,
}


class EntryError(TypedDict):
    """Why an entry is not loaded.

    code: key of its text among the translated exceptions, `unknown` where it has none;
    with its placeholders. message: the text in English.
    """

    code: str
    message: str
    placeholders: dict[str, str]


@final
class EntryHealth(TypedDict):
    """The health of an entry that is not loaded, so that it has no driver.

    status: a DriverStatus; `config_error` if its configuration was refused.
    """

    status: str
    last_error: EntryError | None


def entry_health(entry: FilamentSlotsConfigEntry) -> Health | EntryHealth:
    """Return the driver's health; without a driver the reason why there is none."""
    if is_loaded(entry):
        return entry.runtime_data.driver.health()
    code = entry.error_reason_translation_key
    status = _STATUSES.get(entry.state, DriverStatus.STOPPED)
    if code == ErrorCode.INVALID_CONFIG:
        status = DriverStatus.CONFIG_ERROR
    error: EntryError | None = None
    if entry.reason is not None:
        error = {
            "code": code or ErrorCode.UNKNOWN.value,
            "message": entry.reason,
            "placeholders": entry.error_reason_translation_placeholders or {},
        }
    return {"status": status.value, "last_error": error}

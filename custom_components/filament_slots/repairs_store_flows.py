"""Fix flows of the store's repairs: salvage, retry, history of a removed printer."""

from abc import abstractmethod
from dataclasses import asdict
from typing import Any, ClassVar, override

from homeassistant.components.http.const import KEY_HASS_USER
from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.http import current_request
import probatio

from .const import DOMAIN
from .core.engine.errors import StoreError
from .repairs_store import EVENTS_FAILED, PRINTER_REMOVED, STORE_DAMAGED
from .runtime import async_shared_core, require_store

_BATCH_SIZE = 500


class StoreFlow(RepairsFlow):
    """Asks for confirmation, then fixes the issue; after an error it can be repeated.

    Either way it is stored in the audit, as `action`.
    """

    action: ClassVar[str]

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Show the form."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Fix the issue once the user confirms."""
        if (reason := self._outdated()) is not None:
            return self.async_abort(reason=reason)
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                result = await self._async_fix(user_input)
            except StoreError:
                errors["base"] = "store_unavailable"
                result = {"error": "store_unavailable"}
            await async_shared_core(self.hass).async_audit(
                _user_id(), self.action, {"issue_id": self.issue_id}, result
            )
            if not errors:
                return self.async_create_entry(data={})
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        return self.async_show_form(
            step_id="confirm",
            data_schema=self._schema(),
            description_placeholders=issue.translation_placeholders if issue else None,
            errors=errors,
        )

    def _outdated(self) -> str | None:
        """Return the reason to abort, if there is nothing to fix any more."""
        return None

    def _schema(self) -> probatio.Schema:
        """Return the form."""
        return probatio.Schema({})

    @abstractmethod
    async def _async_fix(self, user_input: dict[str, Any]) -> dict[str, Any]:
        """Fix the issue and return the result; raises StoreError."""


class SalvageFlow(StoreFlow):
    """Imports the readable events of damaged files into the history."""

    action = "salvage"

    @override
    async def _async_fix(self, user_input: dict[str, Any]) -> dict[str, Any]:
        return {"events": await async_shared_core(self.hass).async_salvage()}


class RetryFlow(StoreFlow):
    """Stores the events that could not be stored before."""

    action = "retry_failed_events"

    @override
    async def _async_fix(self, user_input: dict[str, Any]) -> dict[str, Any]:
        maintenance = require_store(self.hass).maintenance
        events = 0
        while (last := await maintenance.retry_failed(_BATCH_SIZE)).replayed:
            events += last.replayed
        return asdict(last) | {"replayed": events}


class RemovedPrinterFlow(StoreFlow):
    """Keeps the history of a removed printer, or deletes it once that is confirmed."""

    action = "delete_printer_history"

    @override
    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        return self.async_show_menu(
            menu_options=["keep", "confirm"],
            description_placeholders=issue.translation_placeholders if issue else None,
        )

    @override
    def _outdated(self) -> str | None:
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        return "resolved" if issue is None else None

    async def async_step_keep(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Keep it."""
        return self.async_create_entry(data={})

    @override
    async def _async_fix(self, user_input: dict[str, Any]) -> dict[str, Any]:
        core = async_shared_core(self.hass)
        # It may have been the last printer.
        async with core.use():
            deleted = await core.async_delete_printer(
                int(self.issue_id.rpartition("_")[2])
            )
        # It is kept where the printer was added again meanwhile.
        return asdict(deleted) if deleted else {}


def _user_id() -> str | None:
    """Return the user who runs the flow, if there is a request."""
    request = current_request.get()
    return None if request is None else request[KEY_HASS_USER].id


STORE_FLOWS: dict[str, type[RepairsFlow]] = {
    STORE_DAMAGED: SalvageFlow,
    EVENTS_FAILED: RetryFlow,
    PRINTER_REMOVED: RemovedPrinterFlow,
}

"""The fix flows of the store's repairs: salvage what is readable, replay what failed."""

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
from .repairs_store import EVENTS_FAILED, STORE_DAMAGED
from .runtime import async_shared_core, require_store

_REPLAYED_AT_ONCE = 500


class _StoreFlow(RepairsFlow):
    """Asks once, then does it; what hinders it is shown, and can be tried again.

    Either way it leaves a row of who did it and what came of it, as `action`.
    """

    action: ClassVar[str]

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Ask at once."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Do it, once the user agrees."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                result = await self._async_fix()
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
            data_schema=probatio.Schema({}),
            description_placeholders=issue.translation_placeholders if issue else None,
            errors=errors,
        )

    @abstractmethod
    async def _async_fix(self) -> dict[str, Any]:
        """Do it and return what came of it; raises what hinders it."""


class SalvageFlow(_StoreFlow):
    """Takes what can be read of the damaged files into history."""

    action = "salvage"

    @override
    async def _async_fix(self) -> dict[str, Any]:
        return {"events": await async_shared_core(self.hass).async_salvage()}


class ReplayFlow(_StoreFlow):
    """Puts the events that could not be stored where they belong."""

    action = "replay_failed"

    @override
    async def _async_fix(self) -> dict[str, Any]:
        handler = require_store(self.hass).handler
        events = 0
        while (last := await handler.replay_failed(_REPLAYED_AT_ONCE)).replayed:
            events += last.replayed
        return asdict(last) | {"replayed": events}


def _user_id() -> str | None:
    """Return who is at the other end of the flow."""
    request = current_request.get()
    return None if request is None else request[KEY_HASS_USER].id


STORE_FLOWS: dict[str, type[RepairsFlow]] = {
    STORE_DAMAGED: SalvageFlow,
    EVENTS_FAILED: ReplayFlow,
}

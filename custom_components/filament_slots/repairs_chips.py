"""Repair of a chip that names another spool than before: a user chooses whose it is."""

import logging
from typing import Any, Final, override

from homeassistant.components.repairs import RepairsFlow
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
)
import probatio

from .const import DOMAIN
from .coordinator import SlotCoordinator
from .core.engine.errors import StoreError
from .core.tables.chips import read_claims
from .core.tables.library import Spool, read_spool
from .repairs_store import async_clear_issue
from .repairs_store_flows import StoreFlow
from .runtime import async_shared_core, require_store

_LOGGER = logging.getLogger(__name__)

_RENAMED: Final = "chip_renamed"
_SPOOL: Final = "spool"
# What is longer is read from a tag, and is shown by its end.
_NUMBER: Final = 8
_END: Final = 4


class ChooseOwnerFlow(StoreFlow):
    """Asks whether a chip is of the spool that it names now, or still of the one before."""

    action = "choose_chip_owner"
    _shown: dict[str, Any] | None = None

    @override
    def _outdated(self) -> str | None:
        issue = self._issue()
        known = issue and issue.data
        return "resolved" if known is None or self._shown not in (None, known) else None

    @override
    def _schema(self) -> probatio.Schema:
        issue = self._issue()
        assert issue is not None
        assert issue.translation_placeholders is not None
        self._shown = issue.data
        options = [
            SelectOptionDict(value=which, label=issue.translation_placeholders[which])
            for which in ("now", "before")
        ]
        selector = SelectSelector(SelectSelectorConfig(options=options))
        return probatio.Schema({probatio.Required(_SPOOL): selector})

    @override
    async def _async_fix(self, user_input: dict[str, Any]) -> dict[str, Any]:
        assert self._shown is not None
        is_new = user_input[_SPOOL] == "now"
        await require_store(self.hass).maintenance.choose_owner(
            self._shown["claim"], self._shown["now"], is_new=is_new
        )
        return {_SPOOL: self._shown[user_input[_SPOOL]]}

    def _issue(self) -> ir.IssueEntry | None:
        return ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)


CHIP_ISSUES: Final[dict[str, type[RepairsFlow]]] = {_RENAMED: ChooseOwnerFlow}


@callback
def async_follow_chips(
    hass: HomeAssistant, coordinator: SlotCoordinator
) -> CALLBACK_TYPE:
    """Raise and clear the issues whenever a printer reports other chips or names.

    Until the returned function is called.
    """
    writer = async_shared_core(hass).store.writer
    seen: object = None

    @callback
    def check() -> None:
        nonlocal seen
        spools = [slot.identifiers for slot in coordinator.data.slots.values()]
        named = {(each.rfid_uid, each.external_id) for each in spools if each.rfid_uid}
        # What is published in an outage is not stored before its end.
        now = (named, writer.state.problem)
        if now != seen:
            seen = now
            hass.async_create_task(_async_update(hass), eager_start=False)

    check()
    return coordinator.async_add_listener(check)


async def _async_update(hass: HomeAssistant) -> None:
    wanted: dict[str, tuple[dict[str, Any], dict[str, str]]] = {}
    try:
        store = require_store(hass).store
        for claim in await read_claims(store):
            before = await read_spool(store, claim.before)
            now = await read_spool(store, claim.now)
            if before is not None and now is not None:
                wanted[f"{_RENAMED}_{claim.id}"] = (
                    {"claim": claim.id, "before": before.id, "now": now.id},
                    {
                        "tag": f"…{claim.rfid_uid[-_END:]}",
                        "before": _title(before),
                        "now": _title(now),
                    },
                )
    except StoreError as err:
        _LOGGER.debug("It is not known which chips name other spools: %s", err)
        return
    for issue in list(ir.async_get(hass).issues.values()):
        ours = issue.domain == DOMAIN and issue.translation_key == _RENAMED
        if ours and issue.issue_id not in wanted:
            async_clear_issue(hass, issue.issue_id)
    for issue_id, (data, placeholders) in wanted.items():
        ir.async_create_issue(
            hass,
            DOMAIN,
            issue_id,
            data=data,
            is_fixable=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key=_RENAMED,
            translation_placeholders=placeholders,
        )


def _title(spool: Spool) -> str:
    """Return the name of a spool and its id, of which a tag's is cut."""
    kind, _, number = (spool.external_id or "").rpartition(":")
    if len(number) > _NUMBER:
        number = f"…{number[-_END:]}"
    return " · ".join(filter(None, (spool.name, f"{kind}:{number}")))

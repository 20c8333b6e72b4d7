"""Repairs platform of Home Assistant: the fix flow of each issue."""

from homeassistant.components.repairs import RepairsFlow
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .repairs_chips import CHIP_ISSUES
from .repairs_inventory import INVENTORY_ISSUES
from .repairs_links import LINK_ISSUES
from .repairs_printer import PRINTER_ISSUES
from .repairs_store_flows import STORE_FLOWS


async def async_create_fix_flow(
    hass: HomeAssistant,
    issue_id: str,
    data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Return the flow that fixes an issue."""
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    assert issue is not None
    flow = {
        **PRINTER_ISSUES,
        **STORE_FLOWS,
        **INVENTORY_ISSUES,
        **LINK_ISSUES,
        **CHIP_ISSUES,
    }[str(issue.translation_key)]
    assert flow is not None
    return flow()

"""Permissions of actions: who may change something of a device."""

from collections.abc import Iterable

from homeassistant.auth.permissions.const import CAT_ENTITIES, POLICY_CONTROL
from homeassistant.core import ServiceCall
from homeassistant.exceptions import Unauthorized, UnknownUser
from homeassistant.helpers import entity_registry as er


async def async_require_control(
    call: ServiceCall, device_ids: Iterable[str | None]
) -> None:
    """Require that the user may control an entity of each device.

    A call without a user, such as one of an automation, is allowed. Raises Unauthorized.
    """
    if not call.context.user_id:
        return
    user = await call.hass.auth.async_get_user(call.context.user_id)
    if user is None:
        raise UnknownUser(context=call.context, permission=POLICY_CONTROL)
    if user.permissions.access_all_entities(POLICY_CONTROL):
        return
    registry = er.async_get(call.hass)
    for device_id in device_ids:
        entities = er.async_entries_for_device(
            registry, device_id or "", include_disabled_entities=True
        )
        if not any(
            user.permissions.check_entity(entity.entity_id, POLICY_CONTROL)
            for entity in entities
        ):
            raise Unauthorized(
                context=call.context,
                perm_category=CAT_ENTITIES,
                permission=POLICY_CONTROL,
            )

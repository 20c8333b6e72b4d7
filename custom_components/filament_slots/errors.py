"""What an action that cannot be done says to its caller, in their language."""

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .const import DOMAIN
from .core.engine.errors import Problem, StoreError


def invalid(key: str, **placeholders: str) -> ServiceValidationError:
    """Return the error for something that the caller has to put right."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )


def failure(key: str, **placeholders: str) -> HomeAssistantError:
    """Return the error for something that did not work."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )


def store_failure(err: StoreError, key: str) -> HomeAssistantError:
    """Return the error for what the store could not do; `key` where it is open."""
    return invalid("no_printer_loaded") if err.code is Problem.CLOSED else failure(key)

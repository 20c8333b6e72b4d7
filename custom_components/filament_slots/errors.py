"""Translated errors of actions."""

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .const import DOMAIN
from .core.engine.errors import Problem, StoreError


def invalid(key: str, **placeholders: str) -> ServiceValidationError:
    """Return the error for a mistake of the caller: invalid or impossible input."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )


def failure(key: str, **placeholders: str) -> HomeAssistantError:
    """Return the error for a valid call that failed."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )


def store_failure(err: StoreError, key: str) -> HomeAssistantError:
    """Return the error for a StoreError: `key`, or that no printer is loaded."""
    return invalid("no_printer_loaded") if err.code is Problem.CLOSED else failure(key)

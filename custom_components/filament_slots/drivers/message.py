"""The message of a printer that is being processed, and its correlation id."""

from contextvars import ContextVar, Token
from typing import Final

from ulid_transform import ulid_now


class _Message:
    """A message; its id is made when it is first asked for, as few need one."""

    __slots__ = ("_id",)

    def __init__(self) -> None:
        self._id: str | None = None

    @property
    def id(self) -> str:
        if self._id is None:
            self._id = ulid_now()
        return self._id


type MessageToken = Token[_Message | None]

_CURRENT: Final[ContextVar[_Message | None]] = ContextVar(
    "filament_slots_message", default=None
)


def begin_message() -> MessageToken:
    """Begin to process a message; what is logged and emitted until its end is about it."""
    return _CURRENT.set(_Message())


def end_message(token: MessageToken) -> None:
    """End what `begin_message` began."""
    _CURRENT.reset(token)


def correlation_id() -> str | None:
    """Return the ULID of the message that is being processed; None where none is."""
    message = _CURRENT.get()
    return None if message is None else message.id

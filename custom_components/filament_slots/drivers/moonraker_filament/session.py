"""One session with one Moonraker: what is asked, when, and what comes of the answers.

The decoder says what is missing; this asks for it, for as long as it is.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from ..base import Clock, DriverError, ErrorCode
from ..connection import Connection
from ..snapshot import Snapshot
from .identity import greet, read_instance_id
from .jsonrpc import Frame, JsonRpc, Refusal, RpcError
from .state import Ask, MoonrakerDecoder

_CLIENT: Final = {
    "client_name": "Filament Slots",
    "version": "1",
    "type": "other",
    "url": "https://www.home-assistant.io",
}
# Moonraker itself gives Klippy 20 s for a subscription.
_ANSWER_TIMEOUT: Final = 25.0
# Between two tries of the same question; Klippy in error never says when it is back.
_PAUSE: Final = 5.0
# A printer whose plug was pulled closes nothing, so it is asked whether it is there.
_KEEPALIVE: Final = 20.0
# How long Klippy, and then its filament system, may take to start.
_PATIENCE: Final = 60.0
_KLIPPY_STATES: Final = {
    "error": ErrorCode.KLIPPY_ERROR,
    "shutdown": ErrorCode.KLIPPY_SHUTDOWN,
    "disconnected": ErrorCode.KLIPPY_DISCONNECTED,
}
_SAID_AT_ONCE: Final = {ErrorCode.KLIPPY_ERROR, ErrorCode.KLIPPY_SHUTDOWN}


class Session:
    """Keeps asking one Moonraker for what its decoder is missing."""

    def __init__(
        self,
        decoder: MoonrakerDecoder,
        connection: Connection,
        observe: Callable[[Snapshot], None],
        clock: Clock,
    ) -> None:
        """Be ready to take what arrives; nothing is asked before run()."""
        self._decoder = decoder
        self._connection = connection
        self._observe = observe
        self._clock = clock
        self._news = asyncio.Event()
        self._asked: Ask | None = None
        self._subscription: Ask | None = None
        self._refresh = False
        self._unready_since: float | None = clock.monotonic()
        self._trouble: ErrorCode | None = None
        self._versions: dict[str, str] = {}

    def take(self, message: Frame) -> None:
        """Take in a notification, or an answer."""
        snapshot = self._decoder.feed(message)
        if snapshot is not None:
            self._update_connection()
            self._observe(snapshot)
        if self._decoder.ask != self._asked:
            self._news.set()

    def refresh(self) -> None:
        """Ask for everything again, as soon as it can be asked for."""
        self._refresh = True
        self._news.set()

    async def run(self, rpc: JsonRpc, instance_id: str | None) -> None:
        """Ask until the session is cancelled; DriverError says why it had to end.

        instance_id: who Moonraker has to be, None where that is not known.
        """
        await self._introduce(rpc, instance_id)
        while True:
            self._news.clear()
            self._update_connection()
            ask = self._asked = self._decoder.ask
            if self._refresh and ask is None:
                self._refresh = False
                ask = self._subscription
            if ask is not None:
                await self._call(rpc, ask)
                if ask == self._decoder.ask:
                    await self._news_within(_PAUSE)
            elif not await self._news_within(_KEEPALIVE if self._live else _PAUSE):
                await self._greet(rpc, otherwise=ErrorCode.STREAM_STALLED)

    async def _introduce(self, rpc: JsonRpc, instance_id: str | None) -> None:
        try:
            await rpc.call("server.connection.identify", _CLIENT)
        except RpcError as err:
            # Courtesy only, which an old Moonraker may not understand.
            if err.refusal is Refusal.UNAUTHORIZED:
                raise DriverError(ErrorCode.INVALID_AUTH, str(err)) from err
        await self._greet(rpc, otherwise=ErrorCode.WRONG_SERVICE)
        found = await read_instance_id(rpc) if instance_id else None
        if found != instance_id and found is not None:
            raise DriverError(
                ErrorCode.WRONG_PRINTER, "another Moonraker is at its address"
            )

    async def _greet(self, rpc: JsonRpc, otherwise: ErrorCode) -> None:
        match await greet(rpc, otherwise):
            case {"moonraker_version": str(version)}:
                self._versions["firmware"] = f"Moonraker {version[:32]}"

    async def _call(self, rpc: JsonRpc, ask: Ask) -> None:
        if ask.method == "printer.objects.subscribe":
            self._subscription = ask
        try:
            await rpc.call(ask.method, ask.params, _ANSWER_TIMEOUT)
        except RpcError as err:
            if err.refusal is Refusal.UNAUTHORIZED:
                raise DriverError(ErrorCode.INVALID_AUTH, str(err)) from err
            if err.refusal is not Refusal.NO_ANSWER:
                self._decoder.refused(ask)
            if ask.method.startswith("printer."):
                # Perhaps Klippy is gone, without a word.
                await self._greet(rpc, otherwise=ErrorCode.STREAM_STALLED)

    async def _news_within(self, seconds: float) -> bool:
        """Wait for something else to ask; return whether it came in time."""
        until = self._clock.monotonic() + seconds
        timer = self._clock.call_at(until, self._news.set)
        try:
            await self._news.wait()
        finally:
            timer.cancel()
        return self._clock.monotonic() < until

    @property
    def _live(self) -> bool:
        """Whether what the decoder shows is so now."""
        snapshot = self._decoder.snapshot
        return snapshot is not None and not snapshot.frozen

    def _update_connection(self) -> None:
        """Pass the printer's versions to the connection, or why it is not ready."""
        if self._live:
            self._unready_since = None
            self._trouble = None
            self._connection.versions = self._versions | {
                "system": self._decoder.system
            }
            return
        if self._unready_since is None:
            self._unready_since = self._clock.monotonic()
        trouble = self._find_trouble(self._clock.monotonic() - self._unready_since)
        if trouble is None or trouble is not self._trouble:
            self._trouble = trouble
            self._connection.not_ready(
                DriverError(trouble, "Klippy is not ready") if trouble else None
            )

    def _find_trouble(self, waited: float) -> ErrorCode | None:
        """Name what a person has to look at; None while it may just be starting."""
        state = self._decoder.klippy_state
        code = _KLIPPY_STATES.get(state or "", ErrorCode.KLIPPY_NOT_READY)
        return code if code in _SAID_AT_ONCE or waited >= _PATIENCE else None

"""A session with Moonraker: sends the requests that the decoder needs."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from ...network.clock import Clock
from ..base import DriverError, ErrorCode
from ..connection import Connection
from ..pace import Pace
from ..snapshot import Snapshot
from .config import Config
from .delays import Delays
from .identity import authorise, confirm_identity, read_machine, server_info
from .jsonrpc import Frame, Refusal, Rpc, RpcError
from .klippy import error_of
from .limits import as_text
from .state import STATUS_UPDATE, Ask, MoonrakerDecoder

# Moonraker itself gives Klippy 20 s for a subscription.
_ANSWER_TIMEOUT: Final = 25.0
# Between two identical requests. Klippy in error does not report its recovery.
_PAUSE: Final = 5.0
# A printer that lost power closes no connection, so it is polled.
_KEEPALIVE: Final = 20.0
# Between two polls where nothing but answers is received.
_POLL: Final = 30.0
# A message that took longer is no evidence of the state at its arrival.
_FRESH: Final = 2.0
# How long Klippy, and then its filament system, may take to start.
_START_MAX: Final = 60.0
_REPORTED_AT_ONCE: Final = {ErrorCode.KLIPPY_ERROR, ErrorCode.KLIPPY_SHUTDOWN}


class Session:
    """Requests from Moonraker what its decoder is missing."""

    def __init__(
        self,
        decoder: MoonrakerDecoder,
        connection: Connection,
        observe: Callable[[Snapshot, bool], None],
        clock: Clock,
    ) -> None:
        """Create it ready to receive; nothing is sent before run().

        observe: is passed each snapshot, and whether it was held up on its way.
        """
        self._decoder = decoder
        self._connection = connection
        self._observe = observe
        self._clock = clock
        self._pace = Pace(clock, self._process_update)
        # A status update that is processed in a moment, as there are too many.
        self._update: Frame | None = None
        self._wake = asyncio.Event()
        self._asked: Ask | None = None
        self._refresh = False
        self._called_at = clock.monotonic()
        self._called_after = 0
        self._late = False
        self._delays = Delays()
        self._unready_since: float | None = clock.monotonic()
        self._error: ErrorCode | None = None
        self._versions: dict[str, str] = {}

    def take(self, message: Frame) -> None:
        """Process a notification or an answer; the updates of a flood at a pace."""
        held, self._update = self._update, None
        if message.get("method") == STATUS_UPDATE:
            if held is not None:
                self._decoder.feed(held, hold=True)
            self._update = message
            self._pace.request()
            return
        if held is not None:
            self._pace.discard()
            self._process(held)
        self._process(message)

    def _process_update(self) -> None:
        update, self._update = self._update, None
        assert update is not None
        self._process(update)

    def _process(self, message: Frame) -> None:
        match message:
            case {"result": {"status": _}} if (
                self._called_after != self._decoder.restarts
            ):
                # It was called before Klippy restarted, and so subscribes to nothing.
                return
        before = self._decoder.snapshot
        snapshot = self._decoder.feed(message)
        if self._decoder.snapshot is not before:
            self._update_connection()
        if snapshot is not None:
            self._pass_on(snapshot, message)
        if self._decoder.ask != self._asked:
            self._wake.set()

    def _pass_on(self, snapshot: Snapshot, message: Frame) -> None:
        """Pass on what a message shows; the state is requested again where it is late.

        Each update counts, as a change may be seen by it alone. An answer is used when it
        is late again, as Klippy then answers no faster.
        """
        now = self._clock.monotonic()
        if message.get("method") == STATUS_UPDATE:
            late = self._delays.of_update(message, now) > _FRESH
            self._observe(snapshot, late)
        else:
            late = "id" in message and now > self._called_at + _FRESH
            late = self._late = late and not self._late
            if not late:
                self._delays.answered(message, now)
                self._observe(snapshot, False)
        if late:
            self.refresh()

    def close(self) -> None:
        """Discard the update that is not processed yet."""
        self._pace.discard()

    def refresh(self) -> None:
        """Request the full state again as soon as possible."""
        self._refresh = True
        self._wake.set()

    async def run(self, rpc: Rpc, config: Config) -> None:
        """Send requests until cancelled; raise DriverError with the cause of an end."""
        self._decoder.polled = rpc.polled
        pause = _POLL if rpc.polled else _PAUSE
        await self._identify(rpc, config)
        if rpc.polled:
            self._versions["transport"] = "http"
        while True:
            self._wake.clear()
            self._update_connection()
            ask = self._asked = self._decoder.ask
            refresh = self._refresh and ask is None
            if refresh:
                self._refresh = False
                ask = self._decoder.state_query
            if ask is not None:
                answered = await self._call(rpc, ask)
                # A pending change waits for this answer, perhaps for nothing else.
                unanswered = refresh and not answered
                self._refresh = self._refresh or unanswered
                if unanswered or ask == self._decoder.ask:
                    await self._wake_within(pause)
            elif rpc.polled:
                if not await self._wake_within(_POLL):
                    self._refresh = True
            elif not await self._wake_within(_KEEPALIVE if self._live else _PAUSE):
                self._read_version(await server_info(rpc, ErrorCode.STREAM_STALLED))

    async def _identify(self, rpc: Rpc, config: Config) -> None:
        self._read_version(await authorise(rpc, config))
        await confirm_identity(rpc, config)
        self._versions |= await read_machine(rpc)

    def _read_version(self, info: Mapping[str, Any]) -> None:
        match info:
            case {"moonraker_version": str(version)}:
                self._versions["firmware"] = f"Moonraker {version[:32]}"

    async def _call(self, rpc: Rpc, ask: Ask) -> bool:
        """Send a call; return whether it was answered with a result."""
        self._called_at = self._clock.monotonic()
        self._called_after = self._decoder.restarts
        try:
            await rpc.call(ask.method, ask.params, _ANSWER_TIMEOUT)
        except RpcError as err:
            if err.refusal is Refusal.UNAUTHORIZED:
                raise DriverError(ErrorCode.INVALID_AUTH, str(err)) from err
            if err.refusal is not Refusal.NO_ANSWER:
                self._decoder.refused(ask)
            if ask.method.startswith("printer."):
                # Klippy may be gone without a notification.
                self._read_version(await server_info(rpc, ErrorCode.STREAM_STALLED))
            return False
        return True

    async def _wake_within(self, seconds: float) -> bool:
        """Wait until there may be something else to request; return whether in time."""
        until = self._clock.monotonic() + seconds
        timer = self._clock.call_at(until, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()
        return self._clock.monotonic() < until

    @property
    def _live(self) -> bool:
        """Whether the decoder's snapshot is current."""
        snapshot = self._decoder.snapshot
        return snapshot is not None and not snapshot.frozen

    def _update_connection(self) -> None:
        """Pass the printer's versions to the connection, or why it is not ready."""
        if self._live:
            self._unready_since = None
            self._error = None
            self._connection.versions = self._versions | {
                "system": self._decoder.system
            }
            if unread := self._decoder.not_understood:
                self._connection.versions |= {"not_understood": ", ".join(unread)}
            if left_out := self._decoder.limits.left_out:
                self._connection.versions |= {"left_out": as_text(left_out)}
            return
        if self._unready_since is None:
            self._unready_since = self._clock.monotonic()
        error = self._error_code(self._clock.monotonic() - self._unready_since)
        if error is None or error is not self._error:
            self._error = error
            self._connection.not_ready(
                DriverError(error, "Klippy is not ready") if error else None
            )

    def _error_code(self, waited: float) -> ErrorCode | None:
        """Return why it is not ready; None while it may just be starting."""
        code = error_of(self._decoder.klippy_state)
        return code if code in _REPORTED_AT_ONCE or waited >= _START_MAX else None

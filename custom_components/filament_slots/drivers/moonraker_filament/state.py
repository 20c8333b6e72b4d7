"""Decodes the messages of one Moonraker connection into snapshots.

A live connection, or the replay of a capture, passes every notification and answer to
feed() in order, and repeats the call in `ask` until `ask` changes. An answer is
recognised by its content, not by its request.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
import logging
from typing import Any, Final

from ..base import Counters
from ..snapshot import Snapshot
from ..timings import Timings
from .klippy import DISCONNECTED, READY, Klippy
from .limits import Limits
from .systems import Context, Found, System, choose
from .systems.system import TEXT, Fields, Status, Wanted, unanswered

STATUS_UPDATE: Final = "notify_status_update"
# A filament switch, unlike a feeder, is reliable after a second.
TIMINGS: Final = Timings(insert_settle=1)

_COMMON: Final[Wanted] = {"webhooks": {"state": TEXT}, "print_stats": {"state": TEXT}}
_VARIABLES: Final = {"save_variables": ["variables"]}
_PRINTING: Final = frozenset({"printing", "paused"})
# The resolution at which g, % and °C are reported.
_RESOLUTION: Final = 0.5


@dataclass(frozen=True, slots=True)
class Ask:
    """A call whose answer is missing."""

    method: str
    params: Mapping[str, Any] | None = None


@dataclass(slots=True)
class _Spool:
    """Spoolman: whether Moonraker has it (None: not known yet), and its active spool."""

    available: bool | None = None
    spool_id: int | None = None
    answered: bool = False


@dataclass(slots=True)
class _Read:
    """What was read since Klippy started.

    objects: the objects that Klipper has; None until listed.
    status: the merged fields that the system reads; nothing else is kept.
    answered: the subscription was answered, so that only changes will follow.
    asking: fields whose changes are not sent have to be requested again.
    """

    objects: list[str] | None = None
    system: System | None = None
    wanted: Wanted = field(default_factory=dict)
    status: dict[str, dict[str, Any]] = field(default_factory=dict)
    answered: bool = False
    asking: bool = False


class MoonrakerDecoder:
    """Merges the messages of one connection; each connection has its own decoder.

    Read-only attributes:
    counters: counts what is ignored. limits: what is left out.
    polled: to be set before the first message where only answers are received.
    snapshot: the latest one, None before the first complete one.
    restarts: how often Klippy restarted, which ends each subscription.
    not_understood: objects of a changer in it that cannot be read.
    """

    def __init__(
        self,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
        numbers: dict[str, int] | None = None,
        counters: Counters | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Create it empty; `log` gets one debug line for each kind of bad input.

        numbers: the slot numbers of bare sensors and tools by name (the labels of
        stored direct slots). New ones are added, so that they keep their numbers.
        """
        self.counters = counters or Counters()
        self.limits = limits or Limits()
        self.polled = False
        self.snapshot: Snapshot | None = None
        self.restarts = 0
        self.not_understood: tuple[str, ...] = ()
        self._log = log
        self._numbers = {} if numbers is None else numbers
        self._klippy = Klippy()
        self._read = _Read()
        self._spool = _Spool()
        # Whether status updates were merged that are not in the snapshot yet.
        self._outdated = False

    @property
    def klippy_state(self) -> str | None:
        """Klippy's state as Moonraker reports it, None before the first report."""
        return self._klippy.state

    @property
    def system(self) -> str | None:
        """The name of the filament system, None until it is chosen."""
        return self._read.system.name if self._read.system else None

    @property
    def status(self) -> Status:
        """The fields that the system reads, by object, as last reported."""
        return self._read.status

    @property
    def active_spool(self) -> int | None:
        """The active spool of Moonraker, None if there is none."""
        return self._spool.spool_id

    @property
    def ask(self) -> Ask | None:
        """The next call, to be repeated with a pause while it stays the same.

        None when all that is left is to listen.
        """
        read = self._read
        if not self._klippy.ready:
            # Klippy in error does not report its recovery (docs/protocols/moonraker.md 0.3).
            return Ask("server.info")
        if self._spool.available and not self._spool.answered:
            return Ask("server.spoolman.status")
        if read.objects is None:
            return Ask("printer.objects.list")
        if read.system is None:
            return _call("query", _VARIABLES)
        if not read.answered:
            return _call("subscribe", read.wanted)
        if read.asking:
            return _call("query", {read.system.asked: read.system.asks_again})
        return None

    @property
    def state_query(self) -> Ask:
        """The call that asks for all that is read, once the subscription is answered."""
        return _call("query", self._read.wanted)

    def refused(self, ask: Ask) -> None:
        """Note that Moonraker answered a call with an error."""
        if ask.method == "server.spoolman.status":
            self._spool = _Spool(available=False, answered=True)

    def feed(self, message: dict[str, Any], *, hold: bool = False) -> Snapshot | None:
        """Process a message; return the snapshot, the same object if nothing changed.

        hold: leave the snapshot of a status update to the next one that is not held.
        None: Klipper's state was not reported. Never raises: bad input is counted.
        """
        try:
            # Nearly all messages, several a second.
            if "method" in message and message["method"] == STATUS_UPDATE:
                if self._merge(message["params"][0]):
                    self._outdated = hold
                    if not hold:
                        self._update_snapshot()
                return None if hold else self.snapshot
            return self._take(message)
        except Exception as err:  # noqa: BLE001 - no message may end the connection
            self.counters.decode_errors += 1
            self._refuse(f"a message that raised {type(err).__name__}")
            return None

    def _take(self, message: dict[str, Any]) -> Snapshot | None:
        match message:
            case {"method": "notify_klippy_ready"}:
                if self._klippy.state is None:
                    self._klippy.update("startup")  # It was not ready until now.
                return self._klippy_reported(READY)
            case {"method": "notify_klippy_shutdown"}:
                return self._klippy_reported("shutdown")
            case {"method": "notify_klippy_disconnected"}:
                return self._klippy_reported(DISCONNECTED)
            case {"method": "notify_active_spool_set", "params": [dict(spool)]}:
                # FilaMan sends the same for its own ids (docs/protocols/moonraker.md 1.7).
                return (
                    None if self._spool.available is False else self._take_spool(spool)
                )
            case {"result": {"status": dict(status)}}:
                return self._take_answer(status)
            case {"result": {"objects": list(objects)}}:
                return self._take_objects(objects)
            case {"result": {"klippy_state": str(state)} as info}:
                components = info.get("components")
                if isinstance(components, list) and not self._spool.answered:
                    self._spool.available = "spoolman" in components
                return self._klippy_reported(state)
            case {"result": {"state": str(state), "state_message": _}}:
                return self._klippy_reported(state)
            case {"result": {"spool_id": _} as spool}:
                return self._take_spool(spool)
            case {"method": str()} | {"result": _} | {"error": _}:
                return None
        self._ignore("a message of an unknown kind")
        return None

    # Klippy.

    def _klippy_reported(self, state: str) -> Snapshot | None:
        self._follow_klippy(state)
        return self._update_snapshot()

    def _follow_klippy(self, state: str) -> None:
        if self._klippy.update(state):
            self._read = _Read()
            self.restarts += 1

    # Objects.

    def _take_objects(self, objects: list[Any]) -> Snapshot | None:
        listed = self.limits.objects(objects)
        if listed == self._read.objects:
            return None
        self._read = _Read(objects=listed)
        self._choose(None)
        return None

    def _choose(self, variables: Fields | None) -> None:
        """Choose the system; if variables may hold one, only once they were read."""
        read = self._read
        found = Found(
            objects=read.objects or [],
            variables=variables or {},
            numbers=self._numbers,
        )
        system = choose(found)
        if (
            variables is None
            and system.last_resort
            and "save_variables" in found.objects
        ):
            return
        self.limits.note("sensors", system.left_out)
        read.system = system
        read.wanted = {**found.only(_COMMON), **found.only(system.wanted)}
        # Klipper reports null for fields that it does not have or no longer has.
        read.status = {
            name: dict.fromkeys(kinds) for name, kinds in read.wanted.items()
        }

    def _take_answer(self, status: dict[str, Any]) -> Snapshot | None:
        match status.get("webhooks"):
            case {"state": str(state)}:
                self._follow_klippy(state)
            case _ if self._klippy.state is None:
                self._follow_klippy(READY)
        read = self._read
        # The answer used to choose the system is not the answer to the subscription.
        choosing = (
            read.system is None
            and read.objects is not None
            and status.keys() == _VARIABLES.keys()
        )
        if read.system is None:
            if read.objects is None:
                read.objects = self.limits.objects(status)
            match status.get("save_variables"):
                case {"variables": dict(variables)}:
                    self._choose(variables)
                case _:
                    self._choose({})
        self._merge(status)
        read.answered = read.answered or (
            not choosing
            and (not read.wanted or any(name in read.wanted for name in status))
        )
        if read.system is not None and read.asking:
            fresh = status.get(read.system.asked)
            read.asking = not (
                isinstance(fresh, dict)
                and any(name in fresh for name in read.system.asks_again)
            )
        self._update_snapshot()
        return self.snapshot

    def _merge(self, changes: dict[str, Any]) -> bool:
        """Merge the fields that the system reads; return whether any has changed.

        A hot path: each printer sends changes four times a second, mostly of others.
        """
        status, changed = self._read.status, self._outdated
        # Written for speed: it takes about as long as parsing the message.
        for name in changes:  # noqa: PLC0206
            if name in status:
                fields, kept = changes[name], status[name]
                if type(fields) is not dict:
                    self._ignore("an object without fields")
                    continue
                for key in fields:
                    if key in kept:
                        value = fields[key]
                        if type(value) is float:
                            try:
                                if abs(value - kept[key]) < _RESOLUTION:
                                    continue
                            except TypeError:
                                pass  # It was no number before.
                        elif kept[key] == value:
                            continue
                        changed = self._keep(name, key, value) or changed
        return changed

    def _keep(self, name: str, key: str, value: Any) -> bool:
        """Keep a changed value; return whether its type is right."""
        kept = self._read.status[name]
        if value is not None:
            if not isinstance(value, self._read.wanted[name][key]):
                self._ignore("a value of another type")
                return False
        kept[key] = value
        self._follow(name, key, value)
        return True

    def _follow(self, name: str, key: str, value: Any) -> None:
        """Apply the side effects of a changed field."""
        system = self._read.system
        if name == "webhooks" and key == "state" and isinstance(value, str):
            self._klippy.update(value)
        elif system and name == system.asked and key in system.asks_again_after:
            self._read.asking = self._read.answered

    # Spoolman.

    def _take_spool(self, spool: dict[str, Any]) -> Snapshot | None:
        match spool.get("spool_id"):
            case bool():
                self._ignore("an invalid spool id")
                return None
            case int() | None as spool_id:
                self._spool = _Spool(available=True, spool_id=spool_id, answered=True)
                return self._update_snapshot()
        self._ignore("an invalid spool id")
        return None

    # Snapshots.

    def _update_snapshot(self) -> Snapshot | None:
        snapshot = self._build_snapshot()
        if snapshot is None or snapshot == self.snapshot:
            return None
        self.snapshot = snapshot
        return snapshot

    def _build_snapshot(self) -> Snapshot | None:
        read = self._read
        system = read.system
        if system is not None and read.answered and self._klippy.ready:
            self._klippy.trusted = self._klippy.trusted or system.ready(read.status)
        if system is None or not (read.answered and self._klippy.trusted):
            # The earlier values are outdated until new ones can be trusted.
            return self.snapshot and replace(self.snapshot, frozen=True)
        state = read.status.get("print_stats", {}).get("state")
        printing = state in _PRINTING
        reading = system.decode(
            read.status,
            Context(
                printing=printing,
                paused=state == "paused",
                before=self.snapshot,
                spoolman=bool(self._spool.available),
                spool_id=self._spool.spool_id,
                asking=read.asking,
                ignore=self._ignore,
            ),
        )
        self.not_understood = reading.not_understood
        if not (self.not_understood or reading.units or reading.direct_slots):
            self.not_understood = unanswered(system, read.status)
        units, direct_slots = self.limits.slots(reading.units, reading.direct_slots)
        return Snapshot(
            complete=True,
            polled=self.polled,
            printing=printing,
            units=units,
            direct_slots=direct_slots,
        )

    def _ignore(self, why: str) -> None:
        self.counters.ignored += 1
        self._refuse(why)

    def _refuse(self, why: str) -> None:
        """Log the first of its kind: a printer that sends bad input repeats it."""
        if self.counters.refuse(why):
            self._log.debug("Ignored (logged once): %s", why)


def _call(what: str, objects: Mapping[str, Iterable[str]]) -> Ask:
    wanted = {name: list(kinds) for name, kinds in objects.items()}
    return Ask(f"printer.objects.{what}", {"objects": wanted})

"""What a Klipper printer says through Moonraker on one connection, as snapshots.

How a connection uses it, live or out of a capture: every notification and every
answer goes to feed(), in the order they arrive, and what `ask` names is called until
it names something else. An answer is known by what it holds, whoever asked for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
import logging
from typing import Any, Final

from ..base import Counters
from ..snapshot import Snapshot
from ..timings import Timings
from .systems import Around, Found, System, choose
from .systems.system import TEXT, Fields, Wanted

# A filament switch is no feeder: what it says for a second is so.
TIMINGS: Final = Timings(insert_settle=1)

READY: Final = "ready"
_GONE: Final = "disconnected"
_COMMON: Final[Wanted] = {"webhooks": {"state": TEXT}, "print_stats": {"state": TEXT}}
_VARIABLES: Final = {"save_variables": ["variables"]}
_PRINTING: Final = frozenset({"printing", "paused"})
# As fine as anybody is told g, % and °C.
_FINE: Final = 0.5
_NUMBERS: Final = (int, float)


@dataclass(frozen=True, slots=True)
class Ask:
    """A call whose answer is missing."""

    method: str
    params: Mapping[str, Any] | None = None


@dataclass(slots=True)
class _Spool:
    """What is known of Spoolman: None until somebody told, and its active spool."""

    there: bool | None = None
    spool_id: int | None = None
    answered: bool = False


@dataclass(slots=True)
class _Klippy:
    """Klippy's life, as far as this connection saw it (docs/protocols/moonraker.md 1.8).

    state: as it was last told, None before anything was.
    trusted: what is read is so. A Klippy found ready is believed at once; one that
    came up while we watched, only from its filament system's own ready sign on.
    lost: it went away or down, so that it is another one when it is ready again.
    """

    state: str | None = None
    trusted: bool = False
    lost: bool = False

    @property
    def ready(self) -> bool:
        return self.state == READY

    def told(self, state: str) -> bool:
        """Take in its state; return whether everything read before is void."""
        was, self.state = self.state, state
        if state == READY:
            self.trusted = self.trusted or was is None
            void, self.lost = self.lost, False
            return void
        self.trusted = False
        self.lost = self.lost or was == READY or state != "startup"
        return False


@dataclass(slots=True)
class _Read:
    """What was read since Klippy started.

    objects: those Klipper has; None until listed.
    status: the fields the system wants, merged; of other objects nothing is kept.
    answered: the objects were answered for, so that only changes are to come.
    asking: fields whose changes are not sent are to be asked for again.
    """

    objects: list[str] | None = None
    system: System | None = None
    wanted: Wanted = field(default_factory=dict)
    status: dict[str, dict[str, Any]] = field(default_factory=dict)
    answered: bool = False
    asking: bool = False


class MoonrakerDecoder:
    """Merges what one connection brings; a new connection takes a new decoder.

    To be read only:
    counters: what of it made no sense.
    snapshot: the newest one, None before the first that is complete.
    """

    def __init__(
        self,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
        numbers: dict[str, int] | None = None,
        counters: Counters | None = None,
    ) -> None:
        """Start knowing nothing; `log` gets a debug line for each kind of nonsense.

        numbers: the slot numbers of bare sensors by name (the labels of stored direct
        slots); it is added to, so that the next connection is given the same.
        """
        self.counters = counters or Counters()
        self.snapshot: Snapshot | None = None
        self._log = log
        self._logged: set[str] = set()
        self._numbers = {} if numbers is None else numbers
        self._klippy = _Klippy()
        self._read = _Read()
        self._spool = _Spool()

    @property
    def klippy_state(self) -> str | None:
        """What Moonraker calls Klippy's state; None before the first word."""
        return self._klippy.state

    @property
    def system(self) -> str | None:
        """The name of the filament system that is read, None until it is chosen."""
        return self._read.system.name if self._read.system else None

    @property
    def ask(self) -> Ask | None:
        """What to call next: again and again, with a pause, while it stays the same.

        None when there is nothing to do but listen.
        """
        read = self._read
        if not self._klippy.ready:
            # Klippy in error tells nobody when it is back (docs/protocols/moonraker.md 0.3).
            return Ask("server.info")
        if self._spool.there and not self._spool.answered:
            return Ask("server.spoolman.status")
        if read.objects is None:
            return Ask("printer.objects.list")
        if read.system is None:
            return _query(_VARIABLES)
        if not read.answered:
            return Ask(
                "printer.objects.subscribe",
                {"objects": {name: list(kinds) for name, kinds in read.wanted.items()}},
            )
        if read.asking:
            return _query({read.system.asked: list(read.system.asks_again)})
        return None

    def refused(self, ask: Ask) -> None:
        """Note that Moonraker answered a call with an error."""
        if ask.method == "server.spoolman.status":
            self._spool = _Spool(there=False, answered=True)

    def feed(self, message: dict[str, Any]) -> Snapshot | None:
        """Take in a message; return the new snapshot, None when nothing changed.

        Never raises: what makes no sense is counted and changes nothing.
        """
        try:
            if message.get("method") == "notify_status_update":
                return self._show() if self._merge(message["params"][0]) else None
            return self._take(message)
        except Exception as err:  # noqa: BLE001 - no message may cost the connection
            self.counters.decode_errors += 1
            self._log_once(f"a message was not understood: {type(err).__name__}")
            return None

    def _take(self, message: dict[str, Any]) -> Snapshot | None:
        match message:
            case {"method": "notify_klippy_ready"}:
                if self._klippy.state is None:
                    self._klippy.told("startup")  # so it was not ready until now
                return self._told(READY)
            case {"method": "notify_klippy_shutdown"}:
                return self._told("shutdown")
            case {"method": "notify_klippy_disconnected"}:
                return self._told(_GONE)
            case {"method": "notify_active_spool_set", "params": [dict(spool)]}:
                # FilaMan says the same of its own numbers (docs/protocols/moonraker.md 1.7).
                return None if self._spool.there is False else self._take_spool(spool)
            case {"method": str()}:
                return None
            case {"result": {"status": dict(status)}}:
                return self._take_answer(status)
            case {"result": {"objects": list(objects)}}:
                return self._take_objects(objects)
            case {"result": {"klippy_state": str(state)} as info}:
                components = info.get("components")
                if isinstance(components, list) and not self._spool.answered:
                    self._spool.there = "spoolman" in components
                return self._told(state)
            case {"result": {"state": str(state), "state_message": _}}:
                return self._told(state)
            case {"result": {"spool_id": _} as spool}:
                return self._take_spool(spool)
            case {"result": _} | {"error": _}:
                return None
        self._ignore("a message of another kind")
        return None

    # Klippy.

    def _told(self, state: str) -> Snapshot | None:
        self._follow_klippy(state)
        return self._show()

    def _follow_klippy(self, state: str) -> None:
        if self._klippy.told(state):
            self._read = _Read()

    # Objects.

    def _take_objects(self, objects: list[Any]) -> Snapshot | None:
        listed = [name for name in objects if isinstance(name, str)]
        if listed == self._read.objects:
            return None
        self._read = _Read(objects=listed)
        self._choose(None)
        return None

    def _choose(self, variables: Fields | None) -> None:
        """Choose the system; where variables may tell of one, only after a look there."""
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
        read.system = system
        read.wanted = {**found.only(_COMMON), **found.only(system.wanted)}
        # What Klipper has not told of, or no longer has, it calls null.
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
        # What was looked at to choose by is no answer to a subscription yet.
        looked = (
            read.system is None
            and read.objects is not None
            and status.keys() == _VARIABLES.keys()
        )
        if read.system is None:
            if read.objects is None:
                read.objects = list(status)
            match status.get("save_variables"):
                case {"variables": dict(variables)}:
                    self._choose(variables)
                case _:
                    self._choose({})
        self._merge(status)
        read.answered = read.answered or (
            not looked
            and (not read.wanted or any(name in read.wanted for name in status))
        )
        if read.system is not None and read.asking:
            fresh = status.get(read.system.asked)
            read.asking = not (
                isinstance(fresh, dict)
                and any(name in fresh for name in read.system.asks_again)
            )
        return self._show()

    def _merge(self, changes: dict[str, Any]) -> bool:
        """Take over what the system wants; return whether any of it is new.

        Each printer says something four times a second, mostly nothing of this.
        """
        status, news = self._read.status, False
        for name, fields in changes.items():
            if kept := status.get(name):
                if not isinstance(fields, dict):
                    self._ignore("an object that holds no fields")
                    continue
                for key, value in fields.items():
                    # A field that is not wanted equals itself.
                    before = kept.get(key, value)
                    if before != value and not (
                        type(value) is float
                        and isinstance(before, _NUMBERS)
                        and -_FINE < value - before < _FINE
                    ):
                        news = self._keep(name, key, value) or news
        return news

    def _keep(self, name: str, key: str, value: Any) -> bool:
        """Keep a value that differs; return whether it makes sense."""
        kept = self._read.status[name]
        if value is not None:
            if not isinstance(value, self._read.wanted[name][key]):
                self._ignore("a value of another type")
                return False
        kept[key] = value
        self._follow(name, key, value)
        return True

    def _follow(self, name: str, key: str, value: Any) -> None:
        """Do what a change means besides itself."""
        system = self._read.system
        if name == "webhooks" and key == "state" and isinstance(value, str):
            self._klippy.told(value)
        elif system and name == system.asked and key in system.asks_again_after:
            self._read.asking = self._read.answered

    # Spoolman.

    def _take_spool(self, spool: dict[str, Any]) -> Snapshot | None:
        match spool.get("spool_id"):
            case bool():
                self._ignore("a spool id that is none")
                return None
            case int() | None as spool_id:
                self._spool = _Spool(there=True, spool_id=spool_id, answered=True)
                return self._show()
        self._ignore("a spool id that is none")
        return None

    # What is so.

    def _show(self) -> Snapshot | None:
        snapshot = self._look()
        if snapshot is None or snapshot == self.snapshot:
            return None
        self.snapshot = snapshot
        return snapshot

    def _look(self) -> Snapshot | None:
        read = self._read
        system = read.system
        if system is not None and read.answered and self._klippy.ready:
            self._klippy.trusted = self._klippy.trusted or system.ready(read.status)
        if system is None or not (read.answered and self._klippy.trusted):
            # What was read before is left over until there is something to believe.
            return self.snapshot and replace(self.snapshot, frozen=True)
        printing = read.status.get("print_stats", {}).get("state") in _PRINTING
        reading = system.decode(
            read.status,
            Around(
                printing=printing,
                spoolman=bool(self._spool.there),
                spool_id=self._spool.spool_id,
                asking=read.asking,
                ignore=self._ignore,
            ),
        )
        return Snapshot(
            complete=True,
            printing=printing,
            units=reading.units,
            direct_slots=reading.direct_slots,
        )

    def _ignore(self, why: str) -> None:
        self.counters.ignored += 1
        self._log_once(why)

    def _log_once(self, why: str) -> None:
        """Log the first of its kind: a printer that talks nonsense repeats itself."""
        if why not in self._logged:
            self._logged.add(why)
            self._log.debug("Ignored from now on without a word: %s", why)


def frame_decoder() -> Callable[[Mapping[str, Any]], Snapshot | None]:
    """Return a decoder for the frames of one capture: `{t, dir, frame | note}`."""
    decoder = MoonrakerDecoder(logging.getLogger(__name__))

    def decode(frame: Mapping[str, Any]) -> Snapshot | None:
        message = frame.get("frame")
        if frame.get("dir") != "<-" or not isinstance(message, dict):
            return None
        return decoder.feed(message)

    return decode


def _query(objects: Mapping[str, list[str]]) -> Ask:
    return Ask("printer.objects.query", {"objects": objects})

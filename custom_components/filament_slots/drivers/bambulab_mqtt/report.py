"""Decodes the messages that a printer publishes into snapshots of its slots."""

from collections.abc import Mapping, Sequence
import logging
from typing import Any, Final

import orjson

from ..base import Counters
from ..health import UnitVersions
from ..numbers import whole
from ..snapshot import NO_MEMORY, Snapshot
from .merge import KEYS, merge
from .merged import remembered
from .units import make_snapshot
from .versions import Versions, read_versions

# Real reports have up to 40 kB; parsing much more would hold up the event loop.
_BYTES_MAX: Final = 1024 * 1024
_MISSING: Final = object()


class ReportDecoder:
    """Decodes the messages of one connection; a new connection takes a new decoder.

    To be read only:
    counters: counts what was left out and what could not be read.
    merged: the state of the printer that the snapshot is made of.
    snapshot: the newest one, None before the first.
    needs_versions: whether there is a unit whose serial only get_version can confirm.
    unit_versions: of the units in the newest answer to get_version.
    """

    def __init__(
        self,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
        counters: Counters | None = None,
        memory: Mapping[str, Any] = NO_MEMORY,
    ) -> None:
        """Start without a state; `log` gets a debug line for each kind of invalid data.

        memory: that of the last snapshot of the connection before, from which a restart
        of the printer is known.
        """
        self.counters = counters or Counters()
        self.merged = remembered(memory)
        self.snapshot: Snapshot | None = None
        self.needs_versions = False
        self._log = log
        # The parts of reports merged last, raw: most messages only repeat them.
        self._last: dict[str, Any] = {}
        self._last_listed_all_units = False
        self._versions: Versions | None = None
        self.unit_versions: Sequence[UnitVersions] = ()
        self._answered: Mapping[int, str | None] = {}

    @property
    def versions(self) -> dict[str, str]:
        """The printer's `model`, `firmware` and `serial`, as far as it sent them."""
        return self._versions.as_dict() if self._versions else {}

    @property
    def model(self) -> str | None:
        """The printer's model, None until get_version was answered."""
        return self._versions.model if self._versions else None

    @property
    def contradiction(self) -> bool:
        """Whether reports contradict each other, which the answer to pushall resolves.

        Stays true until a full report arrives.
        """
        return self.merged.contradictory

    @property
    def needs_everything(self) -> bool:
        """Whether an answer to pushall is needed: what it contains is not all known.

        Some printers call all their reports full; only the answer contains the state of
        the print whether or not that changes.
        """
        return (
            self.contradiction
            or self.snapshot is None
            or not self.snapshot.complete
            or not self.merged.gcode_state
        )

    def feed(self, payload: bytes | bytearray | str) -> Snapshot | None:
        """Decode a message; return the snapshot, the same object when nothing changed.

        Returns None for a message that does not report the state, and before the first
        snapshot. Never raises: invalid data is counted and changes nothing.
        """
        message = self._parse(payload)
        if message is None:
            return None
        try:
            return self._take(message)
        except Exception as err:  # noqa: BLE001 - no message may cost the connection
            self._fail(f"a message was not understood: {type(err).__name__}")
            return None

    def _parse(self, payload: bytes | bytearray | str) -> dict[str, Any] | None:
        if len(payload) > _BYTES_MAX:
            self._fail("a message is too large")
            return None
        try:
            message = orjson.loads(payload)
        except orjson.JSONDecodeError:
            message = _parse_damaged(payload)
        if not isinstance(message, dict):
            self._fail("a message is no JSON object")
            return None
        return message

    def _take(self, message: dict[str, Any]) -> Snapshot | None:
        match message:
            # Answers to commands always name it; some reports name none (the fragments
            # of the H2D). So what names no command is a report.
            case {"print": dict(report)} if (
                report.get("command", "push_status") == "push_status"
            ):
                return self._take_report(report)
            case {"info": {"command": "get_version", "module": list(modules)}}:
                return self._take_versions(modules)
        self._ignore("a message of another kind")
        return None

    def _take_report(self, report: dict[str, Any]) -> Snapshot | None:
        msg = whole(report.get("msg"))
        last = self._last if self.merged.complete else {}
        changed = {
            key: report[key]
            for key in KEYS
            if key in report and report[key] != last.get(key, _MISSING)
        }
        # The same units in a full report mean more: that there are no others.
        if msg == 0 and not self._last_listed_all_units and "ams" in report:
            changed["ams"] = report["ams"]
        if not changed:
            return self.snapshot
        before = self.merged
        merged = merge(before, changed, msg, self._ignore)
        self._last |= changed
        if "ams" in changed:
            self._last_listed_all_units = msg == 0
        if merged is before:
            return self.snapshot
        if merged.shutting_down and not before.shutting_down:
            self._refuse("a report that all units are gone")
        elif merged.contradictory and not before.contradictory:
            self._refuse("reports that contradict each other")
        self.merged = merged
        self._answered = {
            unit_id: serial
            for unit_id, serial in self._answered.items()
            if unit_id in merged.connected
        }
        self._update_snapshot()
        return self.snapshot

    def _take_versions(self, modules: list[Any]) -> Snapshot | None:
        self._versions = read_versions(modules)
        self.unit_versions = self._versions.of_units()
        answered = {
            unit_id: module.serial
            for unit_id, module in self._versions.units.items()
            if module.enumerated and unit_id in self.merged.connected
        }
        self._answered = {**self._answered, **answered}
        before = self.snapshot
        if before is not None:
            self._update_snapshot()
        return None if self.snapshot is before else self.snapshot

    def _update_snapshot(self) -> None:
        self.needs_versions = any(
            unit_id not in self._answered and unit.serial is None
            for unit_id, unit in self.merged.connected.items()
        )
        snapshot = make_snapshot(self.merged, self._versions, self._answered)
        if snapshot != self.snapshot:
            self.snapshot = snapshot

    def _fail(self, why: str) -> None:
        self.counters.decode_errors += 1
        self._refuse(why)

    def _ignore(self, why: str) -> None:
        self.counters.ignored += 1
        self._refuse(why)

    def _refuse(self, why: str) -> None:
        """Log the first of its kind: invalid data may repeat every second."""
        if self.counters.refuse(why):
            self._log.debug("Ignored, and not logged again: %s", why)


def _parse_damaged(payload: bytes | bytearray | str) -> object:
    """Parse what is not UTF-8: some firmware sends such names in good reports."""
    if isinstance(payload, str):
        return None
    try:
        return orjson.loads(payload.decode(errors="replace"))
    except orjson.JSONDecodeError:
        return None

"""From the bytes a printer publishes to the snapshot of what is true."""

from collections.abc import Mapping
import logging
from typing import Any, Final

import orjson

from ..base import Counters
from ..numbers import whole
from ..snapshot import Snapshot
from .merge import KEYS, merge
from .merged import Merged
from .units import picture
from .versions import Versions, read_versions

# Real reports have up to 40 kB; parsing much more would hold up the event loop.
_BYTES_MAX: Final = 1024 * 1024
_MISSING: Final = object()


class ReportDecoder:
    """Merges the messages of one connection; a new connection takes a new decoder.

    To be read only:
    counters: what of it made no sense.
    snapshot: the newest one, None before the first.
    needs_versions: a unit is there whose serial only get_version can confirm.
    """

    def __init__(
        self,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
        counters: Counters | None = None,
    ) -> None:
        """Start knowing nothing; `log` gets a debug line for each kind of nonsense."""
        self.counters = counters or Counters()
        self.snapshot: Snapshot | None = None
        self.needs_versions = False
        self._log = log
        self._logged: set[str] = set()
        self._merged = Merged()
        # The parts of reports merged last, raw: most messages only repeat them.
        self._said: dict[str, Any] = {}
        self._said_all_units = False
        self._versions: Versions | None = None
        self._answered: Mapping[int, str | None] = {}

    @property
    def versions(self) -> dict[str, str]:
        """The printer's `model`, `firmware` and `serial`, as far as it told them."""
        return self._versions.as_dict() if self._versions else {}

    @property
    def model(self) -> str | None:
        """The printer's model, None until get_version was answered."""
        return self._versions.model if self._versions else None

    @property
    def contradiction(self) -> bool:
        """Whether what was said does not fit together, so that pushall should tell.

        Stays true until a full report came.
        """
        return self._merged.doubtful

    def feed(self, payload: bytes | bytearray | str) -> Snapshot | None:
        """Take in a message; return the new snapshot, None when nothing changed.

        Never raises: what makes no sense is counted and changes nothing.
        """
        message = self._parse(payload)
        if message is None:
            return None
        try:
            return self._take(message)
        except Exception as err:  # noqa: BLE001 - no message may cost the connection
            self._refuse(f"a message was not understood: {type(err).__name__}")
            return None

    def _parse(self, payload: bytes | bytearray | str) -> dict[str, Any] | None:
        if len(payload) > _BYTES_MAX:
            self._refuse("a message is too large")
            return None
        try:
            message = orjson.loads(payload)
        except orjson.JSONDecodeError:
            message = _parse_damaged(payload)
        if not isinstance(message, dict):
            self._refuse("a message is no JSON object")
            return None
        return message

    def _take(self, message: dict[str, Any]) -> Snapshot | None:
        match message:
            # An answer to a command always names it; some reports name none (the
            # fragments of the H2D), so that only another name is another matter.
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
        said = self._said
        news = {
            key: report[key]
            for key in KEYS
            if key in report and report[key] != said.get(key, _MISSING)
        }
        # The same units, but now it is said that there are no others.
        if msg == 0 and not self._said_all_units and "ams" in report:
            news["ams"] = report["ams"]
        if not news:
            return None
        before = self._merged
        merged = merge(before, news, msg, self._ignore)
        self._said |= news
        if "ams" in news:
            self._said_all_units = msg == 0
        if merged is before:
            return None
        self._merged = merged
        self._answered = {
            unit_id: serial
            for unit_id, serial in self._answered.items()
            if unit_id in merged.units
        }
        return self._show()

    def _take_versions(self, modules: list[Any]) -> Snapshot | None:
        self._versions = read_versions(modules)
        answered = {
            unit_id: module.serial
            for unit_id, module in self._versions.units.items()
            if module.enumerated and unit_id in self._merged.units
        }
        self._answered = {**self._answered, **answered}
        return None if self.snapshot is None else self._show()

    def _show(self) -> Snapshot | None:
        self.needs_versions = any(
            unit_id not in self._answered and unit.serial is None
            for unit_id, unit in self._merged.units.items()
        )
        snapshot = picture(self._merged, self._versions, self._answered)
        if snapshot == self.snapshot:
            return None
        self.snapshot = snapshot
        return snapshot

    def _refuse(self, why: str) -> None:
        self.counters.decode_errors += 1
        self._log_once(why)

    def _ignore(self, why: str) -> None:
        self.counters.ignored += 1
        self._log_once(why)

    def _log_once(self, why: str) -> None:
        """Log the first of its kind: a printer that talks nonsense does so every second."""
        if why not in self._logged:
            self._logged.add(why)
            self._log.debug("Ignored from now on without a word: %s", why)


def _parse_damaged(payload: bytes | bytearray | str) -> object:
    """Parse what is not UTF-8: some firmware sends such names in good reports."""
    if isinstance(payload, str):
        return None
    try:
        return orjson.loads(payload.decode(errors="replace"))
    except orjson.JSONDecodeError:
        return None

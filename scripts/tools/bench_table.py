"""The table that scripts/bench prints: each number beside the bar it is held to."""

from dataclasses import dataclass
import operator

HEADER = "| what | measured | bar | |\n|---|---|---|---|"

_OPERATORS = {"≤": operator.le, "≥": operator.ge, "<": operator.lt}


@dataclass(frozen=True)
class Bar:
    """One measurement, with its unit and, where there is one, its bar.

    sign, bar: the number has to be `sign` `bar` ("≤", "≥" or "<").
    """

    what: str
    unit: str
    sign: str = ""
    bar: float | None = None

    def row(self, number: float) -> str:
        """Return the table row for a measured number."""
        measured = self._format(number)
        if self.bar is None:
            return f"| {self.what} | {measured} | | |"
        verdict = "met" if _OPERATORS[self.sign](number, self.bar) else "MISSED"
        bar = self._format(self.bar)
        return f"| {self.what} | {measured} | {self.sign} {bar} | {verdict} |"

    def _format(self, number: float) -> str:
        digits = f"{number:,.0f}" if number >= 1000 else f"{number:.4g}"
        # A bare "/s" belongs to its number: 101/s, but 101 events/s.
        space = "" if not self.unit or self.unit.startswith("/") else " "
        return f"{digits}{space}{self.unit}"

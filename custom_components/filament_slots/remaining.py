"""What is left on a spool: its part of a full one, and whether that is little."""

from dataclasses import dataclass
from typing import Final, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class LowLimit:
    """How much is left on a spool at most that is low.

    percent: of a full spool; None if only the weight counts.
    grams: the weight, where no percentage is known.
    """

    percent: float | None
    grams: float

    @classmethod
    def of_percent(cls, percent: float) -> Self:
        """Return a limit in percent, of 1 kg where a full spool is not known."""
        return cls(percent=percent, grams=percent * 10)

    @classmethod
    def of_grams(cls, grams: float) -> Self:
        """Return a limit in grams, however much a full spool holds."""
        return cls(percent=None, grams=grams)

    def is_low(self, percent: float | None, grams: float | None) -> bool | None:
        """Return whether so much is low; None if that is not known."""
        if self.percent is not None and percent is not None:
            return percent <= self.percent
        return None if grams is None else grams <= self.grams


DEFAULT_LIMIT: Final = LowLimit.of_percent(15)


def remaining_percent(left: float | None, full: float | None) -> float | None:
    """Return what is left of a full spool, 0 to 100; None where either is not known."""
    if left is None or not full:
        return None
    return min(max(left / full * 100, 0.0), 100.0)

"""Distinguishes a runout from the removal of a spool."""

from ..snapshot import Slot
from .types import UnitActivity


class Runout:
    """Whether the filament of one slot ran out in a print, should it be gone now.

    It did where the slot feeds the print, or fed it when the end of the filament passed
    the switch in front of it: a changer unloads what is left up to minutes later.

    reported: the printer reported that the filament of the present spool ran out.
    """

    def __init__(self) -> None:
        """Begin without a print."""
        self._printing = False
        self._feeds = False
        self._passed_inlet = False
        self.reported = False

    def observe(self, before: Slot | None, slot: Slot, unit: UnitActivity) -> None:
        """Take in what the printer reports; before: None at first and after a gap."""
        fed = before is not None and before.active and self._printing
        self._printing = unit.printing
        self._feeds = unit.printing and (slot.active or fed)
        # A report that was there before may be about the spool before.
        if before is None or not slot.ran_out:
            self.reported = False
        elif not before.ran_out:
            self.reported = True
        if before is None or slot.inlet:
            self._passed_inlet = False
        elif self._feeds and before.inlet and slot.inlet is False:
            self._passed_inlet = True

    @property
    def explains_absence(self) -> bool:
        """Whether an absence that begins now is a runout."""
        return self._feeds or self._passed_inlet

"""Filament Slots, as far as a driver needs it."""

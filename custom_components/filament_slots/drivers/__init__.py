"""Drivers: each reads one kind of printer and says what is so."""

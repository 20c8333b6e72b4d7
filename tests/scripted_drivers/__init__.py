"""Drivers for tests, found when this folder is added to where drivers are looked for."""

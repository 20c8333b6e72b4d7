"""Stub of a package without a wheel, which detects speech."""


class MicroVad:
    """Imported by Home Assistant when the frontend lists the actions."""

"""Stub of a package without a wheel, which removes noise from speech."""


class AudioProcessor:
    """Imported by Home Assistant when the frontend lists the actions."""

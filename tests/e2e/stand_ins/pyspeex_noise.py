"""Stands in for a package that has no wheel and takes noise out of speech."""


class AudioProcessor:
    """Home Assistant imports it when a browser asks which actions there are."""

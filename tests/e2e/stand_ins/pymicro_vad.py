"""Stands in for a package that has no wheel and hears whether somebody speaks."""


class MicroVad:
    """Home Assistant imports it when a browser asks which actions there are."""

"""Describes an unexpected error for the log, without what may be secret."""

import traceback


def fault(err: BaseException) -> str:
    """Return the type of an error and where it was raised, innermost place first.

    Its text is left out: a driver may have put its access code into it.
    """
    places = traceback.extract_tb(err.__traceback__)
    return f"{type(err).__name__} in " + ", called from ".join(
        f"{place.filename}, line {place.lineno}" for place in reversed(places)
    )

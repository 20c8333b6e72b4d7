"""QR codes on labels that Spoolman prints (docs/protocols/spoolman.md 6.1)."""

import re
from typing import Final

from ..base import SpoolCode
from .decode import decode_id
from .url import as_address, base_urls

# In capitals it makes a smaller code.
_CODE: Final = re.compile(r"web\+spoolman:s-([0-9]{1,19})", re.IGNORECASE)
_PAGE: Final = re.compile(
    r"(https?://[^?#]*)/spool/show/([0-9]{1,19})/?(?:[?#].*)?", re.IGNORECASE
)


def read_code(text: str) -> SpoolCode | None:
    """Return the spool that the text of a code names; None for any other text."""
    if match := _CODE.fullmatch(text):
        address, number = None, match[1]
    elif match := _PAGE.fullmatch(text):
        try:
            address, number = as_address(base_urls(match[1])[0]), match[2]
        except ValueError:
            return None
    else:
        return None
    spool_id = decode_id(int(number))
    return None if spool_id is None else SpoolCode(spool_id=spool_id, address=address)

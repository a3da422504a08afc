"""`json.loads` for the texts that it mostly gets: a document of JSON, and the end of its line.

It looks for blanks at both ends by regular expressions, which takes longer than reading a short
document. Whatever else a text is goes to `json.loads`, and so does what it is to raise.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False  # a worker would need longer to load `typing` than to start
if TYPE_CHECKING:
    from typing import Any

# Reads a document that begins at a place: its value, and where it ends.
scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined,unused-ignore]


def loads(text: Any) -> Any:
    """What `json.loads` returns for a text."""
    try:
        value, end = scan(text, 0)
        if text[end:] in ("", "\n"):
            return value
    except Exception:
        pass  # it says what is wrong, or what it reads all the same, such as bytes
    return json.loads(text)

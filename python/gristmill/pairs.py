"""Keys of any kind as text that goes through a table of Gristmill's, and back.

Texts and whole numbers have one form each, so that they are merged in the table. Other keys are
pickled: equal ones may have several forms, and are merged by who reads the table.
"""

import base64
import pickle
from typing import Any

# The longest key that the table takes, in bytes.
MOST = 512 << 10


def key_text(key: Any) -> bytes:
    """A key as text without tabs and line ends."""
    kind = type(key)
    if kind is str:
        if key.isprintable() and "\\" not in key:
            text: bytes = b"s" + key.encode()
            return text
    elif kind is int:
        return b"i" + str(key).encode()
    return b"p" + base64.b64encode(pickle.dumps(key, pickle.HIGHEST_PROTOCOL))


def key_of(text: bytes) -> Any:
    """The key that a text stands for."""
    kind, rest = text[:1], text[1:]
    if kind == b"s":
        return rest.decode()
    if kind == b"i":
        return int(rest)
    return pickle.loads(base64.b64decode(rest))

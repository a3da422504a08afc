"""Keys of any kind as text that goes through a table of Gristmill's, and back.

Texts and whole numbers have one form each, so that they are merged in the table. Other keys are
pickled: equal ones may have several forms, and are merged by who reads the table. The table is in the
order of these forms, and texts are the last ones.
"""

from __future__ import annotations

import binascii
import pickle

from . import travel

TYPE_CHECKING = False  # a worker would need longer to load `typing` than to start
if TYPE_CHECKING:
    from typing import Any, Collection, List

# The longest key that the table takes, in bytes.
MOST = 512 << 10
NUMBER, PICKLED, PLAIN, CODED = b"i", b"p", b"s", b"t"
# The beginnings of texts: as they are, and with what a table would escape.
TEXTS = (PLAIN, CODED)


def key_texts(keys: Collection[Any]) -> List[bytes]:
    """Keys as texts. Where all are plain, which most are, they become so at once."""
    if keys and set(map(type, keys)) == {str}:
        joined = "".join(keys)
        if joined.isprintable() and "\\" not in joined:
            return ("s" + "\ns".join(keys)).encode().split(b"\n")
    return list(map(key_text, keys))


def key_text(key: Any) -> bytes:
    """A key as text without tabs and line ends."""
    kind = type(key)
    if kind is str:
        if key.isprintable() and "\\" not in key:
            text: bytes = PLAIN + key.encode()
            return text
        return CODED + coded(key.encode("utf-8", "surrogatepass"))
    if kind is int:
        return NUMBER + str(key).encode()
    return PICKLED + coded(travel.dumps(key))


def key_of(text: bytes) -> Any:
    """The key that a text stands for."""
    kind, rest = text[:1], text[1:]
    if kind == PLAIN:
        return rest.decode()
    if kind == NUMBER:
        return int(rest)
    data = binascii.a2b_base64(rest)
    return data.decode("utf-8", "surrogatepass") if kind == CODED else pickle.loads(data)


def coded(data: bytes) -> bytes:
    """Bytes as text."""
    return binascii.b2a_base64(data, newline=False)

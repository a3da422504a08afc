"""How items and results travel between a pool and its workers: both run the same interpreter.

Texts, bytes and numbers go as they are, by `marshal`, which is the fastest way. Everything else is
*boxed*: pickled at once, when it is seen, so that an object that is changed afterwards arrives as it
was. A box is a tuple of `bytes`, mostly of one, which nothing that goes as it is can be confused with.
"""

import marshal
import os
import pickle
import struct
from typing import Any, Iterable, List, Tuple, Union

# Subclasses are not among them: marshal would make plain values of them.
PLAIN = frozenset({str, bytes, int, float, complex, bool, type(None)})

# The lengths of a frame's head and its body, before both.
LENGTHS = struct.Struct("=QQ")
# What the kernel takes at once, at most.
PART = 1 << 20
# Of more than 2 GiB marshal takes no text and no bytes: they go in pieces of so many bytes.
PIECE = 1 << 30


def box(value: Any) -> Any:
    """The value as it travels."""
    if type(value) in PLAIN:
        return value
    return (pickle.dumps(value, pickle.HIGHEST_PROTOCOL),)


def unbox(value: Any) -> Any:
    """The value that was boxed, or that went as it is."""
    if type(value) is tuple:
        return pickle.loads(value[0] if len(value) == 1 else b"".join(value))
    return value


def unbox_all(values: List[Any]) -> List[Any]:
    """All values of a list."""
    return [unbox(value) for value in values]


def all_plain(values: Iterable[Any]) -> bool:
    """Whether all values may go as they are."""
    return PLAIN.issuperset(map(type, values))


def encode(message: Any) -> bytes:
    """A message of plain values, boxes, and lists and tuples of them."""
    # Version 4 writes ASCII without a codec, and reads it sooner than version 2.
    return marshal.dumps(message, 4)


def encode_items(items: List[Any]) -> bytes:
    """Items or results as they travel, of whatever length."""
    try:
        return encode(items)
    except ValueError:
        return encode([in_pieces(item) for item in items])


def in_pieces(item: Any) -> Any:
    """An item in a box of several pieces, if it is long."""
    if type(item) in (str, bytes) and len(item) * 4 > PIECE:
        item = (pickle.dumps(item, pickle.HIGHEST_PROTOCOL),)
    if type(item) is tuple and len(item[0]) > PIECE:
        view = memoryview(item[0])
        item = tuple(bytes(view[at:at + PIECE]) for at in range(0, len(view), PIECE))
    return item


def decode(data: Union[bytes, memoryview]) -> Any:
    """The message in encoded data."""
    return marshal.loads(data)


def send(fd: int, head: Any, body: bytes = b"") -> None:
    """Writes a frame: a small message and something that is encoded already."""
    data = encode(head)
    data = LENGTHS.pack(len(data), len(body)) + data
    if len(body) <= PART:
        # Mostly the pipe takes it at once.
        sent = os.writev(fd, (data, body))
        if sent == len(data) + len(body):
            return
    else:
        sent = 0
    for part in (data, body):
        view = memoryview(part)[sent:]
        sent = max(0, sent - len(part))
        while view:
            view = view[os.write(fd, view[:PART]):]


def receive(fd: int) -> Tuple[Any, memoryview]:
    """Reads a frame: its message, and its body, which is still encoded.

    Raises EOFError where the other end is closed.
    """
    lengths = read(fd, LENGTHS.size)
    head, body = LENGTHS.unpack(lengths)
    data = read(fd, head + body)
    # What follows the head is left alone.
    return decode(data), memoryview(data)[head:]


def read(fd: int, size: int) -> bytes:
    """Reads so many bytes."""
    if size == 0:
        return b""
    data = os.read(fd, min(size, PART))
    if len(data) == size:
        return data
    parts = bytearray(data)
    while data:
        if len(parts) == size:
            return bytes(parts)
        data = os.read(fd, min(size - len(parts), PART))
        parts += data
    raise EOFError

"""Reads what `gristmill run exec --out frames` writes: names and results."""

import struct
from typing import IO, Iterator, Tuple

from .errors import JobFailed


def read(source: IO[bytes]) -> Iterator[Tuple[str, bytes]]:
    """The name of the document and the bytes of each result."""
    while True:
        head = source.read(4)
        if not head:
            return
        name = exactly(source, number(head))
        result = exactly(source, number(exactly(source, 4)))
        yield name.decode("utf-8", "surrogateescape"), result


def number(data: bytes) -> int:
    """A length."""
    if len(data) < 4:
        raise JobFailed("the output of gristmill ends too early")
    length: int = struct.unpack(">I", data)[0]
    return length


def exactly(source: IO[bytes], size: int) -> bytes:
    """So many bytes."""
    data = source.read(size)
    if len(data) < size:
        raise JobFailed("the output of gristmill ends too early")
    return data

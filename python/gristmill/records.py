"""The records of a batch, as the program gives them to a bag's worker: apart, and as texts."""

from __future__ import annotations

import codecs
import io
import struct

TYPE_CHECKING = False  # a worker would need longer to load `typing` than to start
if TYPE_CHECKING:
    from typing import Iterator, List, Tuple

    from .plan import Plan

# The names by which UTF-8 is asked for, mostly.
UTF_8 = ("utf-8", "utf8")


class Group:
    """Records of one document that follow each other, with a newline behind each."""

    __slots__ = ("name", "first", "data", "count", "packed")

    def __init__(self, name: str, first: int, data: memoryview, count: int, packed: memoryview) -> None:
        self.name = name
        self.first = first  # the number of the first record
        self.data = data
        self.count = count
        self.packed = packed

    def lengths(self) -> Tuple[int, ...]:
        """The lengths of the records; mostly nobody asks."""
        return struct.unpack(">%dI" % self.count, self.packed)

    def cut(self, most: int) -> Iterator[Group]:
        """The records in pieces of at most so many."""
        at, lengths = 0, self.lengths()
        for number in range(0, self.count, most):
            some = lengths[number:number + most]
            end = at + sum(some) + len(some)
            packed = self.packed[4 * number:4 * (number + most)]
            yield Group(self.name, self.first + number, self.data[at:end], len(some), packed)
            at = end


def taken_apart(payload: memoryview) -> Iterator[Group]:
    """The documents of a batch."""
    (groups,) = struct.unpack_from(">I", payload)
    at = 4
    for number in range(groups):
        (length,) = struct.unpack_from(">I", payload, at)
        name = bytes(payload[at + 4:at + 4 + length]).decode("utf-8", "replace")
        at += 4 + length
        (length,) = struct.unpack_from(">I", payload, at)
        at += 4 + length
        first, count = struct.unpack_from(">QI", payload, at)
        at += 12
        packed = payload[at:at + 4 * count]
        at += 4 * count
        group = Group(name, first, payload[at:], count, packed)
        if number < groups - 1:
            end = at + sum(group.lengths()) + count
            group.data = payload[at:end]
            at = end
        yield group


def documents(group: Group, plan: Plan) -> Iterator[str]:
    """The lines of whole documents, as Gristmill would give them as records."""
    at, end = 0, "\n" if plan.line_ends else ""
    for length in group.lengths():
        file = io.BytesIO(group.data[at:at + length])
        at += length + 1
        if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            file.seek(0)
        elif length == len(codecs.BOM_UTF8):
            yield end  # of nothing but a mark, as in records
        for line in io.TextIOWrapper(file, plan.encoding, plan.errors, newline="\n"):
            if line.endswith("\n"):
                line = line[:-2] if line.endswith("\r\n") else line[:-1]
            yield line + end


def texts(group: Group, plan: Plan) -> List[str]:
    """Records as texts."""
    text = str(group.data, plan.encoding, plan.errors)
    if plan.line_ends:
        lines = text.splitlines(True)
        # Each record ends with a newline, which UTF-8 never loses: so many lines end there only.
        if len(lines) == group.count and (plan.encoding in UTF_8 or text.count("\n") == len(lines)):
            return lines
        lines = list(io.StringIO(text, newline="\n"))
        if len(lines) == group.count:
            return lines
    else:
        lines = text.split("\n")
        if len(lines) == group.count + 1:
            lines.pop()
            return lines
    lines, at, end = [], 0, 1 if plan.line_ends else 0
    for length in group.lengths():
        lines.append(str(group.data[at:at + length + end], plan.encoding, plan.errors))
        at += length + 1
    return lines

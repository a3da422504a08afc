"""A worker of `gristmill run exec` that runs a bag's stages over whole batches of records.

It speaks version 1 of the protocol in docs/exec.md. All that comes of a batch is the answer to its
first record, and the others have none; where a record fails, each is asked alone, so that it is that
record which is set aside.
"""

import codecs
import io
import itertools
import json
import pickle
import struct
import sys
import traceback
from typing import BinaryIO, Iterator, List, Optional, Tuple

from . import pairs, stages, travel
from .forked import Guard
from .plan import Plan
from .quarantine import Entry

# The longest result of one record, in bytes, with room for what is around it.
MOST = (64 << 20) - 4096

# The largest batch, in bytes: what comes of a batch costs the same for many of its records as for few,
# as the keys of a table do.
BATCH = 256 << 10

# Blocks of memory up to so many bytes are kept for the next batch.
KEPT = 8 << 20

# Records of a batch that are answered at once where not all of them can be.
FEW = 500

# How much of a record is in its entry, in bytes.
SHOWN = 1024

# The texts of small numbers, which most of a batch are.
NUMBERS = [b"%d" % number for number in range(1024)]

# The names by which UTF-8 is asked for, mostly.
UTF_8 = ("utf-8", "utf8")

# A document's name, the number of the first record, records with a newline behind each, their lengths.
Group = Tuple[str, int, bytes, Tuple[int, ...]]


class Worker:
    """Reads batches and answers them."""

    def __init__(self, plan: Optional[Plan], output: BinaryIO, guard: Guard) -> None:
        self.given = plan  # without one, records come back as they are
        self.output = output
        self.guard = guard

    def send(self, kind: bytes, payload: bytes) -> None:
        """Writes a frame."""
        self.output.write(struct.pack(">I", len(payload) + 1) + kind + payload)

    def batch(self, payload: bytes) -> None:
        """Answers all records of a batch."""
        groups = list(taken_apart(payload))
        if self.given is None:
            for _, _, data, lengths in groups:
                self.echo(data, lengths)
            self.send(b"E", b"")
            self.output.flush()
            return
        records = sum(len(lengths) for *_, lengths in groups)
        if not self.answered(records, groups):
            self.each(records, groups)
        self.send(b"E", b"")
        self.output.flush()

    def each(self, records: int, groups: List[Group]) -> None:
        """Answers records of which one fails, at least: few at a time, and those that fail alone."""
        for group in groups:
            for piece in cut(group, FEW):
                few = len(piece[3])
                if 1 < few < records and self.answered(few, [piece]):
                    continue
                for one in cut(piece, 1):
                    self.alone(one)

    def answered(self, records: int, groups: List[Group]) -> bool:
        """Answers these records at once, if none of them fails."""
        try:
            self.answer(records, groups)
            return True
        except BaseException as error:
            self.guard.check(error)
            return False

    def alone(self, group: Group) -> None:
        """Answers one record."""
        try:
            self.answer(1, [group])
        except BaseException as error:
            self.guard.check(error)
            if self.plan.first:
                self.part(1, self.entry(group, error))
            else:
                self.send(b"X", explain(error))

    def entry(self, group: Group, error: BaseException) -> Entry:
        """What is said of a record that failed, where nobody will read the quarantine."""
        name, number, data, (length,) = group
        reason, _, details = explain(error).decode().partition("\n")
        fields = {} if self.plan.documents else {"record": number + 1}
        text = data[:min(length, SHOWN)].decode("utf-8", "replace")
        return Entry(name, None, reason, details, text, fields)

    def echo(self, data: bytes, lengths: Tuple[int, ...]) -> None:
        """Answers records with themselves."""
        at = 0
        for length in lengths:
            self.send(b"O", struct.pack(">III", 1, 1, length) + data[at:at + length])
            at += length + 1

    @property
    def plan(self) -> Plan:
        """What is done with records."""
        assert self.given is not None
        return self.given

    def answer(self, records: int, groups: List[Group]) -> None:
        """Answers these records at once."""
        groups = list(groups)
        self.guard.lists = [groups]
        items = itertools.chain.from_iterable(self.items(*group) for group in groups)
        part = self.plan.end.part(stages.run(self.plan.steps, items))
        self.guard.check()
        if self.plan.end.table:
            self.send(b"K", table(records, part))
        else:
            self.part(records, part)

    def part(self, records: int, part: object) -> None:
        """Sends what has come of these records as the result of the first one."""
        data = travel.dumps(part)
        if len(data) > MOST:
            raise OverflowError("what came of %d records has %d bytes" % (records, len(data)))
        numbers = [records, 1] + [0] * (records - 1) + [len(data)]
        self.send(b"O", struct.pack(">%dI" % len(numbers), *numbers) + data)

    def items(
        self, name: str, _: int, data: bytes, lengths: Tuple[int, ...]
    ) -> Iterator[object]:
        """The items of records, which a newline follows each."""
        plan = self.plan
        if plan.documents:
            lines = documents(data, lengths, plan)
        else:
            found = texts(data, lengths, plan)
            self.guard.lists.append(found)
            lines = iter(found)
        return ((line, name) for line in lines) if plan.include_path else lines


def cut(group: Group, most: int) -> Iterator[Group]:
    """The records of a document in pieces of at most so many."""
    name, first, data, lengths = group
    at = 0
    for number in range(0, len(lengths), most):
        some = lengths[number:number + most]
        end = at + sum(some) + len(some)
        yield name, first + number, data[at:end], some
        at = end


def documents(data: bytes, lengths: Tuple[int, ...], plan: Plan) -> Iterator[str]:
    """The lines of whole documents, as Gristmill would give them as records."""
    at, end = 0, "\n" if plan.line_ends else ""
    for length in lengths:
        file = io.BytesIO(data[at:at + length])
        at += length + 1
        if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            file.seek(0)
        elif length == len(codecs.BOM_UTF8):
            yield end  # of nothing but a mark, as in records
        for line in io.TextIOWrapper(file, plan.encoding, plan.errors, newline="\n"):
            if line.endswith("\n"):
                line = line[:-2] if line.endswith("\r\n") else line[:-1]
            yield line + end


def texts(data: bytes, lengths: Tuple[int, ...], plan: Plan) -> List[str]:
    """Records as texts."""
    text = data.decode(plan.encoding, plan.errors)
    if plan.line_ends:
        lines = text.splitlines(True)
        # Each record ends with a newline, which UTF-8 never loses: so many lines end there only.
        if len(lines) == len(lengths) and (plan.encoding in UTF_8 or text.count("\n") == len(lines)):
            return lines
        lines = list(io.StringIO(text, newline="\n"))
        if len(lines) == len(lengths):
            return lines
    else:
        lines = text.split("\n")
        if len(lines) == len(lengths) + 1:
            lines.pop()
            return lines
    lines, at, end = [], 0, 1 if plan.line_ends else 0
    for length in lengths:
        lines.append(data[at:at + length + end].decode(plan.encoding, plan.errors))
        at += length + 1
    return lines


def table(records: int, part: "dict[object, int]") -> bytes:
    """Keys and numbers as the pairs of the first of these records."""
    count, values = len(part), part.values()
    parts = [b""] * (2 * count)
    parts[::2] = pairs.key_texts(part)
    small = max(values, default=0) < len(NUMBERS)
    parts[1::2] = map(NUMBERS.__getitem__ if small else b"%d".__mod__, values)
    lengths = list(map(len, parts))
    if max(lengths, default=0) > pairs.MOST:
        raise OverflowError("an item of %d bytes: too long to be counted" % max(lengths))
    head = struct.pack(">II", records, count) + bytes(4 * (records - 1))
    payload = b"".join((head, struct.pack(">%dI" % len(lengths), *lengths), *parts))
    if len(payload) > MOST:
        raise OverflowError("what is counted of %d records has %d bytes" % (records, len(payload)))
    return payload


def taken_apart(payload: bytes) -> Iterator[Group]:
    """The documents of a batch."""
    (count,) = struct.unpack_from(">I", payload)
    at = 4
    for _ in range(count):
        (length,) = struct.unpack_from(">I", payload, at)
        name = payload[at + 4:at + 4 + length].decode("utf-8", "replace")
        at += 4 + length
        (length,) = struct.unpack_from(">I", payload, at)
        at += 4 + length
        first, records = struct.unpack_from(">QI", payload, at)
        at += 12
        lengths = struct.unpack_from(">%dI" % records, payload, at)
        at += 4 * records
        end = at + sum(lengths) + records
        yield name, first, payload[at:end], lengths
        at = end


def explain(error: BaseException) -> bytes:
    """The reason in the first line, and the user's own traceback behind it."""
    reason = "".join(traceback.format_exception_only(type(error), error)).strip()
    reason = reason.splitlines()[-1] if reason else type(error).__name__
    trace = error.__traceback__
    ours = (__file__, stages.__file__, sys.modules[Plan.__module__].__file__)
    while trace is not None and trace.tb_frame.f_code.co_filename in ours:
        trace = trace.tb_next
    details = "".join(traceback.format_exception(type(error), error, trace))
    return (reason + "\n" + details).encode("utf-8", "replace")


def receive(source: BinaryIO) -> Tuple[Optional[bytes], bytes]:
    """Reads a frame: its type and its payload; no type where there are no more."""
    head = source.read(5)
    if len(head) < 5:
        return None, b""
    length = struct.unpack(">I", head[:4])[0] - 1
    payload = source.read(length)
    return (None, b"") if len(payload) < length else (head[4:5], payload)


def main(path: str) -> None:
    """Works until there is nothing more to do."""
    # Once a block of this size was given back, the C library keeps smaller ones: batches and their
    # texts would cost their page faults each time. It is not touched, so it costs nothing itself.
    bytes(KEPT)
    source, output = open(3, "rb", 1 << 20), open(4, "wb", 1 << 20)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    kind, _ = receive(source)
    if kind != b"H":
        return
    worker: Optional[Worker] = None
    guard = Guard()
    try:
        with open(path, "rb") as file:
            packed = pickle.load(file)
        plan = None if packed is None else travel.unpack(packed)
        guard.check()
        worker = Worker(plan, output, guard)
        greeting = {"version": 1, "worker": "python bag", "batch": BATCH}
        answer, payload = b"H", json.dumps(greeting).encode()
    except BaseException as error:
        guard.check(error)
        answer, payload = b"F", explain(error)
    output.write(struct.pack(">I", len(payload) + 1) + answer + payload)
    output.flush()
    while worker is not None:
        kind, payload = receive(source)
        if kind is None:
            return
        if kind == b"B":
            worker.batch(payload)

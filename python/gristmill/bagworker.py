"""A worker of `gristmill run exec` that runs a bag's stages over whole batches of records.

It speaks version 1 of the protocol in docs/exec.md. All that comes of a batch is the answer to its
first record, and the others have none; where a record fails, each is asked alone, so that it is that
record which is set aside.
"""

from __future__ import annotations

import gc
import itertools
import pickle
import struct
import sys

from . import pairs, plan, stages, travel
from .forked import Guard
from .records import Group, documents, taken_apart, texts

TYPE_CHECKING = False  # a worker would need longer to load `typing` than to start
if TYPE_CHECKING:
    from typing import BinaryIO, Dict, Iterator, List, Optional, Tuple

    from .quarantine import Entry

# The longest result of one record, in bytes, with room for what is around it.
MOST = (64 << 20) - 4096

# The largest batch, in bytes: what comes of a batch costs the same for many of its records as for few,
# as the keys of a table do.
BATCH = 512 << 10

GREETING = b'{"version": 1, "worker": "python bag", "batch": %d}' % BATCH

# Blocks of memory up to so many bytes are kept for the next batch.
KEPT = 8 << 20

# Records of a batch that are answered at once where not all of them can be.
FEW = 500

# How much of a record is in its entry, in bytes.
SHOWN = 1024

# The texts of small numbers, which most of a batch are.
NUMBERS = [b"%d" % number for number in range(1024)]


class Worker:
    """Reads batches and answers them."""

    def __init__(self, plan: Optional[plan.Plan], output: BinaryIO, guard: Guard) -> None:
        self.given = plan  # without one, records come back as they are
        self.output = output
        self.guard = guard

    def send(self, kind: bytes, payload: bytes) -> None:
        """Writes a frame."""
        self.output.write(struct.pack(">I", len(payload) + 1) + kind + payload)

    def batch(self, payload: memoryview) -> None:
        """Answers all records of a batch."""
        groups = list(taken_apart(payload))
        if self.given is None:
            for group in groups:
                self.echo(group)
            self.send(b"E", b"")
            self.output.flush()
            return
        records = sum(group.count for group in groups)
        if not self.answered(records, groups):
            self.each(records, groups)
        self.send(b"E", b"")
        self.output.flush()

    def each(self, records: int, groups: List[Group]) -> None:
        """Answers records of which one fails, at least: few at a time, and those that fail alone."""
        for group in groups:
            for piece in group.cut(FEW):
                if 1 < piece.count < records and self.answered(piece.count, [piece]):
                    continue
                for one in piece.cut(1):
                    self.alone(one)

    def answered(self, records: int, groups: List[Group]) -> bool:
        """Answers these records at once, if none of them fails."""
        try:
            self.answer(records, groups, self.plan.quick)
            return True
        except BaseException as error:
            self.guard.check(error)
            return False

    def alone(self, group: Group) -> None:
        """Answers one record."""
        try:
            self.answer(1, [group], False)
        except BaseException as error:
            self.guard.check(error)
            if self.plan.first:
                self.part(1, self.entry(group, error))
            else:
                self.send(b"X", explain(error))

    def entry(self, group: Group, error: BaseException) -> Entry:
        """What is said of a record that failed, where nobody will read the quarantine."""
        from .quarantine import Entry  # with what reads its file

        reason, _, details = explain(error).decode().partition("\n")
        fields = {} if self.plan.documents else {"record": group.first + 1}
        (length,) = group.lengths()
        text = str(group.data[:min(length, SHOWN)], "utf-8", "replace")
        return Entry(group.name, None, reason, details, text, fields)

    def echo(self, group: Group) -> None:
        """Answers records with themselves."""
        at = 0
        for length in group.lengths():
            self.send(b"O", struct.pack(">III", 1, 1, length) + group.data[at:at + length])
            at += length + 1

    @property
    def plan(self) -> plan.Plan:
        """What is done with records."""
        assert self.given is not None
        return self.given

    def answer(self, records: int, groups: List[Group], quick: bool) -> None:
        """Answers these records at once; where that is `quick`, only a failure says what failed."""
        groups = list(groups)
        self.guard.lists = [groups]
        items = itertools.chain.from_iterable(map(self.items, groups))
        last = stages.Last()
        if quick:
            part = self.plan.end.part(stages.run_quickly(self.plan.steps, items, last))
        else:
            part = self.plan.end.part(stages.run(self.plan.steps, items))
        self.guard.check()
        if quick and not last.reached:
            raise RuntimeError("a function raised StopIteration")
        if self.plan.end.table:
            self.send(b"K", table(records, part))
        else:
            self.part(records, part)

    def part(self, records: int, part: object) -> None:
        """Sends what has come of these records as the result of the first one."""
        data = travel.dumps(part)
        if len(data) > MOST:
            raise OverflowError("what came of %d records has %d bytes" % (records, len(data)))
        head = struct.pack(">II", records, 1) + bytes(4 * (records - 1))
        self.send(b"O", b"".join((head, struct.pack(">I", len(data)), data)))

    def items(self, group: Group) -> Iterator[object]:
        """The items of records, which a newline follows each."""
        plan = self.plan
        if plan.documents:
            lines = documents(group, plan)
        else:
            found = texts(group, plan)
            self.guard.lists.append(found)
            lines = iter(found)
        return zip(lines, itertools.repeat(group.name)) if plan.include_path else lines


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


def explain(error: BaseException) -> bytes:
    """The reason in the first line, and the user's own traceback behind it."""
    import traceback  # which most workers do not need

    reason = "".join(traceback.format_exception_only(type(error), error)).strip()
    reason = reason.splitlines()[-1] if reason else type(error).__name__
    trace = error.__traceback__
    ours = (__file__, stages.__file__, plan.__file__)
    while trace is not None and trace.tb_frame.f_code.co_filename in ours:
        trace = trace.tb_next
    details = "".join(traceback.format_exception(type(error), error, trace))
    return (reason + "\n" + details).encode("utf-8", "replace")


class Source:
    """Frames as they come."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.room = memoryview(bytearray(BATCH))

    def receive(self) -> Tuple[Optional[bytes], memoryview]:
        """The type of the next frame, and its payload, which is there until the next one comes.

        No type where there are no more.
        """
        head = self.read(5)
        if head is None:
            return None, self.room[:0]
        length = struct.unpack(">I", head[:4])[0] - 1
        kind = bytes(head[4:])
        payload = self.read(length)
        return (None, self.room[:0]) if payload is None else (kind, payload)

    def read(self, size: int) -> Optional[memoryview]:
        """So many bytes, unless there are less."""
        room = self.room
        if size > len(room):
            room = memoryview(bytearray(size))
            if size <= KEPT:  # else it is a large document, and for this one only
                self.room = room
        at = 0
        while at < size:
            got = self.file.readinto(room[at:size])  # type: ignore[attr-defined]
            if not got:
                return None
            at += got
        return room[:size]


def main(path: str) -> None:
    """Works until there is nothing more to do."""
    # Once a block of this size was given back, the C library keeps smaller ones: batches and their
    # texts would cost their page faults each time. It is not touched, so it costs nothing itself.
    bytes(KEPT)
    source, output = Source(open(3, "rb", 0)), open(4, "wb", 1 << 20)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    kind, _ = source.receive()
    if kind != b"H":
        return
    worker: Optional[Worker] = None
    guard = Guard()
    try:
        with open(path, "rb") as file:
            packed = pickle.load(file)
        given = None if packed is None else travel.unpack(packed)
        guard.check()
        worker = Worker(given, output, guard)
        answer, said = b"H", GREETING
    except BaseException as error:
        guard.check(error)
        answer, said = b"F", explain(error)
    output.write(struct.pack(">I", len(said) + 1) + answer + said)
    output.flush()
    gc.freeze()
    gc.enable()
    while worker is not None:
        kind, payload = source.receive()
        if kind is None:
            return
        if kind == b"B":
            worker.batch(payload)

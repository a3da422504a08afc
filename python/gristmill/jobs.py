"""What a pool is asked to do: items for one function, and where their results go."""

import itertools
import threading
from collections import deque
from typing import Any, Deque, Dict, List, Optional, Tuple, Union

from . import wire

# Batches take about so long, in seconds.
PACE = (0.005, 0.03)
# The most items and about the most bytes of one batch.
MOST_ITEMS = 1024
MOST_BYTES = 256 << 10

Errors = List[Tuple[int, BaseException]]


class Results:
    """The results of items that follow each other, as they came; those with errors are None."""

    __slots__ = ("count", "data", "boxed", "errors")

    def __init__(
        self, count: int, data: Union[bytes, memoryview], boxed: bool, errors: Errors
    ) -> None:
        self.count = count
        self.data = data
        self.boxed = boxed
        self.errors = errors

    def values(self) -> List[Any]:
        """The results, and None for those with errors; raises what reading one raises."""
        values: List[Any] = wire.decode(self.data)
        return wire.unbox_all(values) if self.boxed else values


numbers = itertools.count()


class Batch:
    """Items that a worker gets at once, as they travel."""

    __slots__ = ("job", "start", "count", "data", "deaths", "alone")

    def __init__(self, job: "Job", start: int, count: int, data: bytes) -> None:
        self.job = job
        self.start = start
        self.count = count
        self.data = data
        self.deaths = 0  # workers that ended with nothing but this in hand
        self.alone = False

    def pieces(self, done: int, size: int) -> "List[Batch]":
        """The items behind the first `done` of them, in smaller batches."""
        items = wire.decode(self.data)
        pieces = [(at, items[at:at + size]) for at in range(done, self.count, size)]
        return [
            Batch(self.job, self.start + at, len(piece), wire.encode_items(piece)) for at, piece in pieces
        ]


class Job:
    """Items for one function, cut into batches whose size follows how long they take."""

    how = 0

    def __init__(self, function: bytes, how: int, chunksize: Optional[int]) -> None:
        self.number = next(numbers)
        self.function = function
        self.how = how
        self.fixed = chunksize is not None
        self.size = chunksize or 1
        self.fast = False
        self.pulled = 0  # items that were read from the input
        self.taken = 0  # of these, in a batch
        self.answered = 0
        self.ended = False  # there are no more items
        self.unsendable: Dict[int, BaseException] = {}

    def available(self) -> int:
        """How many items could be in a batch now."""
        raise NotImplementedError

    def full(self) -> bool:
        """Whether there is a whole batch."""
        raise NotImplementedError

    def cut(self) -> Optional[Batch]:
        """The next batch; none if there are no more items after all."""
        raise NotImplementedError

    def settle(self, start: int, results: Results) -> None:
        """Takes the results of items."""
        raise NotImplementedError

    def fail(self, error: BaseException) -> None:
        """There will be no results any more."""
        raise NotImplementedError

    @property
    def exhausted(self) -> bool:
        """Whether every item was in a batch."""
        return self.ended and self.taken == self.pulled

    @property
    def done(self) -> bool:
        """Whether every item was answered."""
        return self.ended and self.answered == self.pulled

    def pace(self, items: int, took: float) -> None:
        """A batch of so many items took so long."""
        self.fast = took < PACE[1]
        if self.fixed:
            return
        if took > PACE[1]:
            self.size = max(1, min(self.size, items) // 2)
        elif took < PACE[0] and items >= self.size:
            self.size = min(self.size * 2, MOST_ITEMS)

    def too_long(self, count: int) -> None:
        """A batch of so many items was too many bytes."""
        if not self.fixed:
            self.size = max(1, min(self.size, count // 2))

    def packed(self, items: List[Any], start: int) -> bytes:
        """Items as they travel."""
        if not wire.all_plain(items):
            items = [self.boxed(item, start + at) for at, item in enumerate(items)]
        return wire.encode_items(items)

    def boxed(self, item: Any, at: int) -> Any:
        """An item as it travels; where it cannot, its error is remembered and the item is not read."""
        try:
            return wire.box(item)
        except Exception as error:
            self.unsendable[at] = error
            return (b"",)


class ListJob(Job):
    """Items that are all there."""

    def __init__(self, function: bytes, how: int, chunksize: Optional[int], items: List[Any]) -> None:
        super().__init__(function, how, chunksize)
        self.items = items
        self.pulled = len(items)
        self.ended = True

    def available(self) -> int:
        return self.pulled - self.taken

    def full(self) -> bool:
        return True

    def cut(self) -> Optional[Batch]:
        start = self.taken
        items = self.items[start:start + self.size]
        self.taken += len(items)
        return Batch(self, start, len(items), self.packed(items, start))


class FedJob(Job):
    """Items that a thread reads from an iterable, a bounded number ahead of who takes the results."""

    def __init__(self, function: bytes, how: int, chunksize: Optional[int]) -> None:
        super().__init__(function, how, chunksize)
        self.open: Deque[Any] = deque()  # items that nobody has taken, as they travel
        self.lock = threading.Lock()  # entered by itself, as the desk's
        self.changed = threading.Condition(self.lock)
        self.room = threading.Condition(self.lock)
        self.room_at = 0  # there is room when so many results were taken
        self.consumed = 0  # items whose results were taken
        self.unbounded = False  # nobody takes results any more
        self.stopped = False
        self.failure: Optional[BaseException] = None  # of the iterable

    def available(self) -> int:
        return len(self.open)

    def full(self) -> bool:
        return self.ended or len(self.open) >= self.size

    def cut(self) -> Optional[Batch]:
        start = self.taken
        take = self.open.popleft
        items = [take() for _ in range(min(self.size, len(self.open)))]
        self.taken += len(items)
        return Batch(self, start, len(items), wire.encode_items(items))

    def unbind(self) -> None:
        """Results no longer bound how far items are read ahead."""
        raise NotImplementedError

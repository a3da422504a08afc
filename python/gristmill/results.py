"""What a pool gives back: a result that is awaited, and iterators over many."""

import io
import itertools
import os
import stat
import sys
import threading
import time
from collections import deque
from multiprocessing import TimeoutError
from typing import Any, Callable, Deque, Dict, Generic, Iterable, Iterator, List, Optional, Tuple, TypeVar

from . import wire
from .desk import Desk
from .jobs import Batch, FedJob, ListJob, Results

T = TypeVar("T")
Callback = Optional[Callable[[Any], object]]


class AsyncResult(Generic[T]):
    """A result that is there some time: what `apply_async` and `map_async` return."""

    def __init__(self, pool: object, callback: Callback, error_callback: Callback) -> None:
        self._pool: Optional[object] = pool  # which lives as long as this is awaited
        self._event = threading.Event()
        self._callback = callback
        self._error_callback = error_callback
        self._success = False
        self._value: Any = None

    def ready(self) -> bool:
        """Whether the call has ended."""
        return self._event.is_set()

    def successful(self) -> bool:
        """Whether the call has ended without an exception."""
        if not self.ready():
            raise ValueError("{0!r} not ready".format(self))
        return self._success

    def wait(self, timeout: Optional[float] = None) -> None:
        """Waits until the result is there, or so many seconds."""
        self._event.wait(timeout)

    def get(self, timeout: Optional[float] = None) -> T:
        """Waits for the result and returns it, or raises what the call has raised."""
        self.wait(timeout)
        if not self.ready():
            raise TimeoutError
        if self._success:
            value: T = self._value
            return value
        raise self._value

    def _set(self, success: bool, value: Any) -> None:
        if self.ready():
            return
        self._success, self._value = success, value
        callback = self._callback if success else self._error_callback
        try:
            if callback is not None:
                callback(value)
        except Exception:
            # Whoever called back must not end the thread that serves everybody.
            threading.excepthook(
                threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread()))
            )
        finally:
            self._event.set()
            self._pool = self._callback = self._error_callback = None


class ApplyJob(ListJob):
    """One call."""

    def __init__(self, function: bytes, how: int, item: Any, result: "AsyncResult[Any]") -> None:
        super().__init__(function, how, 1, [item])
        self.result = result

    def settle(self, start: int, results: Results) -> None:
        self.items = []
        try:
            if results.errors:
                raise results.errors[0][1]
            value = results.values()[0]
        except Exception as error:
            self.result._set(False, error)
        else:
            self.result._set(True, value)

    def fail(self, error: BaseException) -> None:
        self.result._set(False, error)


class MapJob(ListJob):
    """A call for each item, with one result: the list of theirs, or the first exception."""

    def __init__(
        self,
        function: bytes,
        how: int,
        chunksize: Optional[int],
        items: List[Any],
        result: "AsyncResult[List[Any]]",
    ) -> None:
        super().__init__(function, how, chunksize, items)
        self.result = result
        self.lock = threading.Lock()
        self.values: List[Any] = [None] * len(items)
        self.error: Optional[Tuple[int, BaseException]] = None
        self.missing = len(items)
        if not items:
            result._set(True, [])

    def settle(self, start: int, results: Results) -> None:
        errors = results.errors
        try:
            values = results.values()
        except Exception as error:
            values, errors = [None] * results.count, [*errors, (0, error)]
        with self.lock:
            self.values[start:start + len(values)] = values
            for at, failure in errors:
                if self.error is None or start + at < self.error[0]:
                    self.error = (start + at, failure)
            self.missing -= len(values)
            ended = self.missing == 0
        if ended:
            success = self.error is None
            self.result._set(success, self.error[1] if self.error else self.values)
            self.items, self.values = [], []

    def fail(self, error: BaseException) -> None:
        self.result._set(False, error)


class ImapJob(FedJob):
    """A call for each item; results are taken one by one."""

    def __init__(
        self, desk: Desk, function: bytes, how: int, chunksize: Optional[int], ordered: bool
    ) -> None:
        super().__init__(function, how, chunksize)
        self.desk = desk
        self.ordered = ordered
        self.dropped = False  # nobody will take results
        self.ready: Deque[Results] = deque()
        self.early: Dict[int, Results] = {}
        self.position = 0  # of the first item that is not ready
        self.failed: Optional[BaseException] = None

    def settle(self, start: int, results: Results) -> None:
        with self.changed:
            if self.dropped:
                self.early.clear()
                self.ready.clear()
            elif not self.ordered:
                self.ready.append(results)
            else:
                self.early[start] = results
                while self.position in self.early:
                    part = self.early.pop(self.position)
                    self.position += part.count
                    self.ready.append(part)
            self.changed.notify_all()
            if self.unbounded:
                self.room.notify_all()

    def fail(self, error: BaseException) -> None:
        with self.changed:
            self.failed = error
            self.stopped = True
            self.changed.notify_all()
            self.room.notify_all()

    def part(self, timeout: Optional[float]) -> Iterator[Any]:
        """The next results, as soon as there are some. Takes no longer than `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.changed:
            while not self.ready:
                if self.failed is not None:
                    return Raise(self.failed)
                if self.done:
                    failure, self.failure = self.failure, None
                    if failure is not None:
                        return Raise(failure)
                    raise StopIteration
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return Raise(TimeoutError())
                self.changed.wait(left)
            results = self.ready.popleft()
            self.consumed += results.count
            self.room_was_made()
        return opened(results)

    def room_was_made(self) -> None:
        """Results were taken."""
        if self.consumed >= self.room_at:
            self.room.notify_all()

    def drop(self) -> None:
        """Nobody will take results: items are still worked off, as in multiprocessing."""
        with self.changed:
            self.dropped = self.unbounded = True
            self.ready.clear()
            self.early.clear()
            self.room.notify_all()

    def feed(self, iterable: Iterable[Any]) -> None:
        """Reads the items: what the thread for that does."""
        try:
            items = iter(iterable)
            while True:
                limit = self.wait_for_room()
                if limit < 0 or not self.feed_each(items, limit):
                    break
        except BaseException as error:
            self.failure = error
        self.end()

    def end(self) -> None:
        """There are no more items."""
        with self.changed:
            self.ended = True
            self.changed.notify_all()
        if self.done:
            self.desk.forget(self)

    def feed_each(self, items: Iterator[Any], limit: int) -> bool:
        """Reads items one by one: each may be changed when the next one is read."""
        plain, add, boxed, desk, pulled = wire.PLAIN, self.open.append, self.boxed, self.desk, self.pulled
        for item in items:
            if type(item) not in plain:
                item = boxed(item, pulled)
            pulled += 1
            self.pulled = pulled
            add(item)
            if desk.hungry:
                desk.wake()
            if pulled >= limit:
                return True
        return False

    def wait_for_room(self) -> int:
        """Waits until items may be read; returns up to which one, or -1 if they shall not."""
        with self.changed:
            while not self.stopped:
                limit = self.limit()
                if self.pulled < limit:
                    return limit
                # Half of it at once: not a change of threads for each batch.
                self.room_at = limit - self.desk.window(self) // 2
                self.room.wait()
        return -1

    def limit(self) -> int:
        """How many items may be read, all in all."""
        taken = max(self.consumed, self.answered if self.unbounded else 0)
        return taken + self.desk.window(self)


class PulledJob(ImapJob):
    """Items that need no waiting for: who needs a batch reads it."""

    source: Iterator[Any] = iter(())

    def available(self) -> int:
        return 0 if self.ended else max(0, self.limit() - self.pulled)

    def full(self) -> bool:
        return True

    def cut(self) -> Optional[Batch]:
        items: List[Any] = []
        size = self.size  # which other threads change
        try:
            items.extend(itertools.islice(self.source, size))
        except BaseException as error:
            self.failure = error
        if len(items) < size:
            self.ended = True
        start = self.pulled
        self.taken = self.pulled = start + len(items)
        if items:
            return Batch(self, start, len(items), self.packed(items, start))
        self.end()
        return None

    def room_was_made(self) -> None:
        if self.desk.hungry:
            self.desk.wake()


def stays(iterable: Any) -> bool:
    """Whether the items are there, without waiting, and reading one does not change another."""
    if type(iterable) in (list, tuple, range):
        return True
    if type(iterable) in (io.TextIOWrapper, io.BufferedReader):
        try:
            return stat.S_ISREG(os.fstat(iterable.fileno()).st_mode)
        except (OSError, ValueError):
            pass
    return False


class Raise(Iterator[Any]):
    """An iterator that raises once, in place of an item, and has nothing more."""

    def __init__(self, error: BaseException) -> None:
        self.error: Optional[BaseException] = error

    def __next__(self) -> Any:
        error, self.error = self.error, None
        if error is None:
            raise StopIteration
        raise error


def opened(results: Results) -> Iterator[Any]:
    """Results among which some may be exceptions, which are raised when it is their turn."""
    if not results.errors:
        try:
            return iter(results.values())
        except Exception:
            pass  # one of them cannot be read here: it is found below
    errors = dict(results.errors)
    parts: List[Iterator[Any]] = []
    for at, value in enumerate(wire.decode(results.data)):
        try:
            if at in errors:
                raise errors[at]
            parts.append(iter((wire.unbox(value),)))
        except Exception as error:
            parts.append(Raise(error))
    return Chain(parts)


class Chain(Iterator[Any]):
    """Iterators one after the other; one that raises is not at its end."""

    def __init__(self, parts: List[Iterator[Any]]) -> None:
        self.parts = deque(parts)

    def __next__(self) -> Any:
        while self.parts:
            try:
                return next(self.parts[0])
            except StopIteration:
                self.parts.popleft()
        raise StopIteration


class Parts(Iterator[Iterator[Any]]):
    """The results of a job, in parts."""

    def __init__(self, job: ImapJob) -> None:
        self.job = job
        self.timeout: Optional[float] = None

    def __next__(self) -> Iterator[Any]:
        return self.job.part(self.timeout)

    def drop(self) -> None:
        """Nobody will take results."""
        self.job.drop()


class IMapIterator(itertools.chain[T]):
    """The results of `imap` and `imap_unordered`.

    An exception of the function is raised when its item's turn comes; the iterator goes on behind
    it. `chain` gives the items of one part after the other without a line of Python for each.
    """

    _parts: Any
    _pool: object

    def next(self, timeout: Optional[float] = None) -> T:
        """The next result; raises multiprocessing.TimeoutError if it is not there in time."""
        self._parts.timeout = timeout
        try:
            return self.__next__()
        finally:
            self._parts.timeout = None

    def __del__(self) -> None:
        parts = getattr(self, "_parts", None)
        if parts is not None:
            parts.drop()


def iterator_over(parts: Iterator[Iterator[Any]], pool: object) -> "IMapIterator[Any]":
    """An iterator over results that come in parts; the pool lives as long."""
    results: IMapIterator[Any] = IMapIterator.from_iterable(parts)  # type: ignore[assignment]
    results._parts, results._pool = parts, pool
    return results

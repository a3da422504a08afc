"""What a pool gives back for `imap`: an iterator, which holds up the reading of items."""

import _thread
import io
import itertools
import os
import stat
import sys
import threading
import time
from collections import deque
from multiprocessing import TimeoutError
from typing import Any, Deque, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, TypeVar

from . import wire
from .desk import Desk
from .jobs import Batch, FedJob, Results

T = TypeVar("T")
# A value, or the exception in its place.
Outcome = Tuple[bool, Any]
# Results; or, where some of them are exceptions, outcomes.
Part = Tuple[Sequence[Any], Sequence[Outcome]]


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
        with self.lock:
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
        with self.lock:
            self.failed = error
            self.stopped = True
            self.changed.notify_all()
            self.room.notify_all()

    def part(self, timeout: Optional[float]) -> Part:
        """The next results, as soon as there are some. Takes no longer than `timeout` seconds.

        Raises StopIteration where there are no more.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.lock:
            while not self.ready:
                if self.failed is not None:
                    raise no_end(self.failed)
                # Not what was answered: an answer counts before it is here.
                if self.ended and self.consumed == self.pulled:
                    failure, self.failure = self.failure, None
                    raise StopIteration if failure is None else no_end(failure)
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError
                self.changed.wait(left)
            results = self.ready.popleft()
            self.consumed += results.count
        self.room_was_made()
        return opened(results)

    def room_was_made(self) -> None:
        """Results were taken. Called without the lock: the desk's comes first."""
        if self.consumed >= self.room_at:
            with self.lock:
                self.room.notify_all()

    def abandon(self) -> None:
        """Nobody will take results. An object's end may come while its thread has any lock.

        So another thread takes the job's; but at the end of the interpreter no thread begins any
        more, and `Thread.start` would wait for that for ever, before Python 3.12.
        """
        if not self.done and not sys.is_finalizing():
            try:
                _thread.start_new_thread(self.drop, ())
            except RuntimeError:
                pass  # the interpreter ends, and the pool with it

    def drop(self) -> None:
        """Nobody will take results: items are still worked off, as in multiprocessing."""
        with self.lock:
            self.dropped = True
            self.ready.clear()
            self.early.clear()
        self.unbind()

    def unbind(self) -> None:
        with self.lock:
            self.unbounded = True
            self.room.notify_all()
        self.desk.wake()

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
        with self.lock:
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
        with self.lock:
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
    plain = False  # all items are texts or bytes

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
        start = self.pulled
        self.taken = self.pulled = start + len(items)
        if items:
            data = wire.encode_items(items) if self.plain else self.packed(items, start)
            # Once all items are counted.
            self.ended = len(items) < size
            return Batch(self, start, len(items), data)
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


def no_end(error: BaseException) -> BaseException:
    """An error of a function, as an iterator may raise it: a StopIteration would be its end."""
    if not isinstance(error, StopIteration):
        return error
    instead = RuntimeError("the function raised StopIteration")
    instead.__cause__ = error
    return instead


def opened(results: Results) -> Part:
    """Results, and what there is of them where some are exceptions."""
    if not results.errors:
        try:
            return results.values(), ()
        except Exception:
            pass  # one of them cannot be read here: it is found below
    errors = dict(results.errors)
    outcomes: List[Outcome] = []
    for at, value in enumerate(wire.decode(results.data)):
        try:
            if at in errors:
                raise errors[at]
            outcomes.append((True, wire.unbox(value)))
        except Exception as error:
            outcomes.append((False, error))
    return (), outcomes


class IMapIterator(Iterator[T]):
    """The results of `imap` and `imap_unordered`; several threads may take them.

    An exception of the function is raised when its item's turn comes; the iterator goes on behind
    it.
    """

    def __init__(self, source: Any, pool: object) -> None:
        self._source = source  # of parts
        self._pool = pool  # it lives as long
        # What nobody has taken of the part that is open: results, or what some are exceptions of.
        self._results: Iterator[T] = iter(())
        self._outcomes: Iterator[Outcome] = iter(())
        # Whoever has it opens the next part. It may be left locked by Ctrl-C: not for its thread.
        self._opening = threading.RLock()

    def __next__(self) -> T:
        for result in self._results:
            return result
        return self._next(None)

    def next(self, timeout: Optional[float] = None) -> T:
        """The next result; raises multiprocessing.TimeoutError if it is not there in time."""
        return self._next(timeout)

    def _next(self, timeout: Optional[float]) -> T:
        begun = time.monotonic()
        if not self._opening.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            raise TimeoutError
        try:
            while True:
                for result in self._results:
                    return result
                for success, value in self._outcomes:
                    if not success:
                        raise no_end(value)
                    result = value
                    return result
                left = None if timeout is None else timeout - (time.monotonic() - begun)
                self._results, self._outcomes = map(iter, self._source.part(left))
        finally:
            self._opening.release()

    def __del__(self) -> None:
        source = getattr(self, "_source", None)
        if source is not None:
            source.abandon()

"""`Pool("amqp://…")`: the methods of a pool, whose calls are jobs on a broker.

The items of one call are one document of lines, and the results are read from the job's output, in
order. Arguments and results are bytes, str or values of JSON: nothing that is read runs code.
"""

import builtins
import itertools
import json
import threading
import uuid
from multiprocessing import TimeoutError
from multiprocessing.pool import RemoteTraceback  # type: ignore[attr-defined]
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, TypeVar

from . import call
from .bundle import Bundle
from .desk import CLOSED, RUN, TERMINATED
from .errors import JobFailed, PoolEnded, Quarantined, RemoteError, WorkerLost
from .imap import IMapIterator, Outcome, Part
from .job import Job, start
from .pool import Pool, checked
from .program import Input, Option, words
from .quarantine import Entry
from .results import AsyncResult, Callback

T = TypeVar("T")
# The longest line that travels, in bytes, with room for what is around it.
MOST = (3 << 20) - 4096
# Jobs of one pool that are on the broker at the same time.
AT_ONCE = 8

# How many chunks a job is to have, about, and how much of it may be blanks.
CHUNKS, WIDE = 256, 4 << 20
ITEMS = "items.jsonl"
# Results of an `imap` that are read at once.
PART = 256
ENDED = "the pool was terminated before this result was there"


class ClusterPool(Pool):
    """A pool over the mappers of a broker. `Pool("amqp://queue.example")` makes one.

    Functions travel by their module or script, or by cloudpickle; mappers run them only if they are
    told to (docs/security.md), with `sign`, a key file, where they ask for signatures. `results` is
    the folder that the broker's reducers write to, as it is seen here; without it a reducer for each
    job runs here. Arguments and results are bytes, str or values of JSON. `imap` reads all items
    before its job begins: an endless iterable is for a pool of this machine.
    """

    def __init__(
        self,
        broker: str,
        initializer: Optional[Callable[..., Any]] = None,
        initargs: Iterable[Any] = (),
        *,
        sign: Optional[Input] = None,
        results: Optional[Input] = None,
        **options: Option,
    ) -> None:
        if "://" not in broker:
            raise ValueError(
                "Pool(%r): a number of processes is an int, a broker a URL such as amqp://queue.example"
                % (broker,)
            )
        self._broker = broker
        self._begin = None if initializer is None else (initializer, tuple(initargs))
        self._sign = sign
        self._results = results
        self._options = options
        self._state = RUN
        self._lock = threading.Lock()
        self._jobs: List[Job] = []
        self._threads: List[threading.Thread] = []
        self._turn = threading.Semaphore(AT_ONCE)

    def apply_async(
        self,
        func: Callable[..., T],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] = {},
        callback: Callback = None,
        error_callback: Callback = None,
    ) -> "AsyncResult[T]":
        typed = arguments(args, kwds)
        result: AsyncResult[T] = AsyncResult(self, callback, error_callback)
        self._start(func, "star", [typed], result, first)
        return result

    def close(self) -> None:
        with self._lock:
            if self._state == RUN:
                self._state = CLOSED

    def terminate(self) -> None:
        with self._lock:
            self._state = TERMINATED
            jobs = list(self._jobs)
        failed: List[Exception] = []
        for job in jobs:
            try:
                job.cancel()
            except JobFailed as error:
                failed.append(error)
        if failed:
            raise failed[0]

    def join(self) -> None:
        if self._state == RUN:
            raise ValueError("Pool is still running")
        for thread in list(self._threads):
            thread.join()

    def __del__(self, *_: Any) -> None:
        pass

    def __repr__(self) -> str:
        return "<%s state=%s>" % (type(self).__name__, self._state)

    def _check_running(self) -> None:
        if self._state != RUN:
            raise ValueError("Pool not running")

    def _map(
        self,
        func: Callable[..., Any],
        how: int,
        iterable: Iterable[Any],
        chunksize: Optional[int],
        callback: Callback,
        error_callback: Callback,
    ) -> "AsyncResult[List[Any]]":
        checked(chunksize)
        result: AsyncResult[List[Any]] = AsyncResult(self, callback, error_callback)
        if how:
            lines = [arguments(item, {}) for item in iterable]
        else:
            lines = [line(item) for item in iterable]
        self._start(func, "star" if how else "item", lines, result, listed)
        return result

    def _imap(
        self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int, ordered: bool
    ) -> "IMapIterator[Any]":
        checked(chunksize)
        result: AsyncResult[Iterator[Outcome]] = AsyncResult(self, None, None)
        lines = [line(item) for item in iterable]
        self._start(func, "item", lines, result, lambda outcomes: outcomes)
        return IMapIterator(Awaited(result), self)

    def _start(
        self,
        func: Callable[..., Any],
        how: str,
        lines: List[bytes],
        result: "AsyncResult[Any]",
        settle: Callable[[Iterator[Outcome]], Any],
    ) -> None:
        """Has a thread do a job; `settle` makes the result's value of what has come of the items."""
        with self._lock:
            self._check_running()
            bundle = Bundle(func, how, local=False, start=self._begin)
            work = (bundle, lines, result, settle)
            thread = threading.Thread(target=self._work, args=work, name="gristmill-cluster", daemon=True)
            self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()

    def _work(
        self,
        bundle: Bundle,
        lines: List[bytes],
        result: "AsyncResult[Any]",
        settle: Callable[[Iterator[Outcome]], Any],
    ) -> None:
        try:
            with self._turn:
                value = settle(self._outcomes(bundle, lines) if lines else iter(()))
        except Exception as error:
            result._set(False, error)
        else:
            result._set(True, value)

    def _outcomes(self, bundle: Bundle, lines: List[bytes]) -> Iterator[Outcome]:
        lines = widened(lines)
        offsets = list(itertools.accumulate(map(len, lines), initial=0))[:-1]
        bundle.folder.file(ITEMS, b"".join(lines))
        name = "pool-" + uuid.uuid4().hex[:12]
        size = min(max(sum(map(len, lines)) // CHUNKS, 4 << 10), 128 << 10)
        typed = ["--each", "record", "--out", "json", *bundle.words, ITEMS]
        typed += words({"max_record": "3MiB", "chunk_size": str(size), **self._options})
        with self._lock:
            if self._state == TERMINATED:
                raise PoolEnded(ENDED)
            job = start(typed, bundle, name, None, self._broker, self._sign, None, self._results)
            self._jobs.append(job)
        try:
            job.wait()
        except Quarantined as error:
            if error.results is None:
                raise  # the job has ended at its first items
            # the items are found in their places
        except Exception:
            if self._state == TERMINATED:
                raise PoolEnded(ENDED) from None
            raise
        finally:
            with self._lock:
                self._jobs.remove(job)
        lost = {entry.offset: entry for entry in job.quarantine()}
        return outcomes(job, offsets, lost)


class Awaited:
    """The results of a job on a broker, which are there when it is done, and read as they are taken."""

    def __init__(self, result: "AsyncResult[Iterator[Outcome]]") -> None:
        self.result: "Optional[AsyncResult[Iterator[Outcome]]]" = result
        self.found: Iterator[Outcome] = iter(())

    def part(self, timeout: Optional[float]) -> Part:
        """The next results; raises StopIteration where there are no more."""
        if self.result is not None:
            try:
                self.found = self.result.get(timeout)
            except TimeoutError:
                raise
            except Exception:
                self.result = None
                raise
            self.result = None
        part: List[Outcome] = []
        try:
            part.extend(itertools.islice(self.found, PART))
        except Exception as error:
            part.append((False, error))
        if not part:
            raise StopIteration
        return (), part

    def abandon(self) -> None:
        """Nobody will take results."""


def outcomes(job: Job, offsets: List[int], lost: Dict[Optional[int], Entry]) -> Iterator[Outcome]:
    """What has come of each item, in order."""
    texts = job.texts()
    ahead = next(texts, None)
    for offset in offsets:
        if ahead is not None and ahead[0] == offset:
            yield outcome(ahead[1])
            ahead = next(texts, None)
        elif offset in lost:
            yield False, WorkerLost(str(lost[offset]))
        else:
            raise JobFailed("job %s has no result for the item at byte %d" % (job.name, offset))


def outcome(text: str) -> Outcome:
    """What a call has come to."""
    if text[:1] != "e":
        return True, call.decode(text)
    said = json.loads(text[1:])
    error: BaseException = RemoteError("%(module)s.%(type)s" % said)
    kind = getattr(builtins, said["type"], None) if said["module"] == "builtins" else None
    if isinstance(kind, type) and issubclass(kind, Exception) and said["args"] is not None:
        try:
            error = kind(*map(call.decode, said["args"]))
        except Exception:
            pass  # it wants other arguments
    elif said["args"]:
        error = RemoteError("%(module)s.%(type)s" % said, *map(call.decode, said["args"]))
    error.__cause__ = RemoteTraceback('\n"""\n%s"""' % said["trace"])
    return False, error


def first(found: Iterator[Outcome]) -> Any:
    """The value of the only one."""
    success, value = next(found)
    if success:
        return value
    raise value


def listed(found: Iterator[Outcome]) -> List[Any]:
    """All values, or the first exception raised."""
    values = []
    for success, value in found:
        if not success:
            raise value
        values.append(value)
    return values


def line(item: Any) -> bytes:
    """An item as a line of the job's document."""
    return short(call.encode(item).encode())


def arguments(args: Iterable[Any], named: Mapping[str, Any]) -> bytes:
    """The arguments of a call as such a line."""
    encoded = [[call.encode(one) for one in args], {key: call.encode(one) for key, one in named.items()}]
    return short(json.dumps(encoded).encode())


def short(data: bytes) -> bytes:
    if len(data) > MOST:
        raise ValueError("an item of %d bytes cannot travel over a broker: at most %d" % (len(data), MOST))
    return data


def widened(lines: List[bytes]) -> List[bytes]:
    """Lines with blanks behind them where there are few: they are to be shared among mappers."""
    width = min(4 << 10, WIDE // max(1, len(lines)))
    return [one.ljust(width - 1) + b"\n" for one in lines]

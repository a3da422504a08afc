"""`Pool`: multiprocessing's pool, with batches of its own, back-pressure, and workers that may die."""

import multiprocessing
import operator
import os
import threading
import warnings
from multiprocessing import util
from multiprocessing.context import BaseContext
from typing import Any, Callable, Iterable, List, Mapping, Optional, Tuple, TypeVar, Union

from . import child, travel
from .desk import CLOSED, RUN, Desk
from .imap import ImapJob, IMapIterator, PulledJob, stays
from .minder import Minder, Settings, kill
from .results import ApplyJob, AsyncResult, Callback, MapJob

T = TypeVar("T")


class Pool:
    """Calls functions in worker processes: `multiprocessing.Pool`'s methods and their contracts.

    With the URL of a broker in place of the number of processes the calls are jobs on that broker:
    `Pool("amqp://queue.example")`; see `ClusterPool` for what such a pool takes.
    """

    def __new__(cls, processes: Union[None, int, str] = None, *args: Any, **kwargs: Any) -> "Pool":
        if isinstance(processes, str) and cls is Pool:
            from .cluster import ClusterPool

            made: Pool = object.__new__(ClusterPool)
            return made
        return object.__new__(cls)

    def __init__(
        self,
        processes: Union[None, int, str] = None,
        initializer: Optional[Callable[..., Any]] = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: Optional[int] = None,
        context: Optional[BaseContext] = None,
    ) -> None:
        if processes is None:
            processes = usable_processors()
        if isinstance(processes, str):
            raise TypeError("a number of processes is an int, not %r" % (processes,))
        processes = operator.index(processes)
        if processes < 1:
            raise ValueError("Number of processes must be at least 1")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        if maxtasksperchild is not None:
            if not isinstance(maxtasksperchild, int) or maxtasksperchild <= 0:
                raise ValueError("maxtasksperchild must be a positive int or None")
        context = context or multiprocessing.get_context()
        self._method: str = context.get_start_method()
        self._pid = os.getpid()
        settings = Settings(context, initializer, tuple(initargs), maxtasksperchild)
        self._desk = Desk(processes)
        self._minders: List[Minder] = []
        # At the end of the interpreter too, before multiprocessing looks after its own.
        self._end = util.Finalize(self, end, (self._desk, self._minders), exitpriority=15)
        # All workers before any thread: a process that is forked has no others.
        for _ in range(processes):
            self._minders.append(Minder(self._desk, settings))
        for minder in self._minders:
            minder.start()

    def apply(
        self, func: Callable[..., T], args: Iterable[Any] = (), kwds: Mapping[str, Any] = {}
    ) -> T:
        """Calls `func(*args, **kwds)` in a worker and waits for what it returns."""
        return self.apply_async(func, args, kwds).get()

    def apply_async(
        self,
        func: Callable[..., T],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] = {},
        callback: Callback = None,
        error_callback: Callback = None,
    ) -> "AsyncResult[T]":
        """Calls `func(*args, **kwds)` in a worker; `callback` is called with what it returns."""
        self._check_running()
        result: AsyncResult[T] = AsyncResult(self, callback, error_callback)
        try:
            function = travel.function(func, self._method)
            job = ApplyJob(function, child.CALL, (tuple(args), dict(kwds)), result)
        except Exception as error:
            result._set(False, error)
        else:
            self._desk.add(job)
        return result

    def map(
        self, func: Callable[[Any], T], iterable: Iterable[Any], chunksize: Optional[int] = None
    ) -> List[T]:
        """The results of `func` for all items, in their order; the first exception is raised."""
        return self.map_async(func, iterable, chunksize).get()

    def map_async(
        self,
        func: Callable[[Any], T],
        iterable: Iterable[Any],
        chunksize: Optional[int] = None,
        callback: Callback = None,
        error_callback: Callback = None,
    ) -> "AsyncResult[List[T]]":
        """As `map`, but the list is awaited by what is returned."""
        return self._map(func, child.ITEM, iterable, chunksize, callback, error_callback)

    def starmap(
        self,
        func: Callable[..., T],
        iterable: Iterable[Iterable[Any]],
        chunksize: Optional[int] = None,
    ) -> List[T]:
        """As `map`; each item is the arguments of a call."""
        return self.starmap_async(func, iterable, chunksize).get()

    def starmap_async(
        self,
        func: Callable[..., T],
        iterable: Iterable[Iterable[Any]],
        chunksize: Optional[int] = None,
        callback: Callback = None,
        error_callback: Callback = None,
    ) -> "AsyncResult[List[T]]":
        """As `map_async`; each item is the arguments of a call."""
        return self._map(func, child.STAR, iterable, chunksize, callback, error_callback)

    def imap(
        self, func: Callable[[Any], T], iterable: Iterable[Any], chunksize: int = 1
    ) -> "IMapIterator[T]":
        """The results of `func` in the order of the items, as they are taken.

        Items are read a bounded number ahead: 4 batches for each worker. A batch is one item at
        first, and more while items are quick; `chunksize` fixes it, if it is not 1.
        """
        return self._imap(func, iterable, chunksize, True)

    def imap_unordered(
        self, func: Callable[[Any], T], iterable: Iterable[Any], chunksize: int = 1
    ) -> "IMapIterator[T]":
        """As `imap`, but results come as soon as they are there."""
        return self._imap(func, iterable, chunksize, False)

    def close(self) -> None:
        """Takes no more calls; workers end when all is done."""
        self._desk.close()

    def terminate(self) -> None:
        """Ends the workers and all that they have started, at once."""
        self._end()

    def join(self) -> None:
        """Waits for the end of the workers, after `close` or `terminate`."""
        if self._desk.state == RUN:
            raise ValueError("Pool is still running")
        self._desk.unbind()
        for minder in self._minders:
            if minder is not threading.current_thread():
                minder.join()

    def __enter__(self) -> "Pool":
        self._check_running()
        return self

    def __exit__(self, *_: object) -> None:
        self.terminate()

    def __del__(self, _warn: Any = warnings.warn, _run: str = RUN) -> None:
        desk = getattr(self, "_desk", None)
        if desk is not None and desk.state == _run:
            _warn("unclosed running pool %r" % self, ResourceWarning, source=self)

    def __reduce__(self) -> Tuple[Any, ...]:
        raise NotImplementedError("pool objects cannot be passed between processes or pickled")

    def __repr__(self) -> str:
        state, workers = self._desk.state, self._desk.workers
        return "<%s state=%s pool_size=%d>" % (type(self).__name__, state, workers)

    def _check_running(self) -> None:
        if os.getpid() != self._pid:
            # multiprocessing waits for ever: no thread of a pool is there in a forked process.
            raise RuntimeError("this pool is of the process that has forked this one: make another one here")
        if self._desk.state != RUN:
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
        self._check_running()
        items = list(iterable)  # ours: who calls may change theirs while this goes on
        result: AsyncResult[List[Any]] = AsyncResult(self, callback, error_callback)
        size = checked(chunksize)
        try:
            job = MapJob(travel.function(func, self._method), how, size, items, result)
        except Exception as error:
            result._set(False, error)
        else:
            self._desk.add(job)
        return result

    def _imap(
        self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int, ordered: bool
    ) -> "IMapIterator[Any]":
        self._check_running()
        size = checked(chunksize)
        function = travel.function(func, self._method)
        items = iter(iterable)  # what cannot be iterated is a mistake of this line
        kind = PulledJob if stays(iterable) else ImapJob
        job = kind(self._desk, function, child.ITEM, size if size != 1 else None, ordered)
        if isinstance(job, PulledJob):
            job.source, job.plain = items, type(iterable) not in (list, tuple)
            self._desk.add(job)
        else:
            self._desk.add(job)
            name = "gristmill-feeder"
            threading.Thread(target=job.feed, args=(items,), name=name, daemon=True).start()
        return IMapIterator(job, self)


def end(desk: Desk, minders: List[Minder]) -> None:
    """Ends the workers of a pool."""
    if desk.state == CLOSED and not any(minder.is_alive() for minder in minders):
        return
    try:
        desk.terminate()
    finally:
        # Whatever comes meanwhile, such as Ctrl-C: this is not called again. And without threads:
        # at the end of the interpreter none can be started.
        workers = [minder.end() for minder in minders]
        kill([worker for worker in workers if worker is not None])


def checked(chunksize: Optional[int]) -> Optional[int]:
    """A number of items."""
    if chunksize is None:
        return None
    size = operator.index(chunksize)
    if size < 1:
        raise ValueError("Chunksize must be 1+, not {0!r}".format(chunksize))
    return size


def usable_processors() -> int:
    """The processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0)) or 1
    except AttributeError:
        return os.cpu_count() or 1

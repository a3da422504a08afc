"""What a pool gives back for one call and for a map: a result that is awaited."""

import sys
import threading
from multiprocessing import TimeoutError
from typing import Any, Callable, Generic, List, Optional, Tuple, TypeVar

from . import wire
from .jobs import Batch, ListJob, Results

T = TypeVar("T")
Callback = Optional[Callable[[Any], object]]


class AsyncResult(Generic[T]):
    """A result that is there some time: what `apply_async` and `map_async` return."""

    def __init__(self, pool: object, callback: Callback, error_callback: Callback) -> None:
        self._pool: Optional[object] = pool  # which lives as long as this is awaited
        self._ended = False
        self._known = False  # what it is: callbacks may come before others see it
        self._lock = threading.Lock()  # entered by itself, as the desk's
        self._end = threading.Condition(self._lock)
        self._callback = callback
        self._error_callback = error_callback
        self._success = False
        self._value: Any = None

    def ready(self) -> bool:
        """Whether the call has ended."""
        return self._ended

    def successful(self) -> bool:
        """Whether the call has ended without an exception."""
        if not self.ready():
            raise ValueError("{0!r} not ready".format(self))
        return self._success

    def wait(self, timeout: Optional[float] = None) -> None:
        """Waits until the result is there, or so many seconds."""
        with self._lock:
            self._end.wait_for(self.ready, timeout)

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
        with self._lock:
            if self._known:
                return
            self._known, self._success, self._value = True, success, value
        callback = self._callback if success else self._error_callback
        try:
            if callback is not None:
                callback(value)
        except BaseException:
            # Whoever called back must not end the thread that serves everybody.
            threading.excepthook(
                threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread()))
            )
        finally:
            with self._lock:
                self._ended = True
                self._end.notify_all()
            self._pool = self._callback = self._error_callback = None


class ApplyJob(ListJob):
    """One call."""

    def __init__(self, function: bytes, how: int, item: Any, result: "AsyncResult[Any]") -> None:
        super().__init__(function, how, 1, [item])
        self.result = result
        # At once: the arguments are what they were when the call was made.
        self.data = wire.encode_items([wire.box(item)])

    def cut(self) -> Batch:
        self.taken, self.items = 1, []
        return Batch(self, 0, 1, self.data)

    def settle(self, start: int, results: Results) -> None:
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

"""Channels: two processes send each other values over a pair of pipes.

The worker of a gateway loads this file by itself: it needs nothing but the standard library.
"""

import builtins
import marshal
import os
import queue
import struct
import threading
import traceback
from multiprocessing import TimeoutError
from typing import Any, Callable, Dict, Iterator, Optional

SINGLE = frozenset({type(None), bool, int, float, complex, str, bytes})
HEAD = struct.Struct("=I")
PART = 1 << 20
NOTHING = object()
END = object()


class DumpError(TypeError):
    """A value cannot be sent: only Python's own, such as str, bytes, numbers, list, tuple, dict, set."""


class RemoteError(Exception):
    """What runs elsewhere has failed; `formatted` is its traceback, or what is known of it."""

    def __init__(self, formatted: str, *args: Any) -> None:
        super().__init__(formatted, *args)
        self.formatted = formatted


class Lost(RemoteError, EOFError):
    """The other end is gone without having closed the channel: what came is not all there was."""


class Channel:
    """One end of a channel. Iterating over it gives what arrives, until the other end closes it."""

    RemoteError = RemoteError
    TimeoutError = TimeoutError

    def __init__(self, session: "Session", number: int, gateway: Any = None) -> None:
        self.gateway = gateway
        self.id = number
        self._session = session
        self._items: "queue.SimpleQueue[Any]" = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._callback: Optional[Callable[[Any], Any]] = None
        self._endmarker: Any = NOTHING
        self._closed = threading.Event()
        self._error: Optional[BaseException] = None

    def send(self, item: Any) -> None:
        """Sends a value; raises `DumpError` if it is of a kind that cannot be sent."""
        if self._closed.is_set():
            raise OSError("cannot send to %r" % self)
        check(item)
        self._session.send(("data", self.id, item))

    def receive(self, timeout: Optional[float] = None) -> Any:
        """The next value; raises EOFError when the other end is closed, or its `RemoteError`."""
        if self._callback is not None:
            raise OSError("cannot receive from a channel with a callback")
        try:
            item = self._items.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError("nothing came in %s s" % timeout) from None
        if item is END:
            self._items.put(END)
            raise self._error or EOFError("%r is closed" % self)
        return item

    def setcallback(self, callback: Callable[[Any], Any], endmarker: Any = NOTHING) -> None:
        """Has `callback` called with all that arrives, in its thread, and with `endmarker` at the end."""
        with self._lock:
            self._callback, self._endmarker = callback, endmarker
            while True:
                try:
                    item = self._items.get_nowait()
                except queue.Empty:
                    return
                self._call(item)

    def close(self, error: Optional[str] = None) -> None:
        """Closes the channel, at both ends; with an error, the other end's `receive` raises it."""
        if not self._closed.is_set():
            self._session.send(("close", self.id, error))
            self._end(None)

    def isclosed(self) -> bool:
        """Whether it is closed."""
        return self._closed.is_set()

    def waitclose(self, timeout: Optional[float] = None) -> None:
        """Waits until the other end has closed it; raises its `RemoteError`."""
        if not self._closed.wait(timeout):
            raise TimeoutError("not closed in %s s" % timeout)
        if self._error is not None:
            raise self._error

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                item = self.receive()
            except Lost:
                raise
            except EOFError:
                return
            yield item

    def __repr__(self) -> str:
        return "<Channel id=%d %s>" % (self.id, "closed" if self.isclosed() else "open")

    def _arrived(self, item: Any) -> None:
        with self._lock:
            if self._callback is None:
                self._items.put(item)
            else:
                self._call(item)

    def _call(self, item: Any) -> None:
        callback = self._callback
        assert callback is not None
        if item is END:
            if self._endmarker is NOTHING:
                return
            item = self._endmarker
        try:
            callback(item)
        except BaseException:
            # Whoever called back must not end the thread that serves all channels.
            traceback.print_exc()

    def _end(self, error: Optional[BaseException]) -> None:
        with self._lock:
            if self._closed.is_set():
                return
            self._error = error
        self._session.channels.pop(self.id, None)
        self._arrived(END)
        self._closed.set()


class Session:
    """The channels over one pair of pipes."""

    def __init__(self, source: int, sink: int) -> None:
        self.source = source
        self.sink = sink
        self.channels: Dict[int, Channel] = {}
        self.lock = threading.Lock()
        self.over = False

    def open(self, number: int, gateway: Any = None) -> Channel:
        """A channel of this number."""
        channel = self.channels[number] = Channel(self, number, gateway)
        if self.over:
            channel._end(Lost("the other end is gone"))
        return channel

    def send(self, message: Any) -> None:
        """Writes a message."""
        data = marshal.dumps(message, 2)
        view = memoryview(HEAD.pack(len(data)) + data)
        with self.lock:
            while view:
                view = view[os.write(self.sink, view[:PART]):]

    def read(self, size: int) -> bytes:
        """Reads so many bytes; raises EOFError where there are no more."""
        parts = bytearray()
        while len(parts) < size:
            data = os.read(self.source, min(size - len(parts), PART))
            if not data:
                raise EOFError
            parts += data
        return bytes(parts)

    def serve(
        self,
        other: Callable[[Any], None],
        gone: Callable[[], Optional[Exception]] = lambda: None,
    ) -> None:
        """Takes messages until the other end is gone; those that are about no channel go to `other`.

        `gone` says what channels end with that were not closed.
        """
        try:
            while True:
                (size,) = HEAD.unpack(self.read(HEAD.size))
                message = marshal.loads(self.read(size))
                kind, number = message[:2]
                channel = self.channels.get(number)
                if kind == "data":
                    if channel is not None:
                        channel._arrived(message[2])
                elif kind == "close":
                    if channel is not None:
                        error = message[2]
                        channel._end(None if error is None else RemoteError(error))
                else:
                    other(message)
        except (EOFError, OSError):
            pass
        finally:
            self.over = True
            error = gone()
            for channel in list(self.channels.values()):
                channel._end(error)


def check(value: Any) -> None:
    """Refuses what would not arrive as it is."""
    kind = type(value)
    if kind in SINGLE:
        return
    if kind in (list, tuple, set, frozenset):
        for one in value:
            check(one)
    elif kind is dict:
        for key, one in value.items():
            check(key)
            check(one)
    else:
        name = kind.__qualname__ if kind.__module__ == builtins.__name__ else kind.__module__ + "." + kind.__qualname__
        raise DumpError("a value of type %s cannot be sent: %s" % (name, DumpError.__doc__))

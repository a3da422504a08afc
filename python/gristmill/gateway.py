"""`makegateway`: execnet's gateways and channels, to interpreters of this machine."""

import atexit
import inspect
import itertools
import os
import queue
import shlex
import signal
import subprocess
import sys
import textwrap
import threading
import types
import weakref
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, Union

from .channel import NOTHING, Channel, Lost, Session
from .minder import ended_by

Source = Union[str, types.ModuleType, Callable[..., Any]]

# How long an interpreter may take to end by itself, in seconds.
GRACE = 1.0


class Gateway:
    """An interpreter that runs what is sent to it. `makegateway` makes one."""

    def __init__(self, spec: "Spec", name: str) -> None:
        self.spec = spec
        self.id = name
        child = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gatewaychild.py")
        self._process = subprocess.Popen(
            [*spec.python, "-u", child, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=spec.folder,
            env={**os.environ, **spec.env},
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        source, sink = self._process.stdout.fileno(), self._process.stdin.fileno()
        self._session = Session(source, sink)
        self._numbers = itertools.count(1, 2)
        self._lock = threading.Lock()
        self._ended = False
        serve = threading.Thread(target=self._session.serve, args=(ignore, self._gone), daemon=True)
        serve.start()
        self._serve = serve
        EVERY.add(self)

    def _gone(self) -> Optional[Exception]:
        """Why channels end that were not closed; nothing if that was wanted."""
        if self._ended:
            return None
        try:
            code = self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            return Lost("the interpreter of gateway %s has closed its output" % self.id)
        return Lost("the interpreter of gateway %s has ended %s" % (self.id, ended_by(code)))

    def remote_exec(self, source: Source, **kwargs: Any) -> Channel:
        """Runs source code there, and returns the channel to it.

        The source is a text or a module, which finds `channel` among its names and has the
        `__name__` `__channelexec__`; or a function whose first parameter is the channel, and which
        uses nothing from outside itself. A function may get further arguments by name.
        """
        text, name = source_of(source)
        if kwargs and not name:
            raise TypeError("arguments by name are for functions")
        if self._ended:
            raise OSError("%r has ended" % self)
        channel = self._session.open(next(self._numbers), self)
        self._session.send(("exec", channel.id, text, name, kwargs))
        return channel

    def hasreceiver(self) -> bool:
        """Whether the interpreter runs."""
        return self._process.poll() is None

    def exit(self) -> None:
        """Ends the interpreter, with all that it has started."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
        EVERY.discard(self)
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.close()
        except OSError:
            pass
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except OSError:
                process.kill()
        process.wait()
        # It may be in a callback that does not end, or in one that calls this.
        if self._serve is not threading.current_thread():
            self._serve.join(GRACE)
        if not self._serve.is_alive():
            process.stdout.close()

    def __repr__(self) -> str:
        return "<Gateway id=%r %s>" % (self.id, "ended" if self._ended else "running")


class Spec:
    """What a gateway is to be: `popen//python=python3.12//chdir=/tmp//env:NAME=value//id=first`."""

    def __init__(self, text: str) -> None:
        self.python: List[str] = [sys.executable]
        self.folder: Optional[str] = None
        self.env: Dict[str, str] = {}
        self.id: Optional[str] = None
        for part in text.split("//"):
            key, _, value = part.partition("=")
            if key == "popen":
                continue
            if key == "python" and value:
                self.python = shlex.split(value)
            elif key == "chdir" and value:
                self.folder = value
            elif key == "id" and value:
                self.id = value
            elif key.startswith("env:"):
                self.env[key[4:]] = value
            elif key not in ("execmodel", "nice", "dont_write_bytecode"):
                raise ValueError(
                    "%s: gateways are interpreters of this machine (popen, python=, chdir=, env:, id=); "
                    "for work on other machines there is submit(..., broker=...)" % text
                )


class MultiChannel:
    """Several channels as one."""

    def __init__(self, channels: Iterable[Channel]) -> None:
        self._channels = list(channels)
        self._queue: "Optional[queue.Queue[Tuple[Channel, Any]]]" = None

    def send_each(self, item: Any) -> None:
        """Sends a value to each channel."""
        for channel in self._channels:
            channel.send(item)

    def receive_each(self, withchannel: bool = False) -> List[Any]:
        """A value from each channel; `withchannel` gives pairs of channel and value."""
        found: List[Any] = []
        for channel in self._channels:
            item = channel.receive()
            found.append((channel, item) if withchannel else item)
        return found

    def make_receive_queue(self, endmarker: Any = NOTHING) -> "queue.Queue[Tuple[Channel, Any]]":
        """A queue of pairs of channel and value, of all that arrives at any of them."""
        if self._queue is None:
            made: "queue.Queue[Tuple[Channel, Any]]" = queue.Queue()
            self._queue = made
            for channel in self._channels:
                channel.setcallback(putter(made, channel), endmarker)
        return self._queue

    def waitclose(self) -> None:
        """Waits until all are closed; raises the first error that there was."""
        first: Optional[BaseException] = None
        for channel in self._channels:
            try:
                channel.waitclose()
            except channel.RemoteError as error:
                first = first or error
        if first is not None:
            raise first

    def __len__(self) -> int:
        return len(self._channels)

    def __iter__(self) -> Iterator[Channel]:
        return iter(self._channels)

    def __getitem__(self, key: int) -> Channel:
        return self._channels[key]

    def __contains__(self, channel: object) -> bool:
        return channel in self._channels


class Group:
    """Several gateways."""

    def __init__(self, xspecs: Iterable[str] = ()) -> None:
        self._gateways: List[Gateway] = []
        self._numbers = itertools.count()
        for spec in xspecs:
            self.makegateway(spec)

    def makegateway(self, spec: str = "popen") -> Gateway:
        """Starts an interpreter of this machine."""
        wanted = Spec(spec)
        taken = {gateway.id for gateway in self._gateways if not gateway._ended}
        name = wanted.id or next(name for name in map("gw%d".__mod__, self._numbers) if name not in taken)
        if name in taken:
            raise ValueError("already have gateway with id %r" % name)
        gateway = Gateway(wanted, name)
        self._gateways.append(gateway)
        return gateway

    def remote_exec(self, source: Source, **kwargs: Any) -> MultiChannel:
        """Runs source code in all gateways."""
        return MultiChannel([gateway.remote_exec(source, **kwargs) for gateway in self._gateways])

    def terminate(self, timeout: Optional[float] = None) -> None:
        """Ends all gateways."""
        for gateway in self._gateways:
            gateway.exit()
        self._gateways.clear()

    def __len__(self) -> int:
        return len(self._gateways)

    def __iter__(self) -> Iterator[Gateway]:
        return iter(list(self._gateways))

    def __contains__(self, key: object) -> bool:
        return any(gateway is key or gateway.id == key for gateway in self._gateways)

    def __getitem__(self, key: Union[int, str]) -> Gateway:
        if isinstance(key, int):
            return self._gateways[key]
        for gateway in self._gateways:
            if gateway.id == key:
                return gateway
        raise KeyError(key)


def putter(into: "queue.Queue[Tuple[Channel, Any]]", channel: Channel) -> Callable[[Any], None]:
    """A function that puts what arrives at a channel into a queue."""
    return lambda item: into.put((channel, item))


def source_of(source: Source) -> Tuple[str, str]:
    """The text of a source, and the name of the function that is to be called."""
    if isinstance(source, str):
        return textwrap.dedent(source), ""
    if isinstance(source, types.ModuleType):
        return inspect.getsource(source), ""
    if not isinstance(source, types.FunctionType):
        raise TypeError("remote_exec takes a text, a module or a function, not %r" % (source,))
    if source.__name__ == "<lambda>":
        raise ValueError("a lambda has no source of its own: define a function")
    if source.__closure__:
        raise ValueError("%s uses names of the function around it" % source.__name__)
    parameters = list(inspect.signature(source).parameters)
    if not parameters or parameters[0] != "channel":
        raise ValueError("the first parameter of %s must be `channel`" % source.__name__)
    return textwrap.dedent(inspect.getsource(source)), source.__name__


def ignore(_: Any) -> None:
    """A worker sends nothing but what is for channels."""


EVERY: "weakref.WeakSet[Gateway]" = weakref.WeakSet()
default_group = Group()
makegateway = default_group.makegateway


# The gateways of a process are not those of its forks.
os.register_at_fork(after_in_child=EVERY.clear)


@atexit.register
def exit_all() -> None:
    """Ends all gateways at the end of the interpreter."""
    for gateway in list(EVERY):
        gateway.exit()

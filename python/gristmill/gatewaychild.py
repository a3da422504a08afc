"""The worker of a gateway: runs source code that comes over its standard input.

It is started by its path, with the interpreter that the gateway names, and needs nothing but the
standard library, and `channel.py` and `forked.py` beside it.
"""

import importlib.util
import os
import queue
import signal
import sys
import threading
import traceback
from typing import Any, Dict, Tuple

Job = Tuple[Any, str, str, Dict[str, Any], Any]


class Here:
    """The gateway of a channel, as it is seen from the worker."""

    def __init__(self, name: str) -> None:
        self.id = name + "-worker"

    def __repr__(self) -> str:
        return "<WorkerGateway id=%r>" % self.id


def load(name: str) -> Any:
    """A module beside this file, whatever the path for modules is."""
    here = os.path.dirname(os.path.abspath(__file__))
    if sys.path and os.path.abspath(sys.path[0] or ".") == here:
        del sys.path[0]
    spec = importlib.util.spec_from_file_location(
        "gristmill_" + name, os.path.join(here, name + ".py")
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(channel: Any, source: str, name: str, named: Dict[str, Any], guard: Any) -> None:
    """Runs code with a channel, and closes that with what came of it."""
    space: Dict[str, Any] = {"__name__": "__channelexec__", "channel": channel}
    error = None
    try:
        exec(compile(source, "<remote_exec>", "exec"), space)
        if name:
            space[name](channel, **named)
        guard.check()
    except BaseException as failure:
        guard.check(failure)
        if isinstance(failure, EOFError) and channel.isclosed():
            return
        trace = failure.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        error = "".join(traceback.format_exception(type(failure), failure, trace))
    try:
        channel.close(error)
    except OSError:
        pass  # there is nobody to tell


def main() -> None:
    """Works until the other end is gone."""
    os.setpgid(0, 0)
    here = Here(sys.argv.pop())
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what is printed is no message
    session = load("channel").Session(source, sink)
    guard = load("forked").Guard()
    waiting: "queue.SimpleQueue[Job]" = queue.SimpleQueue()
    busy = threading.Lock()

    def other(message: Any) -> None:
        _, number, text, name, named = message
        job = (session.open(number, here), text, name, named, guard)
        # The main thread has signals; a second one does not wait for the first.
        if busy.acquire(blocking=False):
            waiting.put(job)
        else:
            threading.Thread(target=run, args=job, daemon=True).start()

    def serve() -> None:
        session.serve(other)
        # With all that was started here.
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=serve, daemon=True).start()
    while True:
        job = waiting.get()
        run(*job)
        busy.release()


if __name__ == "__main__":
    main()

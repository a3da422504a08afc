"""What a worker of a pool does: takes batches from a pipe, calls the function, answers each item."""

import fcntl
import multiprocessing
import os
import pickle
import signal
import time
from multiprocessing.connection import Connection
from multiprocessing.pool import ExceptionWithTraceback  # type: ignore[attr-defined]
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from . import wire
from .errors import MaybeEncodingError, WorkerLost
from .forked import Guard

# A worker that has computed for so long in one batch answers, and gives the rest back.
LONGEST = 0.1
# F_SETSIG is missing in Python before 3.12.
F_SETSIG = getattr(fcntl, "F_SETSIG", 10)

# How a function is called with an item.
ITEM, STAR, CALL = 0, 1, 2

# The pool's ends of the pipes of all workers, by which a forked worker would keep others alive.
PARENTS_ENDS: Dict[int, Connection] = {}


def main(
    tasks: Connection,
    answers: Connection,
    life: Connection,
    initializer: Optional[Callable[..., Any]],
    initargs: Tuple[Any, ...],
) -> None:
    """Works until there are no more tasks."""
    for connection in PARENTS_ENDS.values():
        connection.close()
    PARENTS_ENDS.clear()
    # It may have children, such as a pool of its own: when it dies, they are killed by its pipes.
    multiprocessing.current_process().daemon = False
    # Ctrl-C is the parent's to handle. What the function starts gets the default again by exec.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.setpgid(0, 0)
    end_with_parent(life)
    fd, output = tasks.fileno(), answers.fileno()
    guard = Guard()
    if initializer is not None:
        try:
            initializer(*initargs)
            guard.check()
        except BaseException as error:
            guard.check(error)
            wire.send(output, ("initializer", pickled_error(error)))
            return
    wire.send(output, ("ready",))
    functions: Dict[int, Callable[..., Any]] = {}
    while True:
        try:
            head, data = wire.receive(fd)
        except EOFError:
            return
        if head is None:
            return
        job, function, forget, how = head
        if forget:
            functions.clear()
        try:
            if function is not None:
                functions[job] = pickle.loads(function)
                guard.check()
        except BaseException as error:
            guard.check(error)
            wire.send(output, ("function", pickled_error(error)))
            continue
        batch = Batch(functions[job], how, guard)
        if how == CALL:
            functions.clear()
        took = batch.run(wire.decode(data))
        results = wire.encode_items(batch.results)
        boxed = batch.boxed or len(results) > wire.PIECE // 4
        wire.send(output, ("done", len(batch.results), batch.errors, boxed, took), results)
        del batch, data, results


def end_with_parent(life: Connection) -> None:
    """Has the kernel kill this process and all that it starts when the parent is gone."""
    fd = life.fileno()
    fcntl.fcntl(fd, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(fd, F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
    # It may have gone before that.
    if life.poll(0):
        os.killpg(0, signal.SIGKILL)


class Batch:
    """One batch in work."""

    def __init__(self, function: Callable[..., Any], how: int, guard: Guard) -> None:
        self.function = caller(function, how)
        self.results: List[Any] = []
        self.errors: List[Tuple[int, bytes]] = []
        self.boxed = False
        self.guard = guard

    def run(self, items: List[Any]) -> float:
        """Calls the function for the items, or for as many as there is time for: how long it took."""
        begun = time.perf_counter()
        rest = iter(items)
        self.guard.lists = [items]
        count = len(items)
        while len(self.results) < count and self.some(rest, begun + LONGEST):
            pass
        return time.perf_counter() - begun

    def some(self, rest: Iterator[Any], deadline: float) -> bool:
        """Calls the function until one item fails, or it is late: whether there is time for more."""
        function, add, clock = self.function, self.results.append, time.perf_counter
        kind: Optional[type] = None  # a plain one: mostly all results are of one
        try:
            for item in rest:
                if type(item) is tuple:
                    item = wire.unbox(item)
                result = function(item)
                if type(result) is kind:
                    add(result)
                elif type(result) in wire.PLAIN:
                    kind = type(result)
                    add(result)
                else:
                    add(packed(result))
                    self.boxed = True
                if clock() > deadline:
                    break
            self.guard.check()
        except BaseException as error:
            self.guard.check(error)
            self.errors.append((len(self.results), pickled_error(error)))
            add(None)
        return clock() <= deadline


def caller(function: Callable[..., Any], how: int) -> Callable[[Any], Any]:
    """A function of one item."""
    if how == STAR:
        return lambda item: function(*item)
    if how == CALL:
        return lambda item: function(*item[0], **item[1])
    return function


def packed(result: Any) -> Tuple[bytes]:
    """A result that cannot go as it is; it is pickled before the function is called again."""
    try:
        return (pickle.dumps(result, pickle.HIGHEST_PROTOCOL),)
    except Exception as error:
        raise MaybeEncodingError(error, result) from None


def pickled_error(error: BaseException) -> bytes:
    """An exception with its traceback, such that it can be read where it arrives."""
    if not isinstance(error, Exception):
        lost = WorkerLost("the function wanted to end its worker: %r" % (error,))
        error = lost.with_traceback(error.__traceback__)
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    try:
        data = pickle.dumps(ExceptionWithTraceback(error, trace), pickle.HIGHEST_PROTOCOL)
        pickle.loads(data)
        return data
    except Exception as cannot:
        instead = MaybeEncodingError(cannot, error)
        return pickle.dumps(ExceptionWithTraceback(instead, trace), pickle.HIGHEST_PROTOCOL)

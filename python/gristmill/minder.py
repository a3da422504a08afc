"""A thread that minds one worker of a pool: starts it, feeds it, and starts another when it dies."""

import fcntl
import os
import pickle
import signal
import threading
import time
from collections import deque
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import Any, Callable, Deque, List, Optional, Sequence, Set, Tuple

from . import child, wire
from .desk import TERMINATED, Desk
from .errors import MaybeEncodingError, PoolEnded, WorkerLost
from .jobs import MOST_BYTES, Batch, Results

# F_SETPIPE_SZ is missing in Python before 3.10.
F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", 1031)
PIPE = 1 << 20
# An item that ends so many workers, alone, is given up.
DEATHS = 2
# So many workers in turn that end before they can take an item end the pool: others would, too.
STILLBORN = 3
# How long a worker may take to follow SIGTERM, in seconds.
GRACE = 1.0
# How often it is looked whether a worker that was told to end has ended, in seconds.
LOOK = 0.05
# Functions that a worker keeps.
FUNCTIONS = 64

# One start at a time: a worker must not inherit the ends of another that is just being made.
STARTING = threading.Lock()


def renew() -> None:
    """A forked process starts with a lock that nobody has: a worker may have a pool of its own."""
    global STARTING
    STARTING = threading.Lock()


os.register_at_fork(after_in_child=renew)


class Settings:
    """How the workers of a pool are started."""

    def __init__(
        self,
        context: BaseContext,
        initializer: Optional[Callable[..., Any]],
        initargs: Tuple[Any, ...],
        most_tasks: Optional[int],
    ) -> None:
        self.context = context
        self.initializer = initializer
        self.initargs = initargs
        self.most_tasks = most_tasks


class Worker:
    """A process, and the pipes to it."""

    def __init__(self, settings: Settings) -> None:
        context = settings.context
        with STARTING:
            theirs, self.tasks = context.Pipe(duplex=False)
            self.answers, answers = context.Pipe(duplex=False)
            life, self.life = context.Pipe(duplex=False)
            self.room = min(enlarge(self.tasks), enlarge(self.answers)) // 2
            for end in (self.tasks, self.answers, self.life):
                child.PARENTS_ENDS[id(end)] = end
            arguments = (theirs, answers, life, settings.initializer, settings.initargs)
            self.process = context.Process(  # type: ignore[attr-defined]
                target=child.main, args=arguments, daemon=True, name="GristmillPoolWorker"
            )
            self.process.start()
            try:
                os.setpgid(self.process.pid, self.process.pid)
            except OSError:
                pass  # it has done so itself, or it is gone
            for end in (theirs, answers, life):
                end.close()
        self.ending = threading.Lock()
        self.ready = False  # it has said so
        self.done = 0
        self.known: Set[int] = set()

    def send(self, batch: Batch) -> None:
        """Sends a batch, and its function if that was not sent before."""
        job = batch.job
        function, forget = None, False
        if job.number not in self.known:
            function, forget = job.function, len(self.known) >= FUNCTIONS
            if forget or job.how == child.CALL:
                self.known.clear()
            if job.how != child.CALL:
                self.known.add(job.number)
        wire.send(self.tasks.fileno(), (job.number, function, forget, job.how), batch.data)

    def stop(self) -> None:
        """Has it end when it has done what it got, and waits for that."""
        try:
            wire.send(self.tasks.fileno(), None)
        except OSError:
            pass
        # Not by `join` with the lock: it may never end, and whoever kills it needs the lock. And
        # not by the sentinel alone: what the worker has forked may hold that open.
        while not self.over():
            wait([self.process.sentinel], LOOK)

    def over(self) -> bool:
        """Whether it has ended."""
        with self.ending:
            return self.process.exitcode is not None

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to it and what it started, of which something may be left behind it."""
        with self.ending:
            if self.process.exitcode is None or number == signal.SIGKILL:
                group(self.process.pid, number)
            if self.process.exitcode is None and number == signal.SIGKILL:
                self.process.kill()  # it may have no group of its own yet

    def close(self) -> None:
        """Closes the pipes."""
        with STARTING:
            for end in (self.tasks, self.answers, self.life):
                child.PARENTS_ENDS.pop(id(end), None)
                end.close()


class Minder(threading.Thread):
    """Gives a worker batches, one in work and one ahead."""

    def __init__(self, desk: Desk, settings: Settings) -> None:
        super().__init__(name="gristmill-minder", daemon=True)
        self.desk = desk
        self.settings = settings
        self.lock = threading.Lock()
        self.ended = False
        self.worker: Optional[Worker] = Worker(settings)
        self.flight: Deque[Batch] = deque()
        self.next: Optional[Batch] = None
        self.stillborn = 0

    def run(self) -> None:
        failed = True
        try:
            while True:
                batch = self.desk.take()
                if batch is None:
                    break
                self.serve(batch)
                del batch  # and with it the job and its result
            failed = False
        except BaseException as error:
            # Whatever it is: nobody may wait for ever for what this thread had in hand.
            ended = PoolEnded("a thread of the pool has failed: %r" % (error,))
            ended.__cause__ = error
            self.desk.break_with(ended)
        finally:
            worker = self.worker
            if worker is not None:
                if failed or self.desk.state == TERMINATED:
                    kill([worker])
                else:
                    worker.stop()
                worker.close()

    def end(self) -> Optional[Worker]:
        """Starts no more workers; the one that there is. Called from another thread."""
        with self.lock:
            self.ended = True
            return self.worker

    def serve(self, batch: Batch) -> None:
        """Has a batch done, and others while they are quick."""
        try:
            worker = self.ready_worker()
        except Exception as error:
            self.desk.break_with(error)
            return
        if worker is None:
            return
        self.next = self.checked(batch)
        while self.next or self.flight:
            try:
                self.fill(worker)
                head, body = wire.receive(worker.answers.fileno())
            except (EOFError, OSError):
                self.lost(worker)
                return
            self.hear(worker, head, body)

    def ready_worker(self) -> Optional[Worker]:
        worker, most = self.worker, self.settings.most_tasks
        if worker is not None and most is not None and worker.done >= most:
            worker.stop()
            worker.close()
            worker = self.worker = None
        if worker is None:
            with self.lock:
                if not self.ended:
                    worker = self.worker = Worker(self.settings)
        return worker

    def checked(self, batch: Batch) -> Batch:
        if len(batch.data) > MOST_BYTES:
            batch.job.too_long(batch.count)
        return batch

    def fill(self, worker: Worker) -> None:
        """Sends what there is to send, as long as it cannot block both sides."""
        while len(self.flight) < 2:
            if self.next is None:
                batch = self.desk.take_ahead() if self.may_go_ahead() else None
                if batch is None:
                    return
                self.next = self.checked(batch)
            batch = self.next
            if self.flight and len(self.flight[0].data) + len(batch.data) > worker.room:
                return
            worker.send(batch)
            self.next = None
            self.flight.append(batch)

    def may_go_ahead(self) -> bool:
        if not self.flight or self.settings.most_tasks is not None:
            return False
        batch = self.flight[0]
        return batch.job.fast and not batch.alone and batch.job.how != child.CALL

    def hear(self, worker: Worker, head: Any, body: memoryview) -> None:
        """Takes what the worker says."""
        kind, *said = head
        if kind == "ready":
            worker.ready, self.stillborn = True, 0
            return
        if kind == "initializer":
            self.desk.break_with(read_error(said[0]))
            return
        batch = self.flight.popleft()
        if kind == "function":
            worker.known.discard(batch.job.number)
            self.desk.fail(batch.job, read_error(said[0]))
            return
        count, errors, boxed, took = said
        worker.done += 1
        job = batch.job
        job.pace(count, took)
        if count < batch.count:
            self.desk.give_back(batch.pieces(count, job.size))
        read = [(at, read_error(error)) for at, error in errors]
        self.desk.answer(batch, Results(count, body, boxed, read))

    def lost(self, worker: Worker) -> None:
        """The worker is gone: what it has not answered is done by others."""
        kill([worker])
        with self.lock:
            self.worker = None
        worker.close()
        if self.desk.state == TERMINATED:
            return
        if not worker.ready:
            self.stillborn += 1
            if self.stillborn == STILLBORN:
                ending = ended_by(worker.process.exitcode)
                what = "%d workers ended before they could begin, the last one %s: their stderr has the reason"
                self.desk.break_with(PoolEnded(what % (STILLBORN, ending)))
        again: List[Batch] = []
        if self.flight and worker.ready:
            batch = self.flight.popleft()
            if batch.count > 1:
                again = batch.pieces(0, 1)
                for one in again:
                    one.alone = True
            else:
                batch.alone = True
                batch.deaths += 1
                again = [batch]
                if batch.deaths >= DEATHS:
                    again = []
                    ending = ended_by(worker.process.exitcode)
                    what = "an item has ended %d workers, the last one %s" % (DEATHS, ending)
                    none = Results(1, wire.encode([None]), False, [(0, WorkerLost(what))])
                    self.desk.answer(batch, none)
        again.extend(self.flight)
        self.flight.clear()
        if self.next is not None:
            again.append(self.next)
            self.next = None
        self.desk.give_back(again)


def kill(workers: Sequence[Worker]) -> None:
    """Ends workers, with all that they started. Their pipes are still there for who reads them.

    They get SIGTERM, and SIGKILL after some time, or at once where Ctrl-C comes meanwhile.
    """
    try:
        for worker in workers:
            worker.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        left = [worker.process.sentinel for worker in workers if not worker.over()]
        while left and time.monotonic() < deadline:
            ended = wait(left, max(0.0, deadline - time.monotonic()))
            left = [one for one in left if one not in ended]
    finally:
        for worker in workers:
            worker.signal(signal.SIGKILL)
        for worker in workers:
            with worker.ending:
                worker.process.join()


def read_error(data: bytes) -> BaseException:
    """An exception of a worker; one that says so if it cannot be read here, as without its module."""
    error: BaseException
    try:
        error = pickle.loads(data)
    except BaseException as cannot:
        error = MaybeEncodingError(cannot, "an exception of the function")
    return error


def enlarge(end: Connection) -> int:
    """Makes a pipe hold more, where that is allowed; returns how much it holds."""
    try:
        return int(fcntl.fcntl(end.fileno(), F_SETPIPE_SZ, PIPE))
    except OSError:
        return 1 << 16


def group(pid: int, number: signal.Signals) -> None:
    """Sends a signal to a worker and what it started."""
    try:
        os.killpg(pid, number)
    except OSError:
        pass  # nothing is left of it


def ended_by(code: Optional[int]) -> str:
    """How a worker ended, in words."""
    if code is not None and code < 0:
        return "by signal %d (%s)" % (-code, signal.Signals(-code).name)
    return "with exit code %s" % code

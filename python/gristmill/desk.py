"""Where the jobs of one pool lie: minders take batches from it and put answers on it."""

import threading
import time
from collections import deque
from typing import Deque, Dict, List, Optional

from .errors import PoolEnded
from .jobs import Batch, FedJob, Job, Results

RUN, CLOSED, TERMINATED = "RUN", "CLOSE", "TERMINATE"
# How long a minder waits for a batch to become full, in seconds.
PATIENCE = 0.002


class Desk:
    """The jobs of one pool. Its methods may be called from any thread."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.state = RUN
        # Entered by itself, not by its condition: that runs Python between the lock and the
        # block, in which Ctrl-C would leave it locked for ever.
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.jobs: Deque[Job] = deque()  # with items that nobody has taken
        self.again: Deque[Batch] = deque()  # given back, or lost with a worker
        self.pending: Dict[int, Job] = {}
        self.hungry = False  # somebody waits for a first item
        self.broken: Optional[BaseException] = None

    def add(self, job: Job) -> None:
        """Takes a job on."""
        with self.lock:
            if self.state != RUN:
                raise ValueError("Pool not running")
            if self.broken is None:
                self.pending[job.number] = job
                self.jobs.append(job)
                self.changed.notify()
        if self.broken is not None:
            job.fail(self.broken)
        elif job.done:
            self.forget(job)

    def forget(self, job: Job) -> None:
        """Nothing of a job is left to be done."""
        with self.lock:
            self.pending.pop(job.number, None)
            if not self.pending:
                self.changed.notify_all()

    def wake(self) -> None:
        """There are items where there were none."""
        with self.lock:
            self.hungry = False
            self.changed.notify_all()

    def window(self, job: Job) -> int:
        """How many items of a job may be read ahead of their results."""
        return 4 * self.workers * job.size

    def take(self) -> Optional[Batch]:
        """Waits for a batch; none if the pool ends."""
        with self.lock:
            deadline = None
            while True:
                if self.state == TERMINATED or self.state == CLOSED and not self.pending:
                    return None
                late = deadline is not None and time.monotonic() >= deadline
                batch = self._next(late)
                if batch is not None:
                    if self.again or self.jobs:
                        self.changed.notify()  # there may be something for another one too
                    return batch
                if any(job.available() for job in self.jobs):
                    deadline = deadline or time.monotonic() + PATIENCE
                    self.changed.wait(PATIENCE)
                    continue
                self.hungry = True
                # Between the look above and the line above an item may have come.
                if not any(job.available() for job in self.jobs):
                    self.changed.wait()
                deadline = None

    def take_ahead(self) -> Optional[Batch]:
        """A full batch for a worker that has one already, if there is one."""
        with self.lock:
            if self.state == TERMINATED or self.again:
                return None
            for job in self.jobs:
                if job.available():
                    return self._cut(job) if job.fast and job.full() else None
            return None

    def _next(self, late: bool) -> Optional[Batch]:
        if self.again:
            return self.again.popleft()
        while self.jobs and self.jobs[0].exhausted:
            self.jobs.popleft()
        while True:
            for job in self.jobs:
                if job.available() and (late or job.full()):
                    break
            else:
                return None
            batch = self._cut(job)
            if batch is not None:
                return batch

    def _cut(self, job: Job) -> Optional[Batch]:
        batch = job.cut()
        if job.exhausted and job in self.jobs:
            self.jobs.remove(job)
        return batch

    def give_back(self, batches: List[Batch]) -> None:
        """Batches are to be done again, or at last, unless their jobs have failed."""
        with self.lock:
            self.again.extend(batch for batch in batches if batch.job.number in self.pending)
            self.changed.notify_all()

    def answer(self, batch: Batch, results: Results) -> None:
        """The first items of a batch are answered."""
        job = batch.job
        with self.lock:
            if job.number not in self.pending:
                return  # it has failed as a whole
            job.answered += results.count
            if job.unsendable:
                errors, start = results.errors, batch.start
                results.errors = [(at, job.unsendable.pop(start + at, error)) for at, error in errors]
        job.settle(batch.start, results)
        if job.done:
            self.forget(job)

    def close(self) -> None:
        """No more jobs are taken on."""
        with self.lock:
            if self.state == RUN:
                self.state = CLOSED
                self.changed.notify_all()

    def unbind(self) -> None:
        """Somebody waits for the end: results that nobody takes hold nothing up."""
        with self.lock:
            fed = [job for job in self.pending.values() if isinstance(job, FedJob)]
        for job in fed:
            job.unbind()

    def terminate(self) -> None:
        """No batch is given out any more, and what is pending fails."""
        with self.lock:
            self.state = TERMINATED
            self.changed.notify_all()
        self._fail_all(PoolEnded("the pool was terminated before this result was there"))

    def break_with(self, error: BaseException) -> None:
        """Workers cannot be started: this is what everybody gets who waits, or asks later."""
        with self.lock:
            self.broken = error
        self._fail_all(error)

    def _fail_all(self, error: BaseException) -> None:
        with self.lock:
            jobs = list(self.pending.values())
            self.pending.clear()
            self.jobs.clear()
            self.again.clear()
            self.changed.notify_all()
        for job in jobs:
            job.fail(error)

    def fail(self, job: Job, error: BaseException) -> None:
        """A job cannot be done at all."""
        with self.lock:
            if self.pending.pop(job.number, None) is None:
                return
            if job in self.jobs:
                self.jobs.remove(job)
            self.again = deque(batch for batch in self.again if batch.job is not job)
            self.changed.notify_all()
        job.fail(error)

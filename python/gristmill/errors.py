"""The errors of this package, beside those that multiprocessing has."""

from multiprocessing.pool import MaybeEncodingError  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any, List, Optional

from .channel import DumpError, RemoteError

if TYPE_CHECKING:
    from .quarantine import Entry

__all__ = [
    "BinaryMissing",
    "DumpError",
    "JobFailed",
    "MaybeEncodingError",
    "PoolEnded",
    "Quarantined",
    "RemoteError",
    "WorkerLost",
]


class WorkerLost(RuntimeError):
    """An item has ended each worker that was given it: by a signal, by the kernel, by os._exit."""


class PoolEnded(RuntimeError):
    """The pool was terminated before this result was there."""


class BinaryMissing(RuntimeError):
    """The program `gristmill` was not found."""


class JobFailed(RuntimeError):
    """A job has failed: there is no result. The text is what the program said."""


class Quarantined(JobFailed):
    """A job has set aside more than it was allowed to; its result is there, without that.

    `entries` are the first entries of its quarantine, `results` what is complete otherwise. Where the
    first 100 records have all failed the job ends there, unless it has `keep_going=True`: `results` is
    None then, and the one entry has the reason and the traceback, without document and record.
    """

    def __init__(self, text: str, entries: "List[Entry]", results: Optional[Any] = None) -> None:
        super().__init__(text)
        self.entries = entries
        self.results = results

"""Gristmill from Python: a pool of workers, a bag of records, jobs over archives and a cluster.

    import gristmill as gm

    with gm.Pool() as pool:
        for text in pool.imap(ocr, gm.documents("scans/*.zip")):
            ...
"""

import sys
from multiprocessing import TimeoutError
from typing import Any

from .bag import Bag, Item, read_text
from .call import WORKER as _WORKER
from .archives import Document, documents
from .errors import (
    BinaryMissing,
    DumpError,
    JobFailed,
    MaybeEncodingError,
    PoolEnded,
    Quarantined,
    RemoteError,
    WorkerLost,
)
from .channel import Channel
from .gateway import Gateway, Group, MultiChannel, default_group, makegateway
from .imap import IMapIterator
from .job import Job, Result, submit
from .pool import Pool
from .quarantine import Entry
from .results import AsyncResult
from .tagging import Word, tag


def count(name: str, amount: int = 1, group: str = "user") -> None:
    """Adds to a counter of the job, in a function that a job calls; elsewhere it does nothing."""
    worker = sys.modules.get(_WORKER)
    if worker is not None:
        worker.count(name, amount, group)


def __getattr__(name: str) -> Any:
    # `document` is the name of the document that a function of a job has in hand, else None.
    if name == "document":
        return getattr(sys.modules.get(_WORKER), "document", None)
    raise AttributeError("module %r has no attribute %r" % (__name__, name))


__all__ = [
    "AsyncResult",
    "Bag",
    "BinaryMissing",
    "Channel",
    "Document",
    "DumpError",
    "Entry",
    "Gateway",
    "Group",
    "IMapIterator",
    "Item",
    "Job",
    "JobFailed",
    "MaybeEncodingError",
    "MultiChannel",
    "Pool",
    "PoolEnded",
    "Quarantined",
    "RemoteError",
    "Result",
    "TimeoutError",
    "Word",
    "WorkerLost",
    "count",
    "default_group",
    "documents",
    "makegateway",
    "read_text",
    "submit",
    "tag",
]

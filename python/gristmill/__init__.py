"""Gristmill from Python: a pool of workers, a bag of records, jobs over archives and a cluster.

    import gristmill as gm

    with gm.Pool() as pool:
        for text in pool.imap(ocr, gm.documents("scans/*.zip")):
            ...
"""

from __future__ import annotations

import importlib
import sys

TYPE_CHECKING = False  # a bag's worker would need longer to load `typing` than to start
if TYPE_CHECKING:
    from typing import Any, List

    from multiprocessing import TimeoutError

    from .archives import Document, documents
    from .bag import Bag, Item, read_text
    from .channel import Channel
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
    from .gateway import Gateway, Group, MultiChannel, default_group, makegateway
    from .imap import IMapIterator
    from .job import Job, Result, submit
    from .pool import Pool
    from .quarantine import Entry
    from .results import AsyncResult
    from .tagging import Word, tag

# What a job's worker gives to functions: `call.WORKER`, without all that its module loads.
_WORKER = "gristmill_worker_module"

# The module of each name, which is loaded when the name is first used: a bag's workers use none of
# them, and would spend more time on loading all than on many a job.
_PLACES = {
    "multiprocessing": "TimeoutError",
    ".archives": "Document documents",
    ".bag": "Bag Item read_text",
    ".channel": "Channel",
    ".errors": "BinaryMissing DumpError JobFailed MaybeEncodingError PoolEnded Quarantined "
    "RemoteError WorkerLost",
    ".gateway": "Gateway Group MultiChannel default_group makegateway",
    ".imap": "IMapIterator",
    ".job": "Job Result submit",
    ".pool": "Pool",
    ".quarantine": "Entry",
    ".results": "AsyncResult",
    ".tagging": "Word tag",
}
_MODULES = {name: module for module, names in _PLACES.items() for name in names.split()}


def count(name: str, amount: int = 1, group: str = "user") -> None:
    """Adds to a counter of the job, in a function that a job calls; elsewhere it does nothing."""
    worker = sys.modules.get(_WORKER)
    if worker is not None:
        worker.count(name, amount, group)


def __getattr__(name: str) -> Any:
    # `document` is the name of the document that a function of a job has in hand, else None.
    if name == "document":
        return getattr(sys.modules.get(_WORKER), "document", None)
    if name not in _MODULES:
        raise AttributeError("module %r has no attribute %r" % (__name__, name))
    value = getattr(importlib.import_module(_MODULES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> List[str]:
    return sorted({*globals(), *_MODULES})


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

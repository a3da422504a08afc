"""Gristmill from Python: a pool of workers, a bag of records, jobs over archives and a cluster.

    import gristmill as gm

    with gm.Pool() as pool:
        for text in pool.imap(ocr, gm.documents("scans/*.zip")):
            ...
"""

from multiprocessing import TimeoutError

from .errors import (
    BinaryMissing,
    JobFailed,
    MaybeEncodingError,
    PoolEnded,
    Quarantined,
    WorkerLost,
)
from .pool import Pool
from .results import AsyncResult, IMapIterator

__all__ = [
    "AsyncResult",
    "BinaryMissing",
    "IMapIterator",
    "JobFailed",
    "MaybeEncodingError",
    "Pool",
    "PoolEnded",
    "Quarantined",
    "TimeoutError",
    "WorkerLost",
]

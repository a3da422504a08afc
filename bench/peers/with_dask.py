"""The jobs with Dask bag: two processes, one file a partition.

usage: with_dask.py JOB FOLDER      JOB: status | robots | path | words
"""

import sys
from collections import Counter
from glob import glob

import dask
import dask.bag as db

import with_pool


def add(left, right):
    left.update(right)
    return left


def main(job, folder):
    one = {name: getattr(with_pool, name) for name in ("status", "robots", "path", "words")}[job]
    files = sorted(glob(folder + "/*.gz"))
    with dask.config.set(scheduler="processes", num_workers=2):
        bag = db.from_sequence(files, npartitions=len(files)).map(one)
        total = bag.fold(add, initial=Counter()).compute()
    order = (lambda row: (-row[1], row[0])) if job == "path" else None
    rows = sorted(total.items(), key=order)[: 20 if job == "path" else None]
    sys.stdout.buffer.writelines(b"%s\t%d\n" % row for row in rows)


if __name__ == "__main__":
    main(*sys.argv[1:])

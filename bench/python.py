"""The Python package beside multiprocessing and dask.bag: seconds by the clock and of all processors.

bench/python.py FOLDER [ROUNDS]

FOLDER gets the data, once: a file of 1,000,000 lines of an access log, the same in 8 gzipped files, and as JSON. It
needs dask. The ways take turns, each in an interpreter of its own that has loaded what it needs, and nothing else: with
more objects loaded, Python looks for garbage less often. The results are compared; medians and ratios are printed, with
the machine's load.
"""

import gzip
import hashlib
import importlib
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import time

LINES = 1_000_000
FILES = 8


def lines():
    for n in range(LINES):
        status = (200, 200, 200, 304, 404, 500)[n * 7 % 6]
        when, path = "%02d:%02d:%02d" % (n // 3600 % 24, n // 60 % 60, n % 60), (n * n) % 997
        text = '203.0.113.%d - - [03/Mar/2025:%s +0000] "GET /p/%d HTTP/1.1" %d %d "-" "Mozilla/5.0"\n'
        record = {"host": n * 13 % 250, "time": when, "path": "/p/%d" % path, "status": status, "bytes": n % 9000}
        yield text % (n * 13 % 250, when, path, status, n % 9000), json.dumps(record) + "\n"


def make(folder):
    plain = os.path.join(folder, "access.log")
    zipped, records = ([os.path.join(folder, name % n) for n in range(FILES)] for name in ("access.%d.gz", "json.%d.gz"))
    if not os.path.exists(plain):
        os.makedirs(folder, exist_ok=True)
        files = [[gzip.open(name, "wt", 6) for name in names] for names in (zipped, records)]
        with open(plain + ".tmp", "w") as out:
            for n, (line, record) in enumerate(lines()):
                out.write(line)
                files[0][n * FILES // LINES].write(line)
                files[1][n * FILES // LINES].write(record)
        for file in files[0] + files[1]:
            file.close()
        os.rename(plain + ".tmp", plain)
    return plain, zipped, records


def cheap(line):
    return line.upper()


def path(line):
    return line.split(" ", 7)[6]


def total(results):
    length = 0
    for result in results:
        length += len(result)
    return length


def imap_gristmill(plain, *_):
    with gristmill.Pool(2) as pool, open(plain) as file:
        return total(pool.imap(cheap, file))


def imap_multiprocessing(plain, *_):
    with multiprocessing.Pool(2) as pool, open(plain) as file:
        return total(pool.imap(cheap, file, chunksize=500))


def frequencies_gristmill(_, zipped, __):
    return sorted(gristmill.read_text(zipped).map(path).frequencies().compute())


def frequencies_dask(_, zipped, __):
    with dask.config.set(scheduler="processes", num_workers=2):
        return sorted(dask.bag.read_text(zipped).map(path).frequencies().compute())


def failing(bag):
    failed = bag.map(json.loads).filter(lambda record: record["status"] >= 500)
    return failed.map(lambda record: record["path"]).frequencies().topk(20, key=by_number)


def by_number(pair):
    return pair[1], pair[0]


def chain_gristmill(_, __, records):
    return failing(gristmill.read_text(records)).compute()


def chain_dask(_, __, records):
    with dask.config.set(scheduler="processes", num_workers=2):
        return list(failing(dask.bag.read_text(records)).compute())


def start_gristmill(*_):
    with gristmill.Pool() as pool:
        return pool.apply(int)


def start_multiprocessing(*_):
    with multiprocessing.Pool() as pool:
        return pool.apply(int)


def processors():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def timed(way, folder):
    """What a way takes in an interpreter of its own."""
    command = [sys.executable, __file__, "--one", way.__name__, folder]
    return tuple(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))


def measure(name, folder):
    data, way = make(folder), globals()[name]
    if name.endswith("dask"):
        globals()["dask"] = importlib.import_module("dask")
        importlib.import_module("dask.bag")
    elif name.endswith("gristmill"):
        globals()["gristmill"] = importlib.import_module("gristmill")
        gristmill.Pool, gristmill.read_text  # which it loads when they are named
    clock, used = time.perf_counter(), processors()
    result = way(*data)
    print(json.dumps((time.perf_counter() - clock, processors() - used, digest(result))))


def digest(result):
    return hashlib.sha256(repr(result).encode()).hexdigest()


def spread(taken, ways, which):
    """How many times as much the second way takes, round by round: the median, the least and the most."""
    ours, theirs = (taken[way] for way in ways)
    ratios = sorted(b[which] / a[which] for a, b in zip(ours, theirs))
    return "%.2f (%.2f to %.2f)" % (statistics.median(ratios), ratios[0], ratios[-1])


def main(folder, rounds=5):
    make(folder)
    for ways in (
        (imap_gristmill, imap_multiprocessing),
        (frequencies_gristmill, frequencies_dask),
        (chain_gristmill, chain_dask),
        (start_gristmill, start_multiprocessing),
    ):
        taken = {way: [] for way in ways}
        for _ in range(int(rounds)):
            for way in ways:
                taken[way].append(timed(way, folder))
        if len({result for each in taken.values() for _, _, result in each}) != 1:
            sys.exit("%s: the results differ" % ways[0].__name__)
        for way in ways:
            clock, used = (statistics.median(one[n] for one in taken[way]) for n in (0, 1))
            print("%-24s %7.3f s %7.3f s of processors" % (way.__name__, clock, used))
        print("%-24s %s by the clock, %s of processors" % ("  times less", *(spread(taken, ways, n) for n in (0, 1))))
    print("load %.1f, %.1f" % os.getloadavg()[:2])


if __name__ == "__main__":
    measure(*sys.argv[2:]) if sys.argv[1] == "--one" else main(*sys.argv[1:])

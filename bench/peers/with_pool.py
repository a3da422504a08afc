"""The jobs with the standard library: multiprocessing.Pool(2), one file or range of members a task.

usage: with_pool.py JOB INPUT [REGEX]      JOB: status | robots | path | words | grep | wc
"""

import gzip
import json
import re
import sys
import zipfile
from collections import Counter
from glob import glob
from multiprocessing import Pool

BLOCK = 1 << 20
STATUS = rb'" ([0-9]{3}) '
ROBOTS = rb'^(\S+) [^"\n]*"[A-Z]+ /robots\.txt [^"\n]*" [0-9]{3} '
PATH = rb'"[A-Z]+ (\S+) [^"\n]*" [0-9]{3} '


def blocks(path):
    """The file's bytes in blocks of whole lines."""
    rest = b""
    with gzip.open(path, "rb") as file:
        while block := file.read(BLOCK):
            cut = block.rfind(b"\n") + 1
            if cut:
                yield rest + block[:cut]
                rest = block[cut:]
            else:
                rest += block
    if rest:
        yield rest


def count(path, regex):
    find = re.compile(regex, re.M).findall
    total = Counter()
    for block in blocks(path):
        total.update(find(block))
    return total


def status(path):
    return count(path, STATUS)


def robots(path):
    line = re.compile(ROBOTS)
    total = Counter()
    for block in blocks(path):
        at = block.find(b" /robots.txt ")
        while at >= 0:
            match = line.match(block[block.rfind(b"\n", 0, at) + 1 : at + 80])
            if match:
                total[match[1]] += 1
            at = block.find(b" /robots.txt ", at + 1)
    return total


def path(name):
    return count(name, PATH)


def words(path):
    find = re.compile(rb"[a-z']+").findall
    total = Counter()
    for block in blocks(path):
        total.update(find(block.lower()))
    return total


def grep(task):
    path, regex = task
    find = re.compile(rb"^.*(?:" + regex.encode() + rb").*\n?", re.M)
    return b"".join(match[0] for block in blocks(path) for match in find.finditer(block))


def wc(task):
    archive, first, last = task
    lines = []
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist()[first:last]:
            data = file.read(member)
            lines.append(
                json.dumps(
                    {
                        "name": member.filename,
                        "lines": data.count(b"\n"),
                        "words": len(data.split()),
                        "bytes": len(data),
                    }
                )
            )
    return "\n".join(lines) + "\n"


def main(job, source, regex=""):
    out = sys.stdout.buffer
    with Pool(2) as pool:
        if job == "wc":
            with zipfile.ZipFile(source) as file:
                members = len(file.infolist())
            tasks = [(source, at, at + 500) for at in range(0, members, 500)]
            for text in pool.imap(wc, tasks):
                out.write(text.encode())
        elif job == "grep":
            for found in pool.imap(grep, [(f, regex) for f in sorted(glob(source + "/*.gz"))]):
                out.write(found)
        else:
            total = Counter()
            one = {"status": status, "robots": robots, "path": path, "words": words}[job]
            for part in pool.imap_unordered(one, sorted(glob(source + "/*.gz"))):
                total.update(part)
            if job == "path":
                rows = sorted(total.items(), key=lambda row: (-row[1], row[0]))[:20]
            else:
                rows = sorted(total.items())
            out.writelines(b"%s\t%d\n" % row for row in rows)
        pool.close()
        pool.join()


if __name__ == "__main__":
    main(*sys.argv[1:])

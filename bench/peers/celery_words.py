"""Word count over Celery: one task a mebibyte of text, JSON both ways, Celery's defaults.

usage: celery_words.py BROKER-URL FILE.gz...     prints seconds from the first task to the last result, words, their sum
The same file is what the workers load: celery -A celery_words worker (BROKER in the environment).
"""

import collections
import gzip
import os
import re
import subprocess
import sys
import time

from celery import Celery

app = Celery("celery_words", broker=os.environ.get("BROKER"), backend="rpc://")
WORD = re.compile(r"[A-Za-z']+")


@app.task(name="count")
def count(text):
    return collections.Counter(WORD.findall(text.lower()))


def texts(files):
    for name in files:
        with gzip.open(name, "rt", encoding="utf-8", errors="replace") as lines:
            while block := lines.readlines(1 << 20):
                yield "".join(block)


def main(files):
    command = [sys.executable, "-m", "celery", "-A", "celery_words", "worker"]
    command += ["--concurrency", "2", "--loglevel", "ERROR", "--without-gossip", "--without-mingle"]
    here = os.path.dirname(os.path.abspath(__file__))
    worker = subprocess.Popen(command, cwd=here, stdout=subprocess.DEVNULL)
    try:
        count.delay("the workers are up").get(timeout=60)
        blocks = list(texts(files))
        start = time.monotonic()
        results = [count.delay(block) for block in blocks]
        total = collections.Counter()
        for result in results:
            total.update(result.get(timeout=600))
        seconds = time.monotonic() - start
    finally:
        worker.terminate()
        worker.wait()
    print(f"{seconds:.3f} {len(total)} {sum(total.values())}")


if __name__ == "__main__":
    main(sys.argv[1:])

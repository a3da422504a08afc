"""`submit` and `Job`: a function over the records of archives, here or on a broker's mappers."""

import gzip
import importlib
import json
import os
import re
import sys
import threading
import uuid
from multiprocessing import TimeoutError
from typing import IO, Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from . import call, program, quarantine, quickjson
from .bundle import Bundle
from .errors import JobFailed
from .program import (
    COMMAND_LINES,
    Folder,
    Input,
    Inputs,
    Option,
    Running,
    paths,
    refused,
    verdict,
    words,
)

# What one call gets, and the words for it.
EACH = {
    "document": ["--each", "document"],
    "record": ["--each", "record"],
    "line": ["--each", "record", "--records", "lines"],
    "paragraph": ["--each", "record", "--records", "paragraphs"],
}

# Reducers that are tables: the fields of their rows are escaped. Others write lines of their own.
TABLES = ("sum", "min", "max", "count", "distinct")
ESCAPE = re.compile(r"\\(?:([tnr\\])|x([0-9A-F]{2}))")
ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}


class Result(NamedTuple):
    """What a function has returned for one record."""

    document: str
    """The name of the record's document."""
    offset: int
    """Where the record begins in it, in bytes."""
    value: Any
    """What was returned: bytes, str or a value of JSON."""


class Job:
    """A job that was submitted. Its output is kept as long as this object, or in `output`."""

    def __init__(
        self,
        name: str,
        output: str,
        folder: Folder,
        reduce: Option = None,
        broker: Optional[str] = None,
    ) -> None:
        self._broker = broker
        self.name = name
        """Its name on the broker, or of its folder."""
        self.output = output
        """The folder with its results, once it is done."""
        self._folder = folder
        self._reduce = reduce
        self._running: List[Running] = []
        self._lost: Optional[Running] = None  # the reducer, if it has ended before the job
        self._ended = threading.Event()
        self._code: Optional[int] = None

    def _start(self, running: Sequence[Running]) -> None:
        self._running = list(running)
        minding = []
        for helper in self._running[1:]:
            mind, name = self._mind, "gristmill-reducer"
            minding.append(threading.Thread(target=mind, args=(helper,), name=name, daemon=True))
        watching = threading.Thread(
            target=self._watch, args=(minding,), name="gristmill-job", daemon=True
        )
        for thread in [*minding, watching]:
            thread.start()

    def _watch(self, minding: Sequence[threading.Thread]) -> None:
        code = self._running[0].process.wait()
        # A reducer ends with its job; where the job was refused it has none.
        if code not in (0, program.SET_ASIDE):
            for helper in self._running[1:]:
                helper.end()
        for thread in minding:
            thread.join()
        self._code = code
        self._ended.set()

    def _mind(self, helper: Running) -> None:
        """Without its reducer a job would wait for ever."""
        code, main = helper.process.wait(), self._running[0]
        if code in (0, program.SET_ASIDE) or main.process.poll() is not None:
            return
        self._lost = helper
        # The producer ends first: what it has not yet begun cannot be cancelled.
        main.end()
        try:
            if self._broker is not None:
                program.cancel(self.name, self._broker)
        except JobFailed:
            pass  # what is raised is why the reducer has ended

    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._ended.is_set()

    def wait(self, timeout: Optional[float] = None) -> "Job":
        """Waits for its end; raises `JobFailed`, or `Quarantined` if too much was set aside."""
        if not self._ended.wait(timeout):
            raise TimeoutError("job %s is not done" % self.name)
        assert self._code is not None
        if self._lost is not None:
            raise JobFailed("the reducer of job %s has ended: %s" % (self.name, self._lost.stderr()))
        elsewhere = not os.path.exists(self._path("manifest.json"))
        if not (elsewhere and self._code == program.SET_ASIDE):
            verdict(self._code, self._running[0].stderr(), self._path("quarantine.jsonl"), self)
        if elsewhere:
            raise JobFailed(
                "job %s is done, but its output is not in %s: another reducer has written it; name the "
                "folder of that, as it is seen here, by results=" % (self.name, self.output)
            )
        return self

    def open(self) -> Iterator[Result]:
        """Its results, in the order of the inputs, read as they are taken; waits for its end.

        With `reduce` they are pairs of a key, as text, and a value: an int, or of a reduce program text.
        """
        self.wait()
        return self.results()

    def results(self) -> Iterator[Any]:
        """The results that there are, even if more was set aside than is allowed."""
        if self._reduce:
            return self._pairs()
        return (
            Result(said["name"], said["offset"], call.decode(said["result"])) for said in self._said()
        )

    def texts(self) -> Iterator[Tuple[int, str]]:
        """The results as they travel, and where their records begin."""
        return ((said["offset"], said["result"]) for said in self._said())

    def _parts(self) -> List[str]:
        return [self._path(part) for part in sorted(os.listdir(self.output)) if part.startswith("part-")]

    def _said(self) -> Iterator[Any]:
        for path in self._parts():
            with text_of(path) as file:
                yield from map(quickjson.loads, file)

    def _pairs(self) -> Iterator[Tuple[str, Any]]:
        for path in self._parts():
            with text_of(path) as file:
                for line in file:
                    if ".jsonl" in os.path.basename(path):
                        key, value = json.loads(line).values()
                        yield key, value
                        continue
                    key, _, value = line.rstrip("\n").partition("\t")
                    if self._reduce in TABLES:
                        yield ESCAPE.sub(meant, key), int(value)
                    else:
                        yield key, value

    def quarantine(self) -> List[quarantine.Entry]:
        """What it has set aside, with the reason of each."""
        self._ended.wait()
        return list(quarantine.entries(self._path("quarantine.jsonl")))

    def account(self) -> List[Dict[str, Any]]:
        """For each source the records that went in, were mapped, and were set aside."""
        self._ended.wait()
        try:
            file = open(self._path("sources.jsonl"), encoding="utf-8")
        except FileNotFoundError:
            raise JobFailed("job %s has no account: it has no results" % self.name) from None
        with file:
            return [json.loads(line) for line in file]

    def status(self) -> str:
        """How far it is, in words; on a broker with what holds it up, as when no mapper may run it."""
        if self._broker is None:
            return "%s %s" % (self.name, "done" if self.done() else "running")
        return program.status(self.name, self._broker)

    def cancel(self) -> None:
        """Ends it; on a broker it is dropped there too, or `JobFailed` says why it is not."""
        for running in self._running:
            running.end()
        self._ended.wait()
        if self._broker is not None:
            program.cancel(self.name, self._broker)

    def _path(self, name: str) -> str:
        return os.path.join(self.output, name)

    def __repr__(self) -> str:
        return "<Job %s>" % self.name


def submit(
    function: Callable[..., Any],
    inputs: Inputs,
    each: str = "record",
    *,
    broker: Optional[str] = None,
    sign: Optional[Input] = None,
    name: Optional[str] = None,
    output: Optional[Input] = None,
    results: Optional[Input] = None,
    ship: Sequence[str] = (),
    **options: Option,
) -> Job:
    """Calls a function for every document, line or paragraph of files, folders and archives.

    It gets `str`, or `bytes` if its first parameter is annotated so, and returns bytes, str, a value
    of JSON, a list of these (one result each), or None (no result). `ship` names files that it opens,
    by the same relative paths. `output` is a folder for the results that does not exist yet.

    A job on this machine ends with the script that began it: `wait` for it. With `broker` it goes on
    there until it is done or cancelled.

    With `broker` the mappers there run it, if they may (docs/security.md); `sign` is the key file that
    vouches for it. A reducer for this job alone runs here; where the broker has reducers of its own,
    `results` is the folder that they write to, as it is seen here. Further options are those of
    `gristmill run exec`, such as `allow_quarantine="1%"`, `reduce="sum"` or `threads=4`.
    """
    if each not in EACH:
        raise ValueError("each=%r: one of %s" % (each, ", ".join(EACH)))
    reduce = options.get("reduce")
    if reduce and not isinstance(reduce, str):
        raise TypeError(
            "reduce=%r: a name (%s) or the command of a reduce program, as text; a function of Python "
            "folds by read_text(...).foldby" % (reduce, ", ".join(TABLES))
        )
    refused("submit", options, COMMAND_LINES)
    if options.get("compress") == "zst" and output is None and results is None:
        check_zst()
    bundle = Bundle(function, "pairs" if reduce else "results", ship, local=broker is None)
    name = name or "python-" + uuid.uuid4().hex[:12]
    typed = EACH[each] + ([] if reduce else ["--out", "json"]) + words(options) + bundle.words
    typed += bundle.inputs(paths(inputs))
    return start(typed, bundle, name, reduce, broker, sign, output, results)


def start(
    typed: List[str],
    bundle: Bundle,
    name: str,
    reduce: Option,
    broker: Optional[str],
    sign: Optional[Input],
    output: Optional[Input],
    results: Optional[Input],
) -> Job:
    """Starts a job: one process here, or a producer and perhaps a reducer."""
    folder = bundle.folder
    environment = bundle.environment()
    if broker is None:
        target = os.path.abspath(output or os.path.join(folder.path, "out"))
        job = Job(name, target, folder, reduce)
        words = ["run", "exec", "--quiet", "--output", target, *typed]
        job._start([Running(words, folder, read=False, cwd=folder.path, env=environment)])
        return job
    environment[program.BROKER] = broker
    produce = ["produce", "exec", "--quiet", "--wait", "--job", name, *typed]
    if sign is not None:
        produce[2:2] = ["--sign", os.path.abspath(sign)]
    running = [
        Running(produce, folder, read=False, cwd=folder.path, env=environment, stays=True)
    ]
    if results is not None:
        where = os.path.abspath(results)
    else:
        where = os.path.abspath(output or os.path.join(folder.path, "results"))
        served = ["reduce", "--quiet", "--job", name, "--output", where]
        running.append(Running(served, Folder(), read=False, env=environment, stays=True))
    job = Job(name, os.path.join(where, name), folder, reduce, broker)
    job._start(running)
    return job


def check_zst() -> None:
    """Raises ValueError where this Python has no Zstandard."""
    if sys.version_info < (3, 14):
        raise ValueError(
            'compress="zst" is read by Python 3.14 or later: compress="gz" is read by all; files that '
            "others read go to a folder, output="
        )


def text_of(path: str) -> IO[str]:
    """The text of a part, whatever it is compressed with."""
    opened: Callable[..., Any] = open
    if path.endswith(".gz"):
        opened = gzip.open
    elif path.endswith(".zst"):
        check_zst()
        opened = importlib.import_module("compression.zstd").open
    file: IO[str] = opened(path, "rt", encoding="utf-8", errors="surrogateescape", newline="\n")
    return file


def meant(escape: "re.Match[str]") -> str:
    """The character that an escape of a table's field stands for."""
    letter, number = escape.groups()
    return ESCAPED[letter] if letter else chr(int(number, 16))

"""Runs the program `gristmill`: its words, its output, and how it ends."""

import fcntl
import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile
import weakref
from types import TracebackType
from typing import IO, Any, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Type, Union

from . import binary, quarantine
from .errors import JobFailed, Quarantined

Input = Union[str, "os.PathLike[str]"]
Inputs = Union[Input, Iterable[Input]]
Option = Union[None, bool, int, float, str, Sequence[str]]

# The variable with the URL of a broker: it may hold a password, which the list of processes shows.
BROKER = "GRISTMILL_BROKER"
WRONG_USAGE, SET_ASIDE = 2, 3
# How much of the end of its stderr is in an error.
TAIL = 16 << 10
# F_SETSIG is missing in Python before 3.12.
F_SETSIG = getattr(fcntl, "F_SETSIG", 10)


# Options that are the command line's alone, and what to use.
COMMAND_LINES = {
    "dry_run": "it tells people what would be read: gristmill run exec --dry-run",
    "try": "it shows people what comes of the first records: gristmill run exec --try",
}


def refused(verb: str, options: Mapping[str, Option], reasons: Mapping[str, str]) -> None:
    """Raises TypeError for options that this verb does not take."""
    for name in options:
        if name in reasons and options[name] not in (None, False):
            raise TypeError("%s(%s=...): %s" % (verb, name, reasons[name]))


def words(options: Mapping[str, Option]) -> List[str]:
    """Options of the program: `max_record="1MiB"` is `--max-record 1MiB`."""
    typed: List[str] = []
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            typed.append(option)
        elif isinstance(value, (str, int, float)):
            typed += [option, str(value)]
        else:
            for one in value:
                typed += [option, str(one)]
    return typed


def paths(inputs: Inputs) -> List[str]:
    """The files and folders that are named: names with * ? or [ stand for those that match."""
    named = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
    found: List[str] = []
    for one in (os.fspath(path) for path in named):
        if not os.path.lexists(one) and glob.has_magic(one):
            matching = sorted(glob.glob(one, recursive=True))
            if not matching:
                raise FileNotFoundError("%s: no file matches" % one)
            found += matching
        elif not os.path.lexists(one):
            raise FileNotFoundError("%s: no such file or folder" % one)
        else:
            found.append(one)
    if not found:
        raise ValueError("there are no inputs")
    return found


# What a job ends with whose first records have all failed: its quarantine is not kept.
ALL_FAILED = re.compile(
    r"gristmill: (the first \d+ units all failed, and none succeeded) \(--keep-going .*?\): (.*)", re.DOTALL
)


class Folder:
    """A temporary folder, which is removed with this object."""

    def __init__(self) -> None:
        self.path = tempfile.mkdtemp(prefix="gristmill-python-")
        # Not a TemporaryDirectory: it warns where it is not closed, and a forked process removes it.
        self._remove = weakref.finalize(self, removed, self.path, os.getpid())

    @property
    def quarantine(self) -> str:
        """Where a job that writes its results to a pipe puts what it sets aside."""
        return os.path.join(self.path, "quarantine.jsonl")

    def file(self, name: str, data: bytes = b"") -> str:
        """Writes a file in it; its path."""
        path = os.path.join(self.path, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def list(self, inputs: Sequence[str]) -> List[str]:
        """The words for any number of inputs, whatever is in their names."""
        data = b"".join(os.fsencode(one) + b"\0" for one in inputs)
        return ["-0", "@" + self.file("inputs", data)]


# Our ends of the pipes by which programs see that this process is gone; of no use in a forked one,
# which would keep them alive.
LIVES: Set[int] = set()


def forget_lives() -> None:
    """Closes these pipes in a forked process."""
    for life in LIVES:
        os.close(life)
    LIVES.clear()


os.register_at_fork(after_in_child=forget_lives)


class Running:
    """The program at work. Its standard output is read, or there is none.

    It ends with this process, however that ends, unless `stays` says that it may go on.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Folder,
        read: bool = True,
        cwd: Optional[str] = None,
        env: Optional[Dict[str, str]] = None,
        stays: bool = False,
    ) -> None:
        self.folder = folder
        theirs, life = os.pipe()
        self._close = weakref.finalize(self, closed, life, os.getpid())
        LIVES.add(life)
        self._stderr = os.path.join(folder.path, "stderr")
        with open(self._stderr, "wb") as stderr, open(theirs, "rb"):
            self.process = subprocess.Popen(
                [binary.find(), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if read else subprocess.DEVNULL,
                stderr=stderr,
                cwd=cwd,
                env=rooted(os.environ if env is None else env),
                pass_fds=[theirs],
            )
            if not stays:
                # The kernel tells it when nobody has the other end any more.
                fcntl.fcntl(theirs, fcntl.F_SETOWN, self.process.pid)
                fcntl.fcntl(theirs, F_SETSIG, signal.SIGTERM)
                fcntl.fcntl(theirs, fcntl.F_SETFL, fcntl.fcntl(theirs, fcntl.F_GETFL) | os.O_ASYNC)

    @property
    def output(self) -> IO[bytes]:
        """What it writes."""
        assert self.process.stdout is not None
        return self.process.stdout

    def stderr(self) -> str:
        """The end of what it has said."""
        with open(self._stderr, "rb") as file:
            file.seek(max(0, os.path.getsize(self._stderr) - TAIL))
            return file.read().decode("utf-8", "replace").strip()

    def check(self) -> None:
        """Waits for its end, and raises what there is to raise."""
        verdict(self.process.wait(), self.stderr(), self.folder.quarantine)

    def end(self) -> None:
        """Ends it, if it still runs."""
        if self.process.stdout is not None:
            self.process.stdout.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def __enter__(self) -> "Running":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.end()


def rooted(env: Mapping[str, str]) -> Dict[str, str]:
    """An environment whose folders of modules are the same ones in every folder."""
    found = dict(env)
    if found.get("PYTHONPATH"):
        parts = found["PYTHONPATH"].split(os.pathsep)
        found["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, parts))
    return found


def removed(path: str, pid: int) -> None:
    """Removes a folder, unless this is a forked process, whose folder it is not."""
    if os.getpid() == pid:
        shutil.rmtree(path, ignore_errors=True)


def closed(life: int, pid: int) -> None:
    """Closes our end of a pipe, unless this is a forked process, which has done so."""
    if os.getpid() == pid:
        LIVES.discard(life)
        os.close(life)


def status(job: str, broker: str) -> str:
    """What `gristmill status` says of a job."""
    command = [binary.find(), "status", job]
    environment = {**os.environ, BROKER: broker}
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return done.stdout.decode("utf-8", "replace").strip()


def cancel(job: str, broker: str) -> None:
    """Drops a job on a broker; one that is not there any more is dropped. Raises `JobFailed`."""
    environment = {**os.environ, BROKER: broker}
    command = [binary.find(), "cancel", job]
    done = subprocess.run(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    if done.returncode not in (0, WRONG_USAGE):  # that is: there is no such job
        said = done.stderr.decode("utf-8", "replace").strip()
        raise JobFailed("job %s may still run on the broker: %s" % (job, said))


def verdict(code: int, stderr: str, quarantined: str, results: Optional[Any] = None) -> None:
    """Raises what an exit code stands for."""
    if code == 0:
        return
    if code == SET_ASIDE:
        found = quarantine.first(quarantined)
        if found:
            raise Quarantined(quarantine.told(found), found, results)
        raise Quarantined(stderr, [], results)
    if code == WRONG_USAGE:
        raise ValueError(stderr)
    if code < 0:
        stderr = "gristmill was ended by signal %d\n%s" % (-code, stderr)
    failed = ALL_FAILED.match(stderr)
    if failed:
        reason, _, details = quarantine.OURS.sub("", failed[2]).partition("\n")
        text = "%s (keep_going=True goes on all the same): %s\n%s" % (failed[1], reason, details)
        entry = quarantine.Entry("", None, reason, details, "", {})
        raise Quarantined(text.strip(), [entry])
    raise JobFailed(stderr or "gristmill ended with exit code %d" % code)

"""`documents`: what files, folders and archives hold, one document after the other."""

from typing import Iterator, NamedTuple

from . import frames
from .lines import command
from .program import Folder, Inputs, Option, Running, paths, words


class Document(NamedTuple):
    """A file, or a member of an archive."""

    name: str
    """Its path; for a member the archive's, and its own behind that."""
    data: bytes
    """What it holds, unpacked."""

    @property
    def text(self) -> str:
        """What it holds, as UTF-8."""
        return self.data.decode("utf-8")


def documents(inputs: Inputs, **options: Option) -> Iterator[Document]:
    """The documents of files, folders and archives, in order, read a little ahead.

    Names may have `*`. What cannot be read is set aside, and raised as `Quarantined` when all else
    was given out, unless `allow_quarantine` permits it. A document has at most 64 MiB. Further options
    are those of `gristmill run exec`, such as `include="*.txt"` or `whole="*.gz"`.
    """
    return read(Documents(paths(inputs), options))


class Documents:
    """Where documents come from."""

    def __init__(self, inputs: "list[str]", options: "dict[str, Option]") -> None:
        self.inputs = inputs
        self.options = options


def read(source: Documents) -> Iterator[Document]:
    """Reads documents."""
    folder = Folder()
    how = ["--each", "document", "--out", "frames", *words({"threads": 1, **source.options})]
    with Running(command(folder, None, how, source.inputs), folder) as running:
        for name, data in frames.read(running.output):
            yield Document(name, data)
        running.check()

"""What a job has set aside."""

import json
import re
from typing import Any, Dict, Iterator, List, NamedTuple, Optional


# Lines of a traceback that are about how the function was called.
OURS = re.compile(r'^  File "[^"]*/gristmill_call\.py", line .*\n(?:    .*\n)*', re.MULTILINE)


class Entry(NamedTuple):
    """A record, or more, that a job has set aside."""

    document: str
    """The name of its document."""
    offset: Optional[int]
    """Where it begins, in bytes; None if the whole document was set aside, and in what `take` raises."""
    reason: str
    """Why: for a function, the last line of its traceback."""
    details: str
    """The whole traceback, or the end of what the program wrote to stderr."""
    record: str
    """The record, or its beginning."""
    fields: Dict[str, Any]
    """All fields of the entry, as docs/exec.md has them."""

    def __str__(self) -> str:
        where = self.document
        if self.offset is not None:
            where += " at byte %d" % self.offset
        elif "record" in self.fields:
            where += ", record %d" % self.fields["record"]
        text = "%s: %s" % (where, self.reason)
        return text + "\n" + self.details.rstrip() if self.details else text


def entries(path: str) -> Iterator[Entry]:
    """The entries of a file quarantine.jsonl; none if there is no such file."""
    try:
        file = open(path, encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            fields = json.loads(line)
            yield Entry(
                document=fields.get("document") or fields.get("source", ""),
                offset=fields.get("offset"),
                reason=fields.get("reason", ""),
                details=OURS.sub("", fields.get("stderr", "")),
                record=fields.get("text", ""),
                fields=fields,
            )


def first(path: str, most: int = 10) -> List[Entry]:
    """The first entries of such a file."""
    found = []
    for entry in entries(path):
        found.append(entry)
        if len(found) == most:
            break
    return found


def told(found: List[Entry]) -> str:
    """What is said of these entries."""
    text = "more was set aside than is allowed (allow_quarantine); the first: %s" % str(found[0])
    return text if len(found) == 1 else text + "\nand, at least, %d more" % (len(found) - 1)

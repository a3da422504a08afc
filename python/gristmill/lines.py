"""The lines of documents, as the program `gristmill` gives them to workers of ours."""

from __future__ import annotations

import os
import pickle
import re
import sys
from typing import Any, Dict, Generator, Iterator, List, Optional, Sequence

from . import frames, plan, stages, travel
from .errors import JobFailed, Quarantined
from .program import Folder, Option, Running, words
from .quarantine import Entry, entries, told

# Runs the worker without any folder of ours or the user's before the others. What it loads stays, so
# nobody looks for garbage in it.
START = (
    "import gc, sys; gc.disable(); sys.path.insert(0, sys.argv[1]); "
    "from gristmill.bagworker import main; main(sys.argv[2])"
)
# A batch that takes longer than that, in seconds, is given up.
TIMEOUT = 86_400
# Where only the first items are wanted, no more than a little is computed ahead.
FEW: Dict[str, Option] = {"chunk_size": "4KiB", "threads": 1}
# Ends a job at the first entry of its quarantine, with this text.
NOTHING_ASIDE: Dict[str, Option] = {"max_quarantine": 1}
ASIDE = re.compile(r"quarantine\.jsonl would be larger than .*?, \d+ times: (.*); check the kind", re.DOTALL)
ALLOWED = "GRISTMILL_ALLOW_QUARANTINE"


class Lines:
    """The lines of documents: where most bags begin."""

    def __init__(
        self,
        inputs: Sequence[str],
        encoding: str,
        errors: str,
        include_path: bool,
        line_ends: bool,
        options: "dict[str, Option]",
    ) -> None:
        self.inputs = list(inputs)
        self.encoding = encoding
        self.errors = errors
        self.include_path = include_path
        self.line_ends = line_ends
        self.options = options

    def items(self, steps: Sequence[stages.Stage], end: plan.End) -> Iterator[Any]:
        """What comes of all lines, computed by workers."""
        return end.whole(self.parts(self.made(steps, end), {}, Folder()))

    def made(self, steps: Sequence[stages.Stage], end: plan.End, first: bool = False) -> plan.Plan:
        """What workers get."""
        lines = (self.encoding, self.errors, self.include_path, self.line_ends)
        return plan.Plan(steps, end, *lines, first=first)

    def first(self, steps: Sequence[stages.Stage], count: int) -> List[Any]:
        """The first items; raises `Quarantined` if too much before the last of them was set aside.

        The quarantine is written at the end, which is not waited for: records that fail come in their
        places instead. Where nothing may be set aside, the job ends at the batch with what cannot be
        read or has killed its worker.
        """
        limit, folder = allowed(self.options), Folder()
        made = self.made(steps, plan.Collect(), first=limit is not None)
        parts = self.parts(made, {**FEW, **(NOTHING_ASIDE if limit == 0 else {})}, folder)
        found: List[Any] = []
        failed: List[Entry] = []
        try:
            while len(found) < count:
                part = next(parts, None)
                if isinstance(part, Entry):
                    failed.append(part)
                elif part is not None:
                    found += part
                else:
                    failed += entries(folder.quarantine)
                if limit is not None and len(failed) > limit:
                    raise Quarantined(told(failed), failed, found)
                if part is None:
                    break
        except JobFailed as error:
            aside = ASIDE.search(str(error))
            if aside is None or isinstance(error, Quarantined):
                raise
            text = "after %d items something was set aside: %s" % (len(found), aside[1])
            raise Quarantined(text, [], found) from None
        finally:
            parts.close()
        return found[:count]

    def parts(
        self, made: plan.Plan, more: "dict[str, Option]", folder: Folder
    ) -> Generator[Any, None, None]:
        """The parts that workers make, or the rows of the table."""
        how = ["--each", "document" if made.documents else "record"]
        how += ["--reduce", "sum"] if made.end.table else ["--out", "frames"]
        how += words({"timeout": TIMEOUT, **more, **self.options})
        with Running(command(folder, travel.pack(made), how, self.inputs), folder) as running:
            if made.end.table:
                for row in running.output:
                    text, _, number = row.rstrip(b"\n").partition(b"\t")
                    yield text, int(number)
            else:
                for _, part in frames.read(running.output):
                    yield pickle.loads(part)
            running.check()


def allowed(options: "dict[str, Option]") -> Optional[int]:
    """How many records may be set aside; None for a share, which the first ones do not tell."""
    said = options.get("allow_quarantine")
    text = str(os.environ.get(ALLOWED, 0) if said is None or said is False else said)
    return int(text) if text.isdigit() else None


def command(folder: Folder, plan: object, how: List[str], inputs: Sequence[str]) -> List[str]:
    """The words for a job whose workers are ours and get a plan; `how` are its options."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    typed = ["run", "exec", "--quiet", "--output", "-", "--quarantine", folder.quarantine, "--worker"]
    # Inputs stand before `--`: none of them is taken for a word of the worker's.
    typed += [*how, *folder.list(inputs), "--", python(), "-c", START, root]
    return [*typed, folder.file("plan", pickle.dumps(plan))]


def python() -> str:
    """The interpreter that runs this."""
    if not sys.executable:
        raise RuntimeError("sys.executable is empty: the interpreter for the workers is not known")
    return sys.executable

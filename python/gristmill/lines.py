"""The lines of documents, as the program `gristmill` gives them to workers of ours."""

import os
import pickle
import sys
from typing import Any, Dict, Iterator, Sequence

from . import frames, plan, stages, travel
from .program import Folder, Option, Running, words

# Runs the worker without any folder of ours or the user's before the others.
START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from gristmill.bagworker import main; main(sys.argv[2])"
)
# A batch that takes longer than that, in seconds, is given up.
TIMEOUT = 86_400
# Where only the first items are wanted, no more than a little is computed ahead.
FEW: Dict[str, Option] = {"chunk_size": "4KiB", "threads": 1}


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

    def items(
        self, steps: Sequence[stages.Stage], end: plan.End, few: bool = False
    ) -> Iterator[Any]:
        """What comes of all lines, computed by workers; `few` says that the first ones are wanted."""
        made = plan.Plan(
            steps, end, self.encoding, self.errors, self.include_path, self.line_ends
        )
        return end.whole(self.parts(made, FEW if few else {}))

    def parts(self, made: plan.Plan, more: "dict[str, Option]") -> Iterator[Any]:
        """The parts that workers make, or the rows of the table."""
        folder = Folder()
        planned = folder.file("plan", pickle.dumps(travel.pack(made)))
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        quarantined = os.path.join(folder.path, "quarantine.jsonl")
        command = ["run", "exec", "--quiet", "--output", "-", "--quarantine", quarantined]
        command += ["--worker", "--each", "document" if made.documents else "record"]
        command += ["--reduce", "sum"] if made.end.table else ["--out", "frames"]
        command += words({"timeout": TIMEOUT, **more, **self.options})
        # Inputs stand before `--`: none of them is taken for a word of the worker's.
        command += folder.list(self.inputs)
        command += ["--", python(), "-c", START, root, planned]
        with Running(command, folder) as running:
            if made.end.table:
                for row in running.output:
                    text, _, number = row.rstrip(b"\n").partition(b"\t")
                    yield text, int(number)
            else:
                for _, part in frames.read(running.output):
                    yield pickle.loads(part)
            running.check(quarantined)


def python() -> str:
    """The interpreter that runs this."""
    if not sys.executable:
        raise RuntimeError("sys.executable is empty: the interpreter for the workers is not known")
    return sys.executable

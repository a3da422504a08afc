"""Children that a user's function forks in a worker: one that comes back from the function ends.

It is no worker, though it has all that one has: it would answer a second time, on the same pipes.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # a worker would need longer to load `typing` than to start
if TYPE_CHECKING:
    from typing import Any, List, NoReturn, Optional


class Guard:
    """Tells a worker from the children that its functions fork."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        # What the worker goes through. A child finds nothing behind the item in hand.
        self.lists: List[List[Any]] = []
        os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        for one in self.lists:
            one.clear()

    def check(self, error: Optional[BaseException] = None) -> None:
        """Called behind a function that has returned, or raised `error`: ends a child."""
        if os.getpid() != self.pid:
            leave(error)


def leave(error: Optional[BaseException]) -> NoReturn:
    """Ends this process as a script would end here, but without what was prepared for its end."""
    code = 0
    try:
        if isinstance(error, SystemExit):
            said = error.code
            code = said & 0xFF if isinstance(said, int) else int(said is not None)
            if said is not None and not isinstance(said, int):
                print(said, file=sys.stderr)
        elif error is not None:
            code = 1
            import traceback

            traceback.print_exception(type(error), error, error.__traceback__)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)

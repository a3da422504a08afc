"""Where the program `gristmill` is."""

import os
import shutil
import sys
import sysconfig
from typing import Iterator

from .errors import BinaryMissing

NAME = "gristmill"
# Names a program to be used in place of the one that came with this package.
VARIABLE = "GRISTMILL_BINARY"


def find() -> str:
    """The path of the program: the one that was installed with this package, else of the PATH."""
    named = os.environ.get(VARIABLE)
    if named:
        if os.path.isfile(named) and os.access(named, os.X_OK):
            return os.path.abspath(named)
        raise BinaryMissing("%s=%s: there is no such program" % (VARIABLE, named))
    for folder in folders():
        path = os.path.join(folder, NAME)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    found = shutil.which(NAME)
    if found is None:
        raise BinaryMissing(
            "there is no program `gristmill` beside this Python and on the PATH: "
            "pip install gristmill brings it, and %s names another" % VARIABLE
        )
    return os.path.abspath(found)


def folders() -> Iterator[str]:
    """Where pip puts programs: for this interpreter, and for this user."""
    yield sysconfig.get_path("scripts")
    yield os.path.dirname(sys.executable)
    yield sysconfig.get_path("scripts", "%s_user" % os.name)

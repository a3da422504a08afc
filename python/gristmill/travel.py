"""How functions and values travel between Python processes of this machine: by name, else by value.

Functions of the script that runs (`__main__`) go to a bag's workers with what they name. What else the
script defines goes by cloudpickle, and so comes back; where that is not installed, or cannot take it,
the script is loaded in the other process, as multiprocessing does it: under another name, so that what
stands below `if __name__ == "__main__"` is not run.
"""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import types

TYPE_CHECKING = False  # a worker would need longer to load `typing` than to start
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

# The names of a script's module, where it runs and where another process has loaded it.
MAINS = ("__main__", "__mp_main__")


def dumps(value: Any) -> bytes:
    """A value by pickle, which finds functions and classes by their names, else by cloudpickle."""
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        return by_value(value, error)


def function(value: Any, method: str) -> bytes:
    """A function for the workers of a pool, which are started by this method of multiprocessing.

    Unless they are forked, they have nothing of what an interactive session defines, as a notebook.
    """
    data = dumps(value)
    if b"__main__" in data and method != "fork" and main_script() is None:
        problem = TypeError("what an interactive session defines is in no module")
        return by_value(value, problem)
    return data


def by_value(value: Any, problem: Exception) -> bytes:
    """A value with the functions and classes that are in no module; `problem` is what pickle says."""
    try:
        import cloudpickle  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        raise by_name_only(problem) from None
    data: bytes = cloudpickle.dumps(value)
    return data


def pack(value: Any) -> Dict[str, Any]:
    """A value with functions in it, and what another process needs to read it."""
    packed: Dict[str, Any] = {"path": search_path()}
    data = None
    problem: Exception = TypeError("what an interactive session defines is in no module")
    try:
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        problem = error
    if data is not None and b"__mp_main__" in data:
        check_not_loading()
    if data is not None and not names_main(data):
        return {**packed, "value": data}
    try:
        return {**packed, "value": scripted_value(value)}
    except Exception:
        pass  # it is more than functions and what they name
    try:
        found = by_value(value, problem)
        if b"__mp_main__" in found:
            raise problem  # cloudpickle takes that for a module that others have too
        return {**packed, "value": found}
    except Exception:
        main = main_script()
        if data is None or main is None:
            raise
    return {**packed, "value": data, "main": main}


def names_main(data: bytes) -> bool:
    """Whether pickled data names the script."""
    return any(main.encode() in data for main in MAINS)


def scripted_value(value: Any) -> bytes:
    """A value with functions of a script."""
    from . import scripted  # which a worker needs only if something was taken by it

    return scripted.dumps(value)


def search_path() -> List[str]:
    """Where modules are found, for a process that works in another folder."""
    return [os.path.abspath(folder) for folder in sys.path]


def unpack(packed: Dict[str, Any]) -> Any:
    """The value, in the other process."""
    sys.path[:] = packed["path"]
    main = packed.get("main")
    if main is not None:
        load_main(main)
    return pickle.loads(packed["value"])


def main_script() -> Optional[str]:
    """The file of the script that runs; None if there is none, as in an interactive session."""
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    return os.path.abspath(path) if path and os.path.isfile(path) else None


def load_main(path: str) -> None:
    """Loads a script such that `__main__` is what it defines, without what runs only there."""
    # When it is first loaded, `__mp_main__` becomes another name of `__main__`: not in the script.
    importlib.import_module("multiprocessing")
    runpy = importlib.import_module("runpy")
    module = types.ModuleType("__mp_main__")
    module.__dict__.update(runpy.run_path(path, run_name="__mp_main__"))
    sys.modules["__main__"] = sys.modules["__mp_main__"] = module


def check_not_loading() -> None:
    """Refuses work with a script's own functions while a worker loads it: they are not there yet."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__mp_main__":
            raise RuntimeError(
                "a worker loads this script, and must not begin its work again: put that below "
                "`if __name__ == \"__main__\":`"
            )
        frame = frame.f_back


def by_name_only(error: Exception) -> Exception:
    """An error of pickle, with the way out."""
    hint = "lambdas and functions inside functions need cloudpickle: pip install cloudpickle"
    try:
        return type(error)("%s; %s" % (error, hint))
    except Exception:
        return error

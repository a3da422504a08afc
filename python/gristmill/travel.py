"""How functions travel to other Python processes of this machine: by name, else by cloudpickle.

What is defined in the script that runs (`__main__`) goes by cloudpickle, if it is installed;
otherwise the script is loaded in the other process, as multiprocessing does it: under another name,
so that what stands below `if __name__ == "__main__"` is not run.
"""

import os
import pickle
import runpy
import sys
import types
from typing import Any, Dict, Optional


def pack(value: Any) -> Dict[str, Any]:
    """A value with functions in it, and what another process needs to read it."""
    try:
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        problem: Optional[Exception] = error
    else:
        problem = None
        if b"__main__" not in data:
            return {"value": data, "path": sys.path[:]}
    try:
        import cloudpickle  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        if problem is not None:
            raise by_name_only(problem) from None
        return {"value": data, "path": sys.path[:], "main": main_script()}
    return {"value": cloudpickle.dumps(value), "path": sys.path[:]}


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
    module = types.ModuleType("__mp_main__")
    module.__dict__.update(runpy.run_path(path, run_name="__mp_main__"))
    sys.modules["__main__"] = sys.modules["__mp_main__"] = module


def by_name_only(error: Exception) -> Exception:
    """An error of pickle, with the way out."""
    hint = "lambdas and functions inside functions need cloudpickle: pip install cloudpickle"
    try:
        return type(error)("%s; %s" % (error, hint))
    except Exception:
        return error

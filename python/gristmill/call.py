"""Calls a function for the records of a job: a copy of this file travels with the function.

It needs nothing but the standard library of Python 3.9 or later: the package `gristmill` need not be
on the machines that run jobs. `gristmill_call.json`, beside it, says what is called and how.
"""

import base64
import importlib
import inspect
import json
import os
import pickle
import runpy
import sys
import traceback
import types
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = "gristmill"
# Where the package finds what the worker gives to functions.
WORKER = "gristmill_worker_module"
# Scripts that were loaded.
MAINS: Dict[str, types.ModuleType] = {}
# The worker's: a child that a function forks has another one.
PID = os.getpid()
# Made once: `json.dumps` makes one for each value.
ENCODER = json.JSONEncoder(allow_nan=False)
quoted = json.encoder.encode_basestring_ascii
DECODER = json.JSONDecoder()
KINDS = "bytes, str, or values of JSON (dict with str as keys, list, int, float, bool, None)"


def encode(value: Any) -> str:
    """A value as text: bytes, or JSON."""
    if type(value) is bytes:
        return "b" + base64.b64encode(value).decode()
    if type(value) is str:
        return "j" + quoted(value)
    check(value)
    return "j" + ENCODER.encode(value)


def decode(text: str) -> Any:
    """The value that a text stands for."""
    if text[:1] == "b":
        return base64.b64decode(text[1:])
    value, end = DECODER.raw_decode(text, 1)  # it was written above, without blanks
    return value if end == len(text) else json.loads(text[1:])


def check(value: Any) -> None:
    """Refuses what would arrive as something else."""
    kind = type(value)
    if kind is dict:
        for key in value:
            if type(key) is not str:
                raise TypeError("a dict with a key of type %s cannot travel: only %s" % (type(key).__name__, KINDS))
            check(value[key])
    elif kind is list:
        for one in value:
            check(one)
    elif kind not in (str, int, float, bool, type(None)):
        raise TypeError("a value of type %s cannot travel: only %s" % (kind.__name__, KINDS))


def load(said: Dict[str, Any]) -> Tuple[Any, Any]:
    """The function, and what is to be called once before it, if there is something."""
    sys.path[:0] = [HERE]
    sys.path.extend(path for path in said.get("path", []) if path not in sys.path)
    stand_aside()
    function, module = found(said["function"])
    if said["start"] is not None:
        start, _ = found(said["start"])
        arguments = [decode(one) for one in said["arguments"]]
        return function, lambda: start(*arguments)
    start = getattr(module, "setup", None)
    return function, start if callable(start) and start is not function else None


def found(place: Dict[str, Any]) -> Tuple[Any, Optional[types.ModuleType]]:
    """A function, and the module that has it."""
    if "pickled" in place:
        mine = list(sys.version_info[:2])
        if place["python"] != mine:
            raise RuntimeError(
                "this function was pickled by Python %d.%d, and the worker has Python %d.%d: a function "
                "that stands in a module by its name travels between versions" % (*place["python"], *mine)
            )
        with open(os.path.join(HERE, place["pickled"]), "rb") as file:
            return pickle.load(file), None
    module = MAINS.get(place["main"]) if "main" in place else None
    if module is None and "main" in place:
        # When it is first loaded, `__mp_main__` becomes another name of `__main__`: not in the script.
        importlib.import_module("multiprocessing")
        module = MAINS[place["main"]] = types.ModuleType("__mp_main__")
        module.__dict__.update(runpy.run_path(os.path.join(HERE, place["main"]), run_name="__mp_main__"))
        sys.modules["__main__"] = sys.modules["__mp_main__"] = module
    elif module is None:
        module = importlib.import_module(place["module"])
    function: Any = module
    for part in place["name"].split("."):
        function = getattr(function, part)
    return function, module


def stand_aside() -> None:
    """Lets scripts import the package, which has the name of the worker's own module."""
    here = sys.modules.get(PACKAGE)
    if here is None or hasattr(here, "__path__"):
        return
    sys.modules[WORKER] = sys.modules.pop(PACKAGE)
    try:
        importlib.import_module(PACKAGE)
    except ImportError:
        here.__dict__["__getattr__"] = missing
        sys.modules[PACKAGE] = here


def missing(name: str) -> Any:
    """A name of the package's that a script imports at its top, such as Pool: used there by nobody."""
    if name.startswith("__"):
        raise AttributeError(name)
    return Absent(name)


class Absent:
    """Stands for a name of the package where it is not installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("gristmill.%s is not for what runs inside a job" % self.name)

    __getattr__ = __call__


def several(value: Any) -> Union[str, List[str]]:
    """The results that a function returned for one record; what is one text needs no list."""
    if type(value) is str:
        return "j" + quoted(value)
    if value is None:
        return []
    if isinstance(value, (list, types.GeneratorType)):
        return [encode(one) for one in value if one is not None]
    return [encode(value)]


def outcome(function: Callable[..., Any], star: bool, record: str) -> str:
    """What a call of a pool has come to: a result, or an exception."""
    try:
        if star:
            arguments, named = json.loads(record)
            named = {key: decode(value) for key, value in named.items()}
            return encode(function(*map(decode, arguments), **named))
        return encode(function(decode(record)))
    except Exception as error:
        if os.getpid() != PID:
            raise  # the worker ends it
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        text = "".join(traceback.format_exception(type(error), error, trace))
        try:
            values: Optional[List[str]] = [encode(one) for one in error.args]
        except Exception:
            values = None
        kind = type(error)
        said = {"type": kind.__qualname__, "module": kind.__module__, "args": values, "trace": text}
        return "e" + json.dumps(said)


def takes_bytes(function: Callable[..., Any]) -> bool:
    """Whether the function asks for bytes: `def tag(data: bytes)`."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return False
    return bool(parameters) and parameters[0].annotation in (bytes, "bytes")


def begin() -> None:
    """Makes `call` and `setup` of this module what the job asks for."""
    with open(os.path.join(HERE, "gristmill_call.json")) as file:
        said = json.load(file)
    function, start = load(said)
    how = said["how"]
    ways: Dict[str, Callable[[Any], Any]] = {
        "results": lambda record: several(function(record)),
        "pairs": lambda record: function(record),
        "item": lambda record: outcome(function, False, record),
        "star": lambda record: outcome(function, True, record),
    }
    call = ways[how]
    if how in ("results", "pairs") and takes_bytes(function):
        call.__annotations__["record"] = bytes
    globals()["call"] = call
    globals()["setup"] = start


if __name__ == "gristmill_call":
    begin()

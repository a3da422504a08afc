"""Functions of a script by value, for another process of the same interpreter.

cloudpickle takes more than these, but a worker needs longer to load it than to start.
"""

from __future__ import annotations

import builtins
import importlib
import io
import marshal
import pickle
import sys
import types

from . import travel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Set, Tuple

# Builtin functions by which code finds names that are not written in it.
BY_TEXT = frozenset({"eval", "exec", "globals"})


def dumps(value: Any) -> bytes:
    """A value with functions in it. Raises an exception where others have to take it."""
    file = io.BytesIO()
    Pickler(file, pickle.HIGHEST_PROTOCOL).dump(value)
    data = file.getvalue()
    if travel.names_main(data):
        raise TypeError("something in it is found in the script only")
    return data


class Pickler(pickle.Pickler):
    """Takes functions that are in no module with what they name, and all else as ever."""

    def reducer_override(self, value: Any) -> Any:
        """How a value is taken."""
        kind = type(value)
        if kind is types.FunctionType and not is_named(value):
            return taken(value)
        if isinstance(value, types.ModuleType) and sys.modules.get(value.__name__) is value:
            return importlib.import_module, (value.__name__,)
        if getattr(value, "__module__", None) in travel.MAINS:
            raise TypeError("%r is found in the script only" % (value,))
        return NotImplemented


def is_named(function: types.FunctionType) -> bool:
    """Whether another process finds it by its name."""
    module: Optional[str] = function.__module__
    if module is None or module in travel.MAINS:
        return False
    found: Any = sys.modules.get(module)
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is function


def taken(function: types.FunctionType) -> Tuple[Any, ...]:
    """A function as what makes it again, and what is put into it then: it may name itself."""
    code, space = function.__code__, function.__globals__
    names = names_in(code, code.co_freevars)
    named = {name: space[name] for name in names if name in space and name != "__name__"}
    module = None if function.__module__ in travel.MAINS else function.__module__
    state = {
        "__defaults__": function.__defaults__,
        "__kwdefaults__": function.__kwdefaults__,
        "__dict__": function.__dict__,
        "__doc__": function.__doc__,
        "__name__": function.__name__,
        "__qualname__": function.__qualname__,
        "__annotations__": function.__annotations__,
    }
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    inside = [one for value in named.values() for one in submodules(value, names | attributes(code))]
    made = (marshal.dumps(code), module, len(cells))
    return make, made, (named, state, cells, inside), None, None, fill


def make(code: bytes, module: Optional[str], cells: int) -> types.FunctionType:
    """A function in which nothing is yet."""
    space = {"__name__": module or "__main__", "__builtins__": builtins}
    closure = tuple(types.CellType() for _ in range(cells))
    return types.FunctionType(marshal.loads(code), space, closure=closure)


def fill(
    function: types.FunctionType,
    state: Tuple[Dict[str, Any], Dict[str, Any], List[Any], List[types.ModuleType]],
) -> None:
    """Puts into a function what it had."""
    named, attributes, cells, _ = state
    function.__globals__.update(named)
    for name, value in attributes.items():
        setattr(function, name, value)
    for cell, value in zip(function.__closure__ or (), cells):
        cell.cell_contents = value


def names_in(code: types.CodeType, outer: Tuple[str, ...]) -> Set[str]:
    """The names of globals in code; raises TypeError if it changes what others share with it."""
    dis = importlib.import_module("dis")
    found: Set[str] = set()
    for step in dis.get_instructions(code):
        what = step.opname
        if what in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            raise TypeError("it sets the global %s" % step.argval)
        if what in ("STORE_DEREF", "DELETE_DEREF") and step.argval in outer:
            raise TypeError("it sets %s of the function around it" % step.argval)
        if what.startswith("LOAD_") and ("GLOBAL" in what or "NAME" in what):
            found.add(step.argval)
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            found |= names_in(one, outer)
    if found & BY_TEXT:
        raise TypeError("it finds names by their texts")
    return found


def attributes(code: types.CodeType) -> Set[str]:
    """The names of attributes in code, and of all else."""
    found = set(code.co_names)
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            found |= attributes(one)
    return found


def submodules(value: Any, names: Set[str]) -> List[types.ModuleType]:
    """The modules inside a package that code names, as in `os.path`: to be loaded with it."""
    if not isinstance(value, types.ModuleType) or not hasattr(value, "__path__"):
        return []
    inside = value.__name__ + "."
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith(inside) and type(module) is types.ModuleType
        and names.issuperset(name[len(inside):].split("."))
    ]

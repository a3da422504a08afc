"""A function as files that travel with a job: by its module or script, else by cloudpickle.

A function that stands at the top of a module or script goes as that file, with the local modules that
it imports; the program `gristmill` finds these and sends them along. Lambdas and functions inside
functions are pickled by cloudpickle, which travels with them.
"""

import importlib.util
import json
import os
import pickletools
import sys
import sysconfig
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from . import call, travel
from .program import Folder

CALL = "gristmill_call"


class Bundle:
    """A folder with a function, in which the program is started."""

    def __init__(
        self,
        function: Callable[..., Any],
        how: str,
        ship: Sequence[str] = (),
        local: bool = True,
        start: Optional[Tuple[Callable[..., Any], Tuple[Any, ...]]] = None,
    ) -> None:
        self.folder = Folder()
        said: Dict[str, Any] = {"how": how, "start": None}
        self.imported: List[str] = []
        self.shipped = [CALL + ".json"]
        said["function"] = self.put(function, "function.pickle")
        if start is not None:
            said["start"] = self.put(start[0], "start.pickle")
            said["arguments"] = [call.encode(one) for one in start[1]]
        if local:
            said["path"] = travel.search_path()
        for path in ship:
            self.link(path, os.path.abspath(path))
            self.shipped.append(path)
        self.folder.file(CALL + ".json", json.dumps(said, sort_keys=True).encode())
        with open(call.__file__, "rb") as file:
            text = file.read()
        # The program looks for imports, to find what it has to send along.
        lines = "".join("    import %s\n" % one for one in self.imported)
        text += ("\nif False:\n" + lines).encode() if lines else b""
        self.folder.file(CALL + ".py", text)
        self.words = ["--python", CALL + ".py:call"]
        for path in self.shipped:
            self.words += ["--ship", path]

    def put(self, function: Callable[..., Any], file: str) -> Dict[str, Any]:
        """Puts a function into the folder; how it is found there."""
        module, name = named(function)
        if module == "__mp_main__":
            travel.check_not_loading()
        if module is not None and name is not None:
            found = self.put_module(module)
            return {**found, "name": name}
        data = pickled(function)
        self.folder.file(file, data)
        self.shipped.append(file)
        for one in modules_in(data):
            self.put_module(one)
        spec = importlib.util.find_spec("cloudpickle")
        if spec is not None and spec.submodule_search_locations:
            self.link("cloudpickle", spec.submodule_search_locations[0])
            self.imported.append("cloudpickle")
        return {"pickled": file, "python": list(sys.version_info[:2])}

    def put_module(self, module: str) -> Dict[str, str]:
        """Puts a module into the folder, unless it is installed."""
        root, found = place(module)
        if root is not None:
            self.link_modules(root)
        if "main" in found:
            self.shipped.append(found["main"])
        else:
            self.imported.append(found["module"].partition(".")[0])
        return found

    def link(self, name: str, target: str) -> None:
        """Puts a link into the folder."""
        path = os.path.join(self.folder.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not os.path.lexists(path):
            os.symlink(os.path.abspath(target), path)

    def link_modules(self, root: str) -> None:
        """Puts links to the modules of a folder into it."""
        for entry in os.scandir(root):
            is_module = entry.name.endswith(".py") or entry.is_dir() and entry.name.isidentifier()
            if is_module and entry.name != "__pycache__":
                self.link(entry.name, entry.path)

    def inputs(self, paths: Sequence[str]) -> List[str]:
        """The words for inputs, which keep their names where they are relative."""
        found = []
        for path in paths:
            parts = os.path.normpath(path).split(os.sep)
            if os.path.isabs(path) or ".." in parts or parts[0] == ".":
                found.append(os.path.abspath(path))
            else:
                self.link(parts[0], parts[0])
                found.append(path)
        return self.folder.list(found)

    def environment(self) -> Dict[str, str]:
        """An environment in which `python3` is the interpreter that runs this."""
        folder = os.path.dirname(sys.executable)
        if not os.path.exists(os.path.join(folder, "python3")):
            folder = os.path.join(self.folder.path, ".bin")
            os.makedirs(folder, exist_ok=True)
            path = os.path.join(folder, "python3")
            with open(path, "w") as file:
                file.write('#!/bin/sh\nexec "%s" "$@"\n' % sys.executable)
            os.chmod(path, 0o755)
        return {**os.environ, "PATH": folder + os.pathsep + os.environ.get("PATH", os.defpath)}


def named(function: Callable[..., Any]) -> Tuple[Optional[str], Optional[str]]:
    """The module and the name of a function, if that is how it can be found again."""
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None)
    if module is None or name is None or "<" in name:
        return None, None
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not function or module in travel.MAINS and travel.main_script() is None:
        return None, None
    return module, name


def place(module: str) -> Tuple[Optional[str], Dict[str, str]]:
    """The folder with a module's file and how it is found there; no folder if it is installed."""
    if module in travel.MAINS:
        path = travel.main_script()
        assert path is not None
        return os.path.dirname(path), {"main": os.path.basename(path)}
    path = getattr(sys.modules[module], "__file__", None)
    if path is None or installed(path):
        return None, {"module": module}
    root = os.path.dirname(os.path.abspath(path))
    depth = module.count(".") + (os.path.basename(path) == "__init__.py")
    for _ in range(depth):
        root = os.path.dirname(root)
    return root, {"module": module}


def installed(path: str) -> bool:
    """Whether a module's file is of Python's library or of what pip has installed."""
    folders = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    path = os.path.abspath(path)
    return "site-packages" in path.split(os.sep) or any(
        path.startswith(folder + os.sep) for folder in folders if folder
    )


def modules_in(data: bytes) -> List[str]:
    """The modules that a pickle names, but for those that are installed."""
    found: List[str] = []
    for _, text, _ in pickletools.genops(data):
        if not isinstance(text, str):
            continue
        module = sys.modules.get(text)
        path = getattr(module, "__file__", None)
        if path and text not in found and text not in travel.MAINS and not installed(path):
            found.append(text)
    return found


def pickled(value: Any) -> bytes:
    """Something that no module has by a name."""
    return travel.by_value(value, TypeError("this function is not in a module by its name"))

"""Functions of a script go to a bag's workers with what they name, without cloudpickle."""

import builtins
import collections
import functools
import os.path
import pickle
import subprocess
import sys
import textwrap
import types

import pytest

from gristmill import scripted

SCRIPT = """
    import collections, functools, re, sys, xml.etree.ElementTree
    sys.modules["cloudpickle"] = None
    import gristmill as gm

    LIMIT = 3
    NUMBER = re.compile("[0-9]+")
    SEEN = {"first": "no"}

    def times(factor):
        return lambda item: item * factor

    def number(line, pattern=NUMBER, *, base=10):
        "Finds a number."
        return int(pattern.search(line)[0], base)

    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n > 0 and even(n - 1)

    def logged(function):
        @functools.wraps(function)
        def wrapper(*args):
            return (function.__name__, function(*args))
        return wrapper

    @logged
    def limited(n):
        return [k for k in range(n) if k < LIMIT]

    def parsed(line):
        return xml.etree.ElementTree.fromstring("<a>%s</a>" % line).text

    def seen(line):
        first, SEEN["first"] = SEEN["first"], "yes"
        return first

    def loaded(line):
        return "cloudpickle" in sys.modules, seen.__module__, number.__doc__

    if __name__ == "__main__":
        bag = gm.read_text(sys.argv[1])
        print(bag.map(number).map(times(3)).sum().compute())
        print(bag.map(number).filter(even).frequencies().compute())
        print(bag.map(number).map(limited).take(5)[4])
        print(bag.map(parsed).frequencies().count().compute(), bag.map(seen).compute())
        print(bag.map(number, base=16).map(lambda n: n + LIMIT).max().compute())
        print(set(bag.map(loaded).compute()))
"""


def test_a_script_without_cloudpickle(tmp_path):
    (tmp_path / "lines").write_text("".join("%d\n" % n for n in range(12)))
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    command = [sys.executable, str(script), str(tmp_path / "lines")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "198",
        "[(0, 1), (10, 1), (2, 1), (4, 1), (6, 1), (8, 1)]",
        "('limited', [0, 1, 2])",
        "12 ['no'%s]" % (", 'yes'" * 11),
        "20",
        "{(False, '__main__', 'Finds a number.')}",
    ]


def made(text, **names):
    """A function `f` of a script."""
    space = {"__name__": "__main__", "__builtins__": builtins, **names}
    exec(textwrap.dedent(text), space)
    return space["f"]


def there_and_back(function):
    return pickle.loads(scripted.dumps(function))


def test_what_a_function_names_goes_with_it_and_nothing_else():
    big = object()  # of the same name as an attribute
    f = made("def f(x): return x.real + len(names) + y()\ndef y(): return z\nz = 5", names=[1], real=big)
    found = there_and_back(f)
    assert found(2) == 8
    assert "real" not in found.__globals__
    assert found.__globals__["y"].__globals__["z"] == 5
    f = made("def f(x): return os.path.basename(x), [collections.Counter(x) for _ in (1,)]",
             os=os, collections=collections)  # fmt: skip
    assert there_and_back(f)("a/b") == ("b", [collections.Counter("a/b")])


def test_a_function_that_names_itself_inside_another_and_a_generator():
    f = made(
        """
        def around():
            def inner(n):
                return n * inner(n - 1) if n else 1
            def items(n):
                yield from map(inner, range(n))
            items.limit = 7
            return items
        f = around()
        """
    )
    found = there_and_back(f)
    assert (list(found(5)), found.limit) == ([1, 1, 2, 6, 24], 7)
    assert found.__qualname__ == "around.<locals>.items"
    assert there_and_back(functools.partial(f, 3)).func(2).__next__() == 1


@pytest.mark.parametrize(
    "text",
    [
        "class K: pass\nf = lambda x: K()",
        "class K: pass\nk = K()\nf = lambda x: k",
        "n = 0\ndef f(x):\n    global n\n    n += 1",
        "def around():\n    n = 0\n    def inner(x):\n        nonlocal n\n        n += 1\n    return inner\nf = around()",
        "def f(x): return globals()['x']",
        "def f(x): return eval(x)",
        "def f(x):\n    import __main__\n    return __main__.n",
        "import threading\nlock = threading.Lock()\nf = lambda x: lock",
        "import functools\n@functools.lru_cache()\ndef g(x): return x\nf = lambda x: g(x)",
    ],
)
def test_what_only_others_can_take_is_refused(text):
    f = made(text)
    if "lru_cache" in text:
        f.__globals__["g"].__module__ = "__main__"
    with pytest.raises(Exception):
        scripted.dumps(f)


def test_functions_of_modules_go_by_their_names():
    assert scripted.dumps(os.path.basename) == pickle.dumps(os.path.basename, pickle.HIGHEST_PROTOCOL)
    assert b"basename" in scripted.dumps(os.path.basename)
    assert there_and_back(types) is types

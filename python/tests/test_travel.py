"""What a script defines travels to a bag's workers and back, with cloudpickle and without."""

import os
import subprocess
import sys
import textwrap

import pytest

import gristmill as gm
from gristmill import call

SCRIPT = """
    import collections, sys, threading
    if sys.argv[2] == "without":
        sys.modules["cloudpickle"] = None
    import gristmill as gm

    Pair = collections.namedtuple("Pair", "line length")
    LOCK = LOCK_OR_NONE

    class Key:
        def __init__(self, value):
            self.value = value
        def __hash__(self):
            return hash(self.value)
        def __eq__(self, other):
            return isinstance(other, Key) and self.value == other.value

    class Text(str):
        pass

    def pair(line):
        assert LOCK is None or LOCK.acquire() is None or not LOCK.release()
        return Pair(line, len(line))

    def key(line):
        return Key(len(line))

    def length(one):
        return one.length

    def text(line):
        return Text("even") if len(line) % 2 else "even"

    def work():
        bag = gm.read_text(sys.argv[1], chunk_size="4KiB", threads=2)
        found = bag.map(pair).compute()
        assert all(type(one) is Pair for one in found)
        print(len(found), found[1].length)
        print(type(bag.map(pair).take(1)[0]) is Pair, bag.map(pair).topk(1, key=length).count().compute())
        print(sorted((one.value, number) for one, number in bag.map(key).frequencies()))
        print([one.value for one in bag.map(key).distinct(key=type)])
        print(dict(bag.map(text).frequencies()), len(bag.map(text).distinct().compute()))

    GUARD
        work()
"""
LINES = "".join("%s\n" % ("x" * (n % 3)) for n in range(6000))
SAID = """6000 2
True 1
[(1, 2000), (2, 2000), (3, 2000)]
[1]
{'even': 6000} 1
"""


def run(tmp_path, cloudpickle, guard, lock="None"):
    (tmp_path / "lines").write_text(LINES)
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT).replace("GUARD", guard).replace("LOCK_OR_NONE", lock))
    command = [sys.executable, str(script), str(tmp_path / "lines"), cloudpickle]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)


@pytest.mark.parametrize(
    "cloudpickle,guard,lock",
    [
        ("with", "if __name__ == '__main__':", "None"),
        ("with", "if True:", "None"),
        # What cloudpickle cannot take is there when the script is loaded.
        ("with", "if __name__ == '__main__':", "threading.Lock()"),
        ("without", "if __name__ == '__main__':", "None"),
    ],
)
def test_results_of_classes_of_a_script(tmp_path, cloudpickle, guard, lock):
    done = run(tmp_path, cloudpickle, guard, lock)
    assert (done.stdout, done.returncode) == (SAID, 0), done.stderr


def test_a_script_that_its_workers_would_begin_again(tmp_path):
    # The error was that a function is not there.
    done = run(tmp_path, "without", "if True:")
    assert done.returncode == 1
    assert "put that below `if __name__ ==" in done.stderr
    script = tmp_path / "script.py"
    script.write_text("import sys, gristmill\ndef same(line):\n    return line\n"
                      "print(list(gristmill.submit(same, sys.argv[1]).open()))\n")  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "lines")], stderr=subprocess.PIPE, text=True, timeout=300
    )
    assert done.returncode == 1
    assert "put that below `if __name__ ==" in done.stderr


SPAWNING = """
    import multiprocessing, sys
    import gristmill as gm

    class Key:
        def __init__(self, value):
            self.value = value

    def upper(line):
        return line.upper()

    def key(line):
        return Key(line[0])

    def work(queue):
        bag = gm.read_text(sys.argv[1])
        for function in (upper, key, lambda line: Key(line[0])):
            try:
                found = bag.map(function).take(1)[0]
                queue.put(getattr(found, "value", found))
            except Exception as error:
                queue.put(str(error))
        queue.put([result.value for result in gm.submit(upper, sys.argv[1]).open()])

    if __name__ == "__main__":
        context = multiprocessing.get_context("spawn")
        queue = context.SimpleQueue()
        process = context.Process(target=work, args=(queue,))
        process.start()
        bagged, keyed, _, submitted = [queue.get() for _ in range(4)]
        print(bagged, keyed, submitted)
        process.join()
"""


def test_a_bag_of_a_process_that_was_spawned(tmp_path):
    # There the script has another name.
    (tmp_path / "lines").write_text("a\n")
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SPAWNING))
    command = [sys.executable, str(script), str(tmp_path / "lines")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    assert (done.stdout, done.returncode) == ("A\n a ['A']\n", 0), done.stderr


def test_modules_of_the_current_folder(tmp_path):
    (tmp_path / "module.py").write_text("def size(line):\n    return len(line)\n")
    (tmp_path / "lines").write_text("a\n" * 10)
    code = (
        "import gristmill, module; print(gristmill.read_text('lines').map(module.size).sum().compute());"
        "late = lambda line: __import__('module').size(line);"
        "print(sum(result.value for result in gristmill.submit(late, 'lines').open()))"
    )
    env = {**os.environ, "PYTHONSAFEPATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=str(tmp_path), env=env, stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout == "20\n10\n"


def test_the_package_loads_what_is_used():
    assert gm._WORKER == call.WORKER
    assert set(gm._MODULES) | {"count"} == set(gm.__all__) <= set(dir(gm))
    for name in gm.__all__:
        assert getattr(gm, name) is not None
    script = "import sys, gristmill.bagworker; assert 'multiprocessing' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)

"""Children that functions fork and come back in: they end, and a worker answers once."""

import multiprocessing
import os
import subprocess
import sys
import textwrap

import pytest

import gristmill as gm
from gristmill import binary

# The worker that is in the program: these tests run with an interpreter of their own.
WORKER = os.path.join(os.path.dirname(__file__), "../../mapper/src/engine/kinds/exec/worker.py")
COUNT = 1000
WAYS = ["return", "exit", "raise"]


def forks(x, way, wait):
    """Forks at every hundredth item; the child comes back."""
    if int(x) % 100 == 50:
        pid = os.fork()
        if pid == 0:
            if way == "exit":
                sys.exit(0)
            if way == "raise":
                raise ValueError("in the child")
            return x
        if wait:
            _, status = os.waitpid(pid, 0)
            assert os.WEXITSTATUS(status) == (way == "raise"), status
    return x


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    path = tmp_path_factory.mktemp("forked") / "numbers.txt"
    path.write_text("".join("%d\n" % n for n in range(COUNT)))
    return path


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_in_a_pool(way, wait):
    with gm.Pool(2) as pool:
        items = [(n, way, wait) for n in range(COUNT)]
        assert pool.starmap(forks, items) == list(range(COUNT))
        assert pool.apply(forks, (50, way, wait)) == 50


def nested(x):
    with gm.Pool(1) as pool:
        with multiprocessing.Pool(1) as other:
            return pool.map(abs, [x]) + other.map(abs, [x])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_in_a_worker(method):
    with gm.Pool(2, context=multiprocessing.get_context(method)) as pool:
        assert pool.map(nested, range(-4, 0)) == [[x, x] for x in range(4, 0, -1)]


def begins(way):
    forks(50, way, True)


@pytest.mark.parametrize("way", WAYS)
def test_in_an_initializer(way):
    with gm.Pool(2, begins, (way,)) as pool:
        assert pool.map(abs, range(10)) == list(range(10))


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_in_a_bag(numbers, way, wait):
    bag = gm.read_text(numbers, line_ends=False).map(forks, way, wait)
    assert bag.compute() == [str(n) for n in range(COUNT)]
    assert dict(bag.map(int).frequencies().compute()) == dict.fromkeys(range(COUNT), 1)


def test_a_child_has_the_item_in_hand_only(numbers, tmp_path):
    def marked(line):
        if line == "0" and (pid := os.fork()):
            os.waitpid(pid, 0)
        with open(tmp_path / "calls", "a") as file:
            file.write(line + "\n")
        return line

    assert len(gm.read_text(numbers, line_ends=False).map(marked).compute()) == COUNT
    assert len((tmp_path / "calls").read_text().split()) == COUNT + 1


SCRIPT = """
    import os, sys

    def forks(line):
        if line.endswith("50"):
            pid = os.fork()
            if pid == 0:
                {way}
            elif {wait}:
                os.waitpid(pid, 0)
        with open({calls!r}, "a") as file:
            file.write(line + chr(10))
        return line

    def pairs(line):
        return (forks(line), 1)

    def reduced(key, values):
        return forks(key)
"""
CHILDS = ["return line", "sys.exit(0)", "raise ValueError(line)", "pass"]


def run(tmp_path, *words):
    command = [binary.find(), "run", "exec", "--quiet", "-o", "-", *words]
    done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("way", CHILDS)
def test_in_the_worker_of_the_program(numbers, tmp_path, way, wait):
    (tmp_path / "f.py").write_text(textwrap.dedent(SCRIPT).format(way=way, wait=wait, calls=str(tmp_path / "calls")))
    worker = ["--", sys.executable, os.path.abspath(WORKER), str(tmp_path / "f.py")]
    lines = [str(n) for n in range(COUNT)]
    forked = sum(line.endswith("50") for line in lines)
    assert run(tmp_path, "--worker", str(numbers), *worker, "forks") == lines
    calls = (tmp_path / "calls").read_text().split()
    most = COUNT + (forked if way == "pass" else 0)
    # The end of the job may find children that nobody waits for before they call.
    assert (most if wait else COUNT) <= len(calls) <= most


@pytest.mark.parametrize("way", CHILDS[:3])
def test_in_a_reducer_of_the_program(numbers, tmp_path, way):
    (tmp_path / "f.py").write_text(textwrap.dedent(SCRIPT).format(way=way, wait=True, calls=str(tmp_path / "calls")))
    command = [sys.executable, os.path.abspath(WORKER), "--reduce", str(tmp_path / "f.py"), "reduced"]
    lines = ["%d\t1\n" % n for n in range(COUNT)]
    done = subprocess.run(command, input="".join(lines), stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.splitlines() == [str(n) for n in range(COUNT)]


def test_in_a_gateway():
    group = gm.Group()
    try:
        gateway = group.makegateway("popen")
        source = """
            import os, sys
            if os.fork() == 0:
                sys.exit(0)
            os.wait()
            channel.send(channel.receive() + 1)
        """
        for _ in range(2):
            channel = gateway.remote_exec(textwrap.dedent(source))
            channel.send(1)
            assert channel.receive(timeout=30) == 2
            channel.waitclose(timeout=30)
    finally:
        group.terminate(timeout=5)

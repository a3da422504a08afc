"""Workers may die, and pools may end in any way: nothing hangs, and nothing is left running."""

import functools
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import gristmill as gm


def until(what, seconds=30):
    """Waits until something holds."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.01)


def alive(pid):
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pid(_=None):
    return os.getpid()


def dies_once(folder, x):
    """Kills its worker at item 30, the first time."""
    path = os.path.join(folder, "died")
    if x == 30 and not os.path.exists(path):
        open(path, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def dies_at_seven(x):
    if x == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def leaves_at_seven(x):
    if x == 7:
        os._exit(9)
    return x


def begins(folder, seconds):
    open(os.path.join(folder, str(os.getpid())), "w").close()
    time.sleep(seconds)


@pytest.mark.parametrize("chunksize", [1, 10])
@pytest.mark.parametrize("method", ["map", "imap", "imap_unordered", "starmap"])
def test_a_worker_that_is_killed_costs_nothing(tmp_path, method, chunksize):
    with gm.Pool(2) as pool:
        function = functools.partial(dies_once, str(tmp_path))
        items = [(n,) for n in range(100)] if method == "starmap" else range(100)
        results = getattr(pool, method)(function, items, chunksize)
        assert sorted(results) == list(range(100))
    assert (tmp_path / "died").exists()


def test_a_call_whose_worker_is_killed(tmp_path):
    with gm.Pool(1) as pool:
        assert pool.apply(dies_once, (str(tmp_path), 30)) == 30


def test_workers_that_are_killed_from_outside():
    with gm.Pool(2) as pool:
        it = pool.imap(functools.partial(slowly, 0.001), range(1500))
        got = []
        for result in it:
            got.append(result)
            if result in (200, 600, 1000):
                os.kill(pool._minders[result % 2].worker.process.pid, signal.SIGKILL)
        assert got == list(range(1500))


def slowly(wait, x):
    time.sleep(wait)
    return x


def test_idle_workers_that_are_killed():
    with gm.Pool(2) as pool:
        assert pool.map(pid, range(4))
        for minder in pool._minders:
            os.kill(minder.worker.process.pid, signal.SIGKILL)
            minder.worker.process.join()
        assert pool.map(slowly_again, range(10)) == list(range(10))


def slowly_again(x):
    return x


@pytest.mark.parametrize(
    "function,how", [(dies_at_seven, r"by signal 9 \(SIGKILL\)"), (leaves_at_seven, "exit code 9")]
)
def test_an_item_that_kills_every_worker_fails_alone(function, how):
    with gm.Pool(2) as pool:
        it = pool.imap(function, range(200), chunksize=20)
        got = []
        while len(got) < 200:
            try:
                got.append(next(it))
            except gm.WorkerLost as error:
                got.append(error)
        assert got[:7] + got[8:] == [*range(7), *range(8, 200)]
        assert isinstance(got[7], gm.WorkerLost)
        with pytest.raises(gm.WorkerLost, match=how):
            pool.apply(function, (7,))


def test_terminate_ends_at_once(tmp_path):
    pool = gm.Pool(2)
    results = pool.map_async(functools.partial(begins, str(tmp_path)), [600] * 10_000, chunksize=1)
    it = pool.imap(functools.partial(begins, str(tmp_path)), [600])
    until(lambda: len(list(tmp_path.iterdir())) == 2)
    begun = time.monotonic()
    pool.terminate()
    pool.join()
    assert time.monotonic() - begun < 20
    assert not any(alive(int(path.name)) for path in tmp_path.iterdir())
    # multiprocessing waits for ever.
    with pytest.raises(gm.PoolEnded):
        results.get(timeout=10)
    with pytest.raises(gm.PoolEnded):
        it.next(timeout=10)


def test_terminate_ends_what_will_not(tmp_path):
    pool = gm.Pool(1)
    pool.apply_async(stubborn, (str(tmp_path),))
    until(lambda: (tmp_path / "ready").exists())
    children = [int(name) for name in (tmp_path / "ready").read_text().split()]
    assert all(map(alive, children))
    pool.terminate()
    pool.join()
    until(lambda: not any(map(alive, children)))


def stubborn(folder):
    """Starts a program, and neither of them follows SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    started = subprocess.Popen(["sleep", "600"])
    with open(os.path.join(folder, "tmp"), "w") as file:
        file.write("%d %d" % (os.getpid(), started.pid))
    os.rename(os.path.join(folder, "tmp"), os.path.join(folder, "ready"))
    time.sleep(600)


SCRIPT = """
import os, subprocess, sys, time
import gristmill as gm

def work(n):
    child = subprocess.Popen(["sleep", "600"])
    with open(os.path.join(sys.argv[1], str(os.getpid())), "w") as file:
        file.write(str(child.pid))
    time.sleep(600)

if __name__ == "__main__":
    with gm.Pool(2) as pool:
        WAIT
"""

WAYS = {
    "map": "pool.map(work, range(10))",
    "get": "pool.map_async(work, range(10)).get()",
    "wait": "pool.apply_async(work, (1,)); pool.apply_async(work, (2,)).wait()",
    "imap": "next(pool.imap(work, range(10)))",
    "fed": "next(pool.imap_unordered(work, iter(range(10))))",
    "join": "pool.map_async(work, range(10)); pool.close(); pool.join()",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how", ["group", "one", "SIGKILL", "SIGTERM"])
def test_an_interrupt_leaves_nothing_running(tmp_path, way, how):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT).replace("WAIT", WAYS[way]))
    folder = tmp_path / "pids"
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder)], stderr=subprocess.PIPE, start_new_session=True
    )
    until(lambda: sum(bool(path.read_text()) for path in folder.iterdir()) == 2)
    pids = [int(path.name) for path in folder.iterdir()]
    pids += [int(path.read_text()) for path in folder.iterdir()]
    if how == "group":  # as the terminal does it
        os.killpg(process.pid, signal.SIGINT)
    elif how == "one":
        os.kill(process.pid, signal.SIGINT)
    else:
        os.kill(process.pid, signal.Signals[how])
    _, stderr = process.communicate(timeout=30)
    if how in ("group", "one"):
        assert stderr.count(b"KeyboardInterrupt") == 1, stderr.decode()
        assert process.returncode in (130, -signal.SIGINT)
    until(lambda: not any(map(alive, pids)))


def test_a_script_that_does_not_end_its_pool(tmp_path):
    script = """
        import os, time, gristmill as gm
        def pid(_):
            return os.getpid()
        if __name__ == "__main__":
            pool = gm.Pool(2)
            print(*pool.map(pid, range(10)))
            pool.apply_async(time.sleep, (600,))
    """
    # A file: Python 3.14 does not fork, and no other process finds what `-c` defines.
    (tmp_path / "script.py").write_text(textwrap.dedent(script))
    command = [sys.executable, "-W", "ignore", str(tmp_path / "script.py")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    assert len(done.stdout.split()) == 10
    assert not any(alive(int(one)) for one in done.stdout.split())


def test_a_pool_as_an_attribute_of_a_global():
    # The interpreter's end finds it in any order.
    script = """
        import gristmill as gm
        class Holder:
            def __init__(self):
                self.pool = gm.Pool(1)
        if __name__ == "__main__":
            holder = Holder()
            holder.pool.map(float, range(10))
    """
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


LEFT = """
    import itertools, os, sys, gristmill as gm
    if __name__ == "__main__":
        pool = gm.Pool(2)
        results = pool.imap(abs, itertools.count() if sys.argv[1] == "fed" else range(10 ** 9))
        print(next(results))
        if sys.argv[1] == "fork":
            gateway = gm.makegateway()
            channel = gateway.remote_exec("channel.send(channel.receive())")
            forked = os.fork()
            if forked == 0:
                sys.exit(0)
            os.waitpid(forked, 0)
            channel.send(next(results))
            assert channel.receive() == 1
        if sys.argv[1] == "error":
            raise RuntimeError("of the script")
"""


@pytest.mark.parametrize("how", ["fed", "pulled", "fork", "error"])
def test_results_that_are_left_at_the_end(how):
    # Before Python 3.12 a thread that is started while the interpreter ends is waited for, for ever.
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(LEFT), how]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert done.stdout == b"0\n"
    assert done.returncode == (1 if how == "error" else 0), done.stderr.decode()
    if how in ("fed", "pulled"):
        assert done.stderr == b""


AGAIN = """
    import os, signal, sys, time, gristmill as gm
    def told(*_):
        open(os.path.join(sys.argv[1], "told"), "w").close()
    def work(n):
        signal.signal(signal.SIGTERM, told)
        open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
        while True:
            time.sleep(600)
    if __name__ == "__main__":
        with gm.Pool(2) as pool:
            pool.map(work, range(10), chunksize=1)
"""


def test_an_interrupt_while_workers_are_ended(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(AGAIN))
    folder = tmp_path / "pids"
    folder.mkdir()
    process = subprocess.Popen([sys.executable, str(script), str(folder)], stderr=subprocess.PIPE)
    until(lambda: len(list(folder.iterdir())) == 2)
    pids = [int(path.name) for path in folder.iterdir()]
    process.send_signal(signal.SIGINT)
    until(lambda: (folder / "told").exists())
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode in (130, -signal.SIGINT), stderr.decode()
    until(lambda: not any(map(alive, pids)))


LINGERS = """
    import os, sys, threading, time, gristmill as gm
    def stay():
        threading.main_thread().join()
        open(sys.argv[1], "w").close()
        time.sleep(600)
    def work():
        threading.Thread(target=stay).start()
        return os.getpid()
    if __name__ == "__main__":
        pool = gm.Pool(1)
        print(pool.apply(work))
        pool.close()
        while not os.path.exists(sys.argv[1]):
            time.sleep(0.01)
        pool.terminate()
        pool.join()
"""


def test_a_worker_that_does_not_end_when_the_pool_is_closed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(LINGERS))
    command = [sys.executable, str(script), str(tmp_path / "ending")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert not alive(int(done.stdout))

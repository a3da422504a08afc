"""How pools begin and end, and what they hold."""

import functools
import gc
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings
import weakref

import pytest
from calls import Counted, fails, get_global, pid, same, set_global, slow_pid, square

import gristmill as gm


class Index:
    """As a number of numpy's."""

    def __index__(self):
        return 2


def test_numbers_of_workers():
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="at least 1"):
            gm.Pool(wrong)
    with pytest.raises(TypeError, match="integer"):
        gm.Pool(1.5)
    with gm.Pool(Index()) as pool:
        assert pool.map(square, range(3)) == [0, 1, 4]
    for wrong in (0, -1, 0.5, "12"):
        with pytest.raises(ValueError, match="maxtasksperchild"):
            gm.Pool(2, maxtasksperchild=wrong)
    with pytest.raises(TypeError, match="callable"):
        gm.Pool(2, initializer=7)
    with pytest.raises(ValueError, match="Chunksize"):
        with gm.Pool(1) as pool:
            pool.imap(square, [1], chunksize=0)
    with gm.Pool() as pool:
        seen = set(pool.map(functools.partial(slow_pid, 0.2), range(8), chunksize=1))
        assert 1 <= len(seen) <= len(os.sched_getaffinity(0))


def test_both_workers_work():
    with gm.Pool(2) as pool:
        assert len(set(pool.map(functools.partial(slow_pid, 0.2), range(6)))) == 2


def test_pool_is_up_soon():
    begun = time.monotonic()
    with gm.Pool(2) as pool:
        assert pool.apply(square, (2,)) == 4
        assert time.monotonic() - begun < 2  # 0.03 s on a machine with nothing else to do


def test_initializer():
    with gm.Pool(2, set_global, ("told",)) as pool:
        assert set(pool.map(get_global, range(10))) == {"told"}


def test_an_initializer_that_fails_is_told():
    # multiprocessing starts workers for ever.
    with gm.Pool(2, fails) as pool:
        with pytest.raises(KeyError):
            pool.map(square, range(4))
        with pytest.raises(KeyError):
            next(pool.imap(square, range(4)))
        with pytest.raises(KeyError):
            pool.apply(square, (1,))


def test_workers_are_replaced_after_their_tasks():
    with gm.Pool(2, maxtasksperchild=10) as pool:
        results = [pool.apply_async(pid) for _ in range(100)]
        pids = [result.get(timeout=30) for result in results]
        assert max(pids.count(one) for one in pids) == 10
    pool = gm.Pool(2, maxtasksperchild=1)
    results = [pool.apply_async(square, (i, 0.01)) for i in range(6)]
    pool.close()
    pool.join()
    assert [result.get() for result in results] == [i * i for i in range(6)]


def test_close_and_join():
    pool = gm.Pool(2)
    with pytest.raises(ValueError, match="still running"):
        pool.join()
    results = [pool.apply_async(square, (i, 0.01)) for i in range(10)]
    it = pool.imap(square, range(200_000))
    fed = pool.imap_unordered(square, iter(range(100_000)))
    pool.close()
    for call in (
        lambda: pool.apply(square, (1,)),
        lambda: pool.map(square, [1]),
        lambda: pool.imap(square, [1]),
        lambda: pool.__enter__(),
    ):
        with pytest.raises(ValueError, match="not running"):
            call()
    pool.join()
    # What was asked for before is there, taken or not.
    assert [result.get(timeout=0) for result in results] == [i * i for i in range(10)]
    assert list(it) == [i * i for i in range(200_000)]
    assert sorted(fed) == [i * i for i in range(100_000)]
    pool.join()
    pool.close()
    pool.terminate()


def test_context():
    with gm.Pool(2) as pool:
        result = pool.map_async(square, range(10))
        assert result.get() == [x * x for x in range(10)]
    pool.join()
    with pytest.raises(ValueError, match="not running"):
        pool.map_async(square, range(10))
    with pytest.raises(ValueError, match="not running"):
        with pool:
            pass


def test_a_pool_lives_as_long_as_its_results():
    result = gm.Pool(1).map_async(functools.partial(square, 3), [0.2])
    gc.collect()
    assert result.get(timeout=30) == [9]


def test_a_pool_that_was_forgotten_says_so():
    pool = gm.Pool(1)
    workers = [minder.worker.process.pid for minder in pool._minders]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        del pool
        gc.collect()
    assert [one.category for one in said if "pool" in str(one.message)] == [ResourceWarning]
    said.clear()  # the warning holds the pool
    gc.collect()
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def test_pools_are_not_pickled(pool):
    with pytest.raises(NotImplementedError):
        pickle.dumps(pool)


def test_items_and_results_are_let_go(pool):
    things = [Counted() for _ in range(10)]
    references = [weakref.ref(thing) for thing in things]
    pool.map(same, things)
    del things
    gc.collect()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(reference() for reference in references):
        gc.collect()
    assert {reference() for reference in references} == {None}
    assert Counted.count == 0


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_start_methods(method):
    with gm.Pool(2, set_global, ("told",), context=multiprocessing.get_context(method)) as pool:
        assert pool.map(square, range(100)) == [x * x for x in range(100)]
        assert pool.apply(get_global) == "told"


def test_many_calls(pool):
    results = [pool.apply_async(square, (n,)) for n in range(3000)]
    assert [result.get(timeout=60) for result in results] == [n * n for n in range(3000)]


def uses_the_pool_of_its_parent(_):
    return PARENTS[0].map(square, [1])


PARENTS = []


def test_a_forked_process_is_told_that_the_pool_is_not_its_own():
    # It would wait for ever.
    with gm.Pool(1) as theirs:
        PARENTS[:] = [theirs]
        with gm.Pool(1, context=multiprocessing.get_context("fork")) as pool:
            with pytest.raises(RuntimeError, match="make another one here"):
                pool.apply_async(uses_the_pool_of_its_parent, (1,)).get(60)
        PARENTS.clear()
        assert theirs.map(square, [2]) == [4]


def taken_by_threads(results, count):
    """What several threads take of one iterator, each slower than results come."""
    taken = []

    def take():
        for result in results:
            taken.append(result)
            if result % 50 == 0:
                time.sleep(0.001)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(taken) == list(range(count))


@pytest.mark.parametrize("way", ["imap", "imap_unordered"])
def test_several_threads_take_from_one_iterator(pool, way):
    # A thread that opened a part threw that of another thread away.
    for items in (range(20_000), iter(range(20_000))):
        taken_by_threads(getattr(pool, way)(int, items), 20_000)


def test_ctrl_c_while_somebody_waits_is_not_the_end_of_the_results(pool):
    # As in a notebook, where the loop is begun again.
    go = threading.Event()
    results = pool.imap(int, iter(lambda: go.wait() and 1, 2))
    main = threading.main_thread().ident
    with pytest.raises(KeyboardInterrupt):
        threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT)).start()
        next(results)
    go.set()
    assert [next(results) for _ in range(5)] == [1] * 5


def test_a_thread_waits_no_longer_than_it_says_while_another_waits(pool):
    go = threading.Event()
    results = pool.imap(int, iter(lambda: go.wait() and 1, 1))
    waiting = threading.Thread(target=lambda: list(results))
    waiting.start()
    with pytest.raises(gm.TimeoutError):
        results.next(timeout=0.05)
    go.set()
    waiting.join(30)
    assert not waiting.is_alive()


def test_several_threads_use_one_pool(pool):
    found = {}

    def work(n):
        found[n] = (sum(pool.imap(square, range(n))), pool.map(square, range(n))[-1])

    threads = [threading.Thread(target=work, args=(1000 + n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == {n: (sum(x * x for x in range(n)), (n - 1) ** 2) for n in range(1000, 1006)}


def end_at_once():
    os._exit(5)


def test_workers_that_end_before_they_begin_end_the_pool():
    # multiprocessing starts them for ever.
    with gm.Pool(2, end_at_once) as pool:
        with pytest.raises(gm.PoolEnded, match="3 workers ended before they could begin.*exit code 5"):
            pool.map(square, range(1000))
        with pytest.raises(gm.PoolEnded, match="before they could begin"):
            list(pool.imap(square, range(4)))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_functions_of_an_interactive_session(method):
    pytest.importorskip("cloudpickle")
    session = """
import gristmill as gm, multiprocessing
pool = gm.Pool(2, context=multiprocessing.get_context("METHOD")) if "METHOD" != "fork" else None
def double(x): return 2 * x
pool = pool or gm.Pool(2, context=multiprocessing.get_context("METHOD"))
print(pool.map(double, range(3)), list(pool.imap(double, [4])), pool.apply(double, (5,)))
pool.terminate()
"""
    done = subprocess.run(
        [sys.executable, "-c", session.replace("METHOD", method)], stdout=subprocess.PIPE, text=True, timeout=60
    )
    assert done.stdout == "[0, 2, 4] [8] 10\n"


def test_a_callback_that_ends_the_pool_has_its_result():
    pool, ended = gm.Pool(2), threading.Event()

    def end(_):
        pool.terminate()
        pool.join()
        ended.set()

    result = pool.apply_async(square, (3,), callback=end)
    assert ended.wait(30)
    assert result.get(timeout=30) == 9
    pool.join()


def test_pools_leave_no_files_open():
    def once():
        with gm.Pool(2) as pool:
            assert pool.map(square, range(3)) == [0, 1, 4]
        pool.join()

    once()
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(10):
        once()
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= len(before)

"""`Pool` keeps the contracts of multiprocessing's: order, exceptions, timeouts, the end."""

import functools
import gc
import itertools
import multiprocessing
import operator
import os
import pickle
import random
import sys
import threading
import time
import warnings
import weakref
from multiprocessing.pool import RemoteTraceback

import pytest

import gristmill as gm


def square(x=0, wait=0.0):
    time.sleep(wait)
    return x * x


def fails(_=None):
    raise KeyError("key")  # here it is


def fails_at_seven(x):
    if x == 7:
        raise ValueError("seven", x)
    return x


def unreadable(_=None):
    return lambda: 42


class Demanding(Exception):
    """Cannot be pickled and read again: it wants two arguments."""

    def __init__(self, one, two):
        super().__init__(one)


def demands(_):
    raise Demanding(1, 2)


def same(x):
    return x


def leave(code):
    sys.exit(code)


KEPT = []


def keep(x):
    KEPT.append(x)
    return KEPT


def set_global(value):
    global GLOBAL
    GLOBAL = value


def get_global(_=None):
    return GLOBAL


def pid(_=None):
    return os.getpid()


class SayWhen(Exception):
    pass


def numbers_until(total, when):
    if when == -1:
        raise SayWhen("at once")
    for i in range(total):
        if i == when:
            raise SayWhen("somewhere")
        yield i


@pytest.fixture(scope="module")
def pool():
    with gm.Pool(3) as pool:
        yield pool


def test_apply(pool):
    assert pool.apply(square, (5,)) == 25
    assert pool.apply(square, (), {"x": 3}) == 9
    assert pool.apply(operator.add, ("a", "b")) == "ab"


def test_map_keeps_the_order(pool):
    assert pool.map(square, range(10)) == [x * x for x in range(10)]
    assert pool.map(square, list(range(1000)), chunksize=20) == [x * x for x in range(1000)]
    assert pool.map(square, (x for x in range(100_000))) == [x * x for x in range(100_000)]
    assert pool.map(square, {1, 2, 3}) == [1, 4, 9]


def test_starmap(pool):
    pairs = list(zip(range(100), range(99, -1, -1)))
    expected = list(itertools.starmap(operator.mul, pairs))
    assert pool.starmap(operator.mul, pairs) == expected
    assert pool.starmap(operator.mul, pairs, chunksize=20) == expected
    assert pool.starmap_async(operator.mul, pairs).get() == expected


def test_nothing(pool):
    assert pool.map(square, []) == []
    assert list(pool.imap(square, [])) == []
    assert list(pool.imap(square, iter([]))) == []
    assert list(pool.imap_unordered(square, [])) == []
    assert pool.map_async(square, []).get(timeout=10) == []
    assert pool.starmap(square, []) == []


def test_callbacks(pool):
    said = []
    call = functools.partial(pool.map_async, callback=said.append, error_callback=said.append)
    call(int, ["1"]).wait()
    assert said == [[1]]
    call(int, ["a"]).wait()
    assert isinstance(said[1], ValueError)
    pool.apply_async(square, (3,), callback=said.append).wait()
    assert said[2] == 9
    pool.apply_async(fails, error_callback=said.append).wait()
    assert isinstance(said[3], KeyError)


def test_a_callback_that_fails_holds_nothing_up(pool, monkeypatch):
    told = []
    monkeypatch.setattr(threading, "excepthook", lambda args: told.append(args.exc_type))
    result = pool.apply_async(square, (3,), callback=lambda _: 1 / 0)
    assert result.get(timeout=10) == 9
    assert pool.apply(square, (4,)) == 16
    assert told == [ZeroDivisionError]


def test_the_result_that_is_awaited(pool):
    result = pool.apply_async(square, (7, 0.3))
    with pytest.raises(ValueError, match="not ready"):
        result.successful()
    begun = time.monotonic()
    with pytest.raises(multiprocessing.TimeoutError):
        result.get(timeout=0.05)
    assert not result.ready()
    assert result.get() == 49
    assert 0.2 < time.monotonic() - begun < 5
    assert result.ready() and result.successful()
    result = pool.apply_async(fails)
    result.wait(10)
    assert result.ready() and not result.successful()


def test_imap(pool):
    assert list(pool.imap(square, list(range(10)))) == [x * x for x in range(10)]
    it = pool.imap(square, range(10))
    for i in range(10):
        assert next(it) == i * i
    for _ in range(2):
        with pytest.raises(StopIteration):
            next(it)
    for size in (1, 7, 100):
        for items in (range(5000), iter(range(5000)), [*range(5000)]):
            results = list(pool.imap(square, items, chunksize=size))
            assert results == [x * x for x in range(5000)]
    assert iter(it) is it


def test_imap_unordered(pool):
    expected = [x * x for x in range(3000)]
    assert sorted(pool.imap_unordered(square, range(3000))) == expected
    assert sorted(pool.imap_unordered(square, iter(range(3000)), chunksize=100)) == expected


def test_imap_unordered_gives_what_is_there():
    with gm.Pool(2) as pool:
        it = pool.imap_unordered(functools.partial(square, 3), [60, 0.0])
        assert next(it) == 9  # the second one: the first sleeps for a minute


def test_next_with_a_timeout(pool):
    it = pool.imap(functools.partial(square, 3), [0.4, 0])
    with pytest.raises(multiprocessing.TimeoutError):
        it.next(timeout=0.02)
    assert it.next(timeout=30) == 9  # nothing was lost
    assert it.next() == 9
    with pytest.raises(StopIteration):
        it.next(timeout=1)


def test_a_million_lines(tmp_path):
    lines = ["line %d of it\n" % n for n in range(1_000_000)]
    path = tmp_path / "lines.txt"
    path.write_text("".join(lines))
    expected = list(map(len, lines))
    with gm.Pool(2) as pool, open(path) as file:
        assert list(pool.imap(len, file)) == expected
        assert list(pool.imap(len, (line for line in lines))) == expected


def test_values_of_all_kinds_come_back_as_they_are(pool):
    class_made = random.Random(7)
    values = [
        None, True, 0, -1, 1 << 200, 1.5, float("inf"), 2j, "", "ä\ud800\0\n", b"\0\xff", bytearray(b"x"),
        (), ("a",), (b"x",), [1, [2]], {"a": (1,)}, {1, 2}, frozenset([3]), class_made.getstate(),
        multiprocessing.TimeoutError("x").args, operator.add, gm.Pool, memoryview(b"x").tobytes(),
    ]  # fmt: skip
    for back in (
        pool.map(same, values),
        list(pool.imap(same, values)),
        list(pool.imap(same, iter(values))),
        pool.map(same, values, chunksize=50),
        [pool.apply(same, (value,)) for value in values],
    ):
        assert back == values
        assert list(map(type, back)) == list(map(type, values))


def test_plain_subclasses_are_not_flattened(pool):
    (flag,) = pool.map(same, [multiprocessing.process.AuthenticationString(b"x")][:0]) or [None]
    assert flag is None
    back = pool.map(same, [Text("a"), Number(3)])
    assert [type(value) for value in back] == [Text, Number]


class Text(str):
    pass


class Number(int):
    pass


def test_an_item_arrives_as_it_was_when_it_was_read(pool):
    def growing():
        one = []
        for n in range(500):
            one.append(n)
            yield one

    assert pool.map(len, [list(range(n)) for n in range(500)]) == list(range(500))
    assert list(pool.imap(len, growing())) == list(range(1, 501))


def test_a_result_is_what_it_was_when_the_function_returned():
    with gm.Pool(1) as pool:
        kept = list(pool.imap(keep, range(300)))
        assert list(map(len, kept)) == list(range(1, 301))


@pytest.mark.parametrize("chunksize", [1, 3, 20])
@pytest.mark.parametrize("total,when", [(1, -1), (10, 3), (20, 7), (3000, 2900)])
def test_an_iterable_that_fails(pool, total, when, chunksize):
    with pytest.raises(SayWhen):
        pool.map(square, numbers_until(total, when), chunksize)
    it = pool.imap(square, numbers_until(total, when), chunksize)
    for i in range(max(when, 0)):
        assert next(it) == i * i
    with pytest.raises(SayWhen) as caught:
        next(it)
    assert caught.value.__cause__ is None
    with pytest.raises(StopIteration):
        next(it)
    seen = []
    with pytest.raises(SayWhen):
        for value in pool.imap_unordered(square, numbers_until(total, when), chunksize):
            seen.append(value)
    assert sorted(seen) == [x * x for x in range(max(when, 0))]


def test_what_cannot_be_iterated_is_refused_at_once(pool):
    for method in (pool.map, pool.imap, pool.imap_unordered, pool.starmap):
        with pytest.raises(TypeError):
            method(square, 7)


@pytest.mark.parametrize("chunksize", [1, 4, 100])
def test_an_exception_comes_in_the_place_of_its_item(pool, chunksize):
    it = pool.imap(fails_at_seven, range(20), chunksize)
    got = []
    while len(got) < 20:
        try:
            got.append(next(it))
        except ValueError as error:
            got.append(error.args)
    assert got == [*range(7), ("seven", 7), *range(8, 20)]
    with pytest.raises(StopIteration):
        next(it)
    with pytest.raises(ValueError, match="seven"):
        pool.map(fails_at_seven, range(20), chunksize)


def test_the_first_exception_of_a_map(pool):
    def numbered():
        return pool.map(fails_at_seven, [1, 7, 7])

    for _ in range(3):
        with pytest.raises(ValueError):
            numbered()


def test_map_waits_for_all_before_it_raises():
    begun = time.monotonic()
    with gm.Pool(2) as pool:
        with pytest.raises(TypeError):
            pool.map(functools.partial(square, 1), ["x", 0.5], chunksize=1)
    assert time.monotonic() - begun >= 0.5


def test_the_traceback_is_the_users(pool):
    with pytest.raises(KeyError) as caught:
        pool.apply(fails)
    cause = caught.value.__cause__
    assert isinstance(cause, RemoteTraceback)
    assert 'raise KeyError("key")  # here it is' in cause.tb
    assert "test_pool.py" in cause.tb and "child.py" not in cause.tb


def test_what_cannot_be_pickled(pool):
    class Stubborn:
        def __reduce__(self):
            raise RuntimeError("cannot pickle")

    with pytest.raises(RuntimeError, match="cannot pickle"):
        pool.map(square, [Stubborn()] * 10)
    with pytest.raises(RuntimeError, match="cannot pickle"):
        pool.apply(square, (Stubborn(),))
    it = pool.imap(same, iter([1, Stubborn(), 3]))
    assert next(it) == 1
    with pytest.raises(RuntimeError, match="cannot pickle"):
        next(it)
    assert next(it) == 3


def test_a_result_that_cannot_be_pickled(pool):
    for _ in range(20):
        seen = []
        result = pool.apply_async(unreadable, error_callback=seen.append)
        with pytest.raises(gm.MaybeEncodingError):
            result.get(timeout=10)
        assert seen[0].exc and seen[0].value
    it = pool.imap(unreadable, [1, 2])
    for _ in range(2):
        with pytest.raises(gm.MaybeEncodingError):
            next(it)


def test_an_exception_that_cannot_be_read_back(pool):
    # multiprocessing's thread for results dies of it, and every result waits for ever.
    with pytest.raises(gm.MaybeEncodingError, match="Demanding"):
        pool.map(demands, [1])
    assert pool.apply(square, (2,)) == 4


def test_a_function_that_wants_to_leave(pool):
    with pytest.raises(gm.WorkerLost, match=r"SystemExit\(3\)"):
        pool.apply(leave, (3,))


def test_lambdas_need_cloudpickle(pool, monkeypatch):
    pytest.importorskip("cloudpickle")
    offset = 3
    assert pool.map(lambda x: x + offset, range(3)) == [3, 4, 5]
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(Exception, match="pip install cloudpickle"):
        pool.map(lambda x: x + offset, range(3))
    with pytest.raises(Exception, match="pip install cloudpickle"):
        pool.apply(lambda: offset)


def test_numbers_of_workers():
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="at least 1"):
            gm.Pool(wrong)
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


def slow_pid(wait, _):
    time.sleep(wait)
    return os.getpid()


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
    it = pool.imap(square, range(10_000))
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
    assert list(it) == [i * i for i in range(10_000)]
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


class Counted:
    count = 0

    def __new__(cls):
        one = super().__new__(cls)
        cls.count += 1
        return one

    def __init__(self):
        self.weak = 1

    def __del__(self):
        type(self).count -= 1


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

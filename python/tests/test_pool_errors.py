"""Exceptions of a pool come where multiprocessing's do, and where that one hangs."""

import functools
import sys
import time
from multiprocessing.pool import RemoteTraceback

import pytest
from calls import Demanding, SayWhen, demands, fails, fails_at_seven, leave, numbers_until, same, square, unreadable

import gristmill as gm


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
    assert "calls.py" in cause.tb and "child.py" not in cause.tb


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


HERE_ONLY = """
class Local(Exception):
    pass
"""


def raises_local(_=None):
    from module_of_the_worker import Local

    raise Local("worker")


class RaisesLocal:
    """Cannot be read in the worker."""

    def __reduce__(self):
        return raises_local, ()


def finds_modules_in(folder):
    sys.path.append(folder)


def test_exceptions_whose_module_is_in_the_worker_only(tmp_path):
    # The thread that reads answers died of it, and every result waited for ever.
    (tmp_path / "module_of_the_worker.py").write_text(HERE_ONLY)
    with gm.Pool(1, finds_modules_in, (str(tmp_path),)) as pool:
        calls = [
            pool.apply_async(raises_local),
            pool.map_async(raises_local, [1]),
            pool.apply_async(same, (RaisesLocal(),)),
            pool.apply_async(RaisesLocal()),
        ]
        for call in calls:
            with pytest.raises(gm.MaybeEncodingError, match="module_of_the_worker"):
                call.get(timeout=30)
        with pytest.raises(gm.MaybeEncodingError, match="module_of_the_worker"):
            pool.imap(raises_local, [1]).next(timeout=30)
        assert pool.apply_async(square, (2,)).get(timeout=30) == 4


def starts_with_local(folder):
    sys.path.append(folder)
    raises_local()


def test_an_initializer_with_such_an_exception(tmp_path):
    (tmp_path / "module_of_the_worker.py").write_text(HERE_ONLY)
    with gm.Pool(1, starts_with_local, (str(tmp_path),)) as pool:
        with pytest.raises(gm.MaybeEncodingError, match="module_of_the_worker"):
            pool.apply_async(square, (1,)).get(timeout=30)


def test_a_thread_of_the_pool_that_fails(monkeypatch):
    pool = gm.Pool(1)
    monkeypatch.setattr(pool._desk, "answer", lambda *_: 1 // 0)
    waiting = pool.map_async(same, range(3), chunksize=1)
    with pytest.raises(gm.PoolEnded, match="ZeroDivisionError"):
        waiting.get(timeout=30)
    with pytest.raises(gm.PoolEnded, match="ZeroDivisionError"):
        pool.apply_async(square, (1,)).get(timeout=30)
    pool.close()
    pool.join()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_callback_that_wants_to_leave():
    with gm.Pool(1) as pool:
        assert pool.apply_async(square, (3,), callback=lambda _: sys.exit(1)).get(timeout=30) == 9
        assert pool.apply_async(square, (4,)).get(timeout=30) == 16


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


def test_a_text_that_is_no_broker_is_refused_at_once():
    for text in ("2", "", "queue.example"):
        with pytest.raises(ValueError, match="a broker a URL"):
            gm.Pool(text)


def stops(x):
    return next(iter(())) if x == 1 else x


@pytest.mark.parametrize("how", ["imap", "imap_unordered"])
def test_a_function_that_raises_stop_iteration_ends_no_results(pool, how):
    results, found = getattr(pool, how)(stops, range(4)), []
    while True:
        try:
            found.append(next(results))
        except StopIteration:
            break
        except RuntimeError as error:
            assert type(error.__cause__) is StopIteration
            found.append(1)
    assert sorted(found) == [0, 1, 2, 3]
    with pytest.raises(RuntimeError, match="the function raised StopIteration"):
        list(getattr(pool, how)(stops, range(4)))


@pytest.mark.parametrize("verb", ["map", "imap", "imap_unordered", "starmap"])
def test_a_chunksize_that_is_no_number_is_an_error_of_its_call_alone(pool, verb):
    for wrong in (1.5, "3"):
        with pytest.raises(TypeError, match="integer"):
            getattr(pool, verb)(same, [1, 2], wrong)
    assert pool.map(same, [1, 2]) == [1, 2]

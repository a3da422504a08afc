"""`imap` reads a bounded number of items ahead, and waits for no more of them than it needs."""

import itertools
import queue
import threading
import time

import pytest

import gristmill as gm


def double(x):
    return 2 * x


def sleep_a_little(x):
    time.sleep(0.001)
    return x


class Counting:
    """Endless numbers, and how many of them were read."""

    def __init__(self):
        self.read = 0

    def __iter__(self):
        return self

    def __next__(self):
        self.read += 1
        return self.read - 1


def settled(counting):
    """The number of items that were read, once it stays."""
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 0.3:
        if counting.read != last:
            last, since = counting.read, time.monotonic()
        time.sleep(0.01)
    return last


def test_endless_items():
    with gm.Pool(2) as pool:
        assert list(itertools.islice(pool.imap(double, itertools.count()), 1000)) == [
            2 * n for n in range(1000)
        ]


@pytest.mark.parametrize("chunksize", [1, 10])
def test_items_are_read_a_bounded_number_ahead(chunksize):
    items = Counting()
    with gm.Pool(2) as pool:
        it = pool.imap(sleep_a_little, items, chunksize)
        for n in range(100):
            assert next(it) == n
        first = settled(items)
        # Batches of about 5 ms: 8 of them, with time for the first to grow on a busy machine.
        assert 100 <= first < 100 + 4 * 2 * 64
        for n in range(100, 3000):
            assert next(it) == n
        assert 3000 <= settled(items) < 3000 + 4 * 2 * 64
        assert items.read > first


def test_nothing_is_waited_for_that_is_not_needed():
    # Each item is put only when the result of the one before it is there.
    items = queue.Queue()
    with gm.Pool(2) as pool:
        it = pool.imap(double, iter(items.get, None))
        for n in range(50):
            items.put(n)
            assert it.next(timeout=30) == 2 * n
        # The same with two at a time, and with batches that have grown.
        for n in range(0, 3000, 2):
            items.put(n)
            items.put(n + 1)
            assert it.next(timeout=30) == 2 * n
            assert it.next(timeout=30) == 2 * n + 2
        items.put(None)
        with pytest.raises(StopIteration):
            it.next(timeout=30)


def test_a_slow_iterable_holds_nothing_else_up():
    never = threading.Event()

    def waiting():
        yield 1
        never.wait()

    with gm.Pool(2) as pool:
        it = pool.imap(double, waiting())
        assert next(it) == 2
        assert pool.map(double, range(100)) == [2 * n for n in range(100)]
        assert pool.apply(double, (4,)) == 8
        never.set()
        with pytest.raises(StopIteration):
            next(it)


def test_many_slow_iterables_hold_no_call_up():
    never = threading.Event()
    with gm.Pool(2) as pool:
        waiting = [pool.imap(double, iter(never.wait, True)) for _ in range(40)]
        assert pool.apply_async(double, (4,)).get(timeout=30) == 8
        never.set()
        for it in waiting:
            with pytest.raises(StopIteration):
                it.next(timeout=30)


def test_work_begins_before_somebody_asks():
    items = Counting()
    with gm.Pool(2) as pool:
        pool_iterator = pool.imap(double, items)
        assert settled(items) > 0
        assert next(pool_iterator) == 0


def test_what_nobody_takes_is_still_done(tmp_path):
    pool = gm.Pool(2)
    pool.imap_unordered(touch, [str(tmp_path / str(n)) for n in range(500)])
    pool.imap(abs, [0] * 100_000)
    pool.imap(abs, itertools.repeat(0, 100_000))
    pool.imap_unordered(touch, iter([str(tmp_path / ("i%d" % n)) for n in range(500)]))
    pool.close()
    pool.join()
    assert len(list(tmp_path.iterdir())) == 1000


def touch(path):
    open(path, "w").close()


def test_a_long_item_does_not_keep_its_batch():
    # Items that are quick make batches large; one that is not must not keep the rest waiting.
    with gm.Pool(2) as pool:
        items = [0.0] * 3000 + [0.15] * 12
        begun = time.monotonic()
        pool.map(time.sleep, items)
        took = time.monotonic() - begun
    assert took < 12 * 0.15  # one worker alone would have needed that

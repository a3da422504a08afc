"""`Pool` keeps the contracts of multiprocessing's: what calls give, and in which order."""

import functools
import itertools
import marshal
import multiprocessing
import operator
import random
import threading
import time

import pytest
from calls import Number, Text, fails, keep, same, square

import gristmill as gm
from gristmill import wire


def test_a_list_that_is_changed_afterwards():
    with gm.Pool(1) as pool:
        busy = pool.apply_async(square, (0, 0.3))
        items = list(range(100))
        result = pool.map_async(square, items)
        items.clear()
        assert result.get(timeout=30) == [x * x for x in range(100)]
        assert busy.get(timeout=30) == 0


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
    back = pool.map(same, [Text("a"), Number(3)])
    assert [type(value) for value in back] == [Text, Number]


def test_an_item_arrives_as_it_was_when_it_was_read(pool):
    def growing():
        one = []
        for n in range(500):
            one.append(n)
            yield one

    assert pool.map(len, [list(range(n)) for n in range(500)]) == list(range(500))
    assert list(pool.imap(len, growing())) == list(range(1, 501))


def test_arguments_are_what_they_were_when_the_call_was_made():
    with gm.Pool(1) as pool:
        pool.apply_async(time.sleep, (0.2,))
        numbers = [1]
        result = pool.apply_async(len, (numbers,))
        numbers.append(2)
        assert result.get(timeout=30) == 1


def test_a_result_is_what_it_was_when_the_function_returned():
    with gm.Pool(1) as pool:
        kept = list(pool.imap(keep, range(300)))
        assert list(map(len, kept)) == list(range(1, 301))


class SmallMarshal:
    """Refuses what is longer than some bytes, as marshal refuses 2 GiB."""

    loads = staticmethod(marshal.loads)

    @staticmethod
    def dumps(value, version):
        for one in value if isinstance(value, list) else ():
            for part in one if type(one) is tuple else (one,):
                if isinstance(part, (str, bytes)) and len(part) > 1000:
                    raise ValueError("unmarshallable object")
        return marshal.dumps(value, version)


def test_what_marshal_does_not_take_goes_in_pieces(monkeypatch):
    monkeypatch.setattr(wire, "marshal", SmallMarshal)
    monkeypatch.setattr(wire, "PIECE", 900)
    long = [b"x" * 5000, "ö" * 1200, ["y" * 3000], 7]
    with gm.Pool(2, context=multiprocessing.get_context("fork")) as pool:
        for items in (long, iter(long)):
            assert list(pool.imap(same, items)) == long
        assert pool.map(same, long) == pool.starmap(same, zip(long)) == long
        assert pool.apply(same, (long[0],)) == long[0]

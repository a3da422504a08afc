"""What is folded and reduced does not depend on how lines are cut into batches."""

import dask
import dask.bag as db
import pytest

import gristmill as gm

COUNT = 20_000


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """A file of numbers, and bags over it: ours in many batches of one worker, Dask's of many parts."""
    path = tmp_path_factory.mktemp("numbers") / "numbers"
    path.write_text("".join("%d\n" % n for n in range(COUNT)))
    ours = gm.read_text(path, chunk_size="4KiB", threads=1).map(int)
    with dask.config.set(scheduler="synchronous"):
        yield ours, db.from_sequence(range(COUNT), npartitions=10)


def add(found, item):
    found.append(item)
    return found


def join(one, other):
    one.extend(other)
    return one


def test_what_begins_a_fold_may_be_changed(numbers):
    ours, _ = numbers
    initial = []
    fold = ours.fold(add, join, initial)
    assert fold.compute() == list(range(COUNT))
    assert fold.compute() == list(range(COUNT))  # as well as the first time
    assert initial == []
    none = ours.filter(lambda n: False).fold(add, join, initial)
    none.compute().append(1)
    assert none.compute() == []


def test_what_begins_a_key_may_be_changed(numbers):
    ours, _ = numbers
    initial, combine_initial = [], []
    folded = ours.foldby(lambda n: n % 3, add, initial, join, combine_initial)
    for _ in range(2):
        assert dict(folded.compute()) == {n: list(range(n, COUNT, 3)) for n in range(3)}
    assert initial == combine_initial == []
    # The same, where it is computed here.
    again = folded.map(lambda pair: pair[0]).foldby(lambda n: n > 0, add, initial, join, combine_initial)
    assert dict(again.compute()) == {False: [0], True: [1, 2]}
    assert initial == combine_initial == []


def test_a_batch_that_fails_is_not_folded_twice(numbers):
    ours, _ = numbers
    lame = ours.map(lambda n: 1 // (n - 9) and n)
    lame._source.options["allow_quarantine"] = 1
    assert lame.fold(add, join, []).compute() == [1 // (n - 9) and n for n in range(COUNT) if n != 9]
    del lame._source.options["allow_quarantine"]


REDUCTIONS = {
    "max": lambda b: b.filter(lambda n: n < 100).reduction(max, max),
    "lists": lambda b: b.filter(lambda n: n < 100).reduction(list, lambda parts: [n for p in parts for n in p]),
    "parts": lambda b: b.filter(lambda n: n < 100).reduction(list, lambda parts: len(list(parts))),
    "count": lambda b: b.filter(lambda n: n < 0).count(),
    "sum": lambda b: b.filter(lambda n: n < 0).sum(),
    "any": lambda b: b.filter(lambda n: n < 0).any(),
    "all": lambda b: b.filter(lambda n: n < 0).all(),
    "mean": lambda b: b.filter(lambda n: n < 100).mean(),
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_parts_without_items(numbers, name):
    ours, theirs = map(REDUCTIONS[name], numbers)
    assert ours.compute() == theirs.compute()


def test_the_largest_of_nothing(numbers):
    for bag in numbers:
        with pytest.raises(ValueError, match="empty"):
            bag.filter(lambda n: n < 0).reduction(max, max).compute()


class Text(str):
    pass


def kinds(number):
    """Texts and what is equal to one."""
    text = "\t%d" % (number % 3) if number % 2 else str(number % 3)
    return Text(text) if number % 5 == 0 else text


def test_what_is_equal_to_a_text_is_counted_with_it(numbers):
    ours, theirs = (bag.map(kinds) for bag in numbers)
    assert dict(ours.frequencies().compute()) == dict(theirs.frequencies().compute())
    assert len(ours.frequencies().compute()) == len(ours.distinct().compute()) == 6
    assert sorted(ours.distinct().compute()) == sorted(theirs.distinct().compute())


def test_frequencies_of_frequencies_in_order(numbers):
    ours, theirs = (
        bag.map(lambda n: n % 7).frequencies().map(lambda pair: pair[0] > 0).frequencies(sort=True)
        for bag in numbers
    )
    assert ours.compute() == theirs.compute() == [(True, 6), (False, 1)]

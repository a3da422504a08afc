"""What the verbs of a bag take, as Dask's do, and what they refuse."""

import dask
import dask.bag as db
import pytest

import gristmill as gm


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    path = tmp_path_factory.mktemp("numbers") / "numbers"
    path.write_text("".join("%d\n" % n for n in range(100)))
    with dask.config.set(scheduler="synchronous"):
        yield gm.read_text(path).map(int), db.from_sequence(range(100), npartitions=3)


def test_plans_are_no_arguments(numbers):
    bag = numbers[0]
    for plan in (bag, bag.max()):
        for wrong in (
            lambda: bag.map(max, plan),
            lambda: bag.map(max, y=plan),
            lambda: bag.map(plan),
            lambda: bag.starmap(max, y=plan),
            lambda: bag.filter(plan),
            lambda: bag.remove(plan),
            lambda: bag.map_partitions(max, plan),
            lambda: bag.fold(max, initial=plan),
            lambda: bag.foldby(abs, max, plan),
            lambda: bag.topk(3, key=plan),
        ):
            with pytest.raises(TypeError, match="compute it first"):
                wrong()
    assert bag.map(max, bag.max().compute()).compute() == [99] * 100


def test_keys_in_a_list(numbers):
    found = [
        dict(bag.map(lambda n: {"k": n % 3, "b": 1}).foldby(["k", "b"], lambda one, _: one + 1, 0, int.__add__).compute())
        for bag in numbers
    ]
    assert found[0] == found[1] == {(0, 1): 34, (1, 1): 33, (2, 1): 33}


@pytest.mark.parametrize("verb", ["max", "min", "mean"])
def test_nothing(numbers, verb):
    for bag in numbers:
        # Dask's mean of nothing: ZeroDivisionError of one partition, ValueError of several.
        with pytest.raises((ZeroDivisionError, ValueError)):
            getattr(bag.filter(lambda n: n < 0), verb)().compute()
        with pytest.raises(ValueError):
            bag.take(-1)

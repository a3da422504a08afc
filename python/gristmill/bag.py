"""`read_text` and `Bag`: Dask's bag over documents in files and archives of any kind.

A bag is a plan: nothing is read before `compute`, `take`, `to_textfiles` or a loop asks for it.
"""

from __future__ import annotations

import bz2
import functools
import gzip
import itertools
import lzma
import operator
import os
from typing import IO, Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

from . import plan, stages
from .errors import Quarantined
from .lines import Lines
from .program import COMMAND_LINES, Input, Inputs, Option, paths, refused
from .stages import MISSING

# Options of the program's that are not for bags, and what to use.
OUTPUT = "a bag's workers and its output are its own: to_textfiles compresses by the file's name, and submit writes folders"
NOT_FOR_BAGS = {
    **COMMAND_LINES,
    "try": "take(n) gives the first items",
    **dict.fromkeys(["compress", "format", "out", "output", "partitions", "report", "quarantine"], OUTPUT),
    **dict.fromkeys(["each", "reduce", "python", "code", "map", "combine", "worker", "shell"], OUTPUT),
}


class Whole:
    """What has come of another bag as a whole, such as its frequencies: little, and computed here."""

    def __init__(self, bag: "Bag", end: plan.End) -> None:
        self.bag = bag
        self.end = end

    def items(self, steps: Sequence[stages.Stage], end: plan.End) -> Iterator[Any]:
        """What comes of its items, computed here."""
        return end.here(stages.run(steps, self.bag._source.items(self.bag._steps, self.end)))

    def first(self, steps: Sequence[stages.Stage], count: int) -> List[Any]:
        """The first of these."""
        items = self.bag._source.items(self.bag._steps, self.end)
        found = list(itertools.islice(stages.run(steps, items), count))
        for _ in items:
            pass  # all of it was computed; its end raises what there is to raise
        return found


class Bag:
    """Items in their order, of which nothing is computed before it is asked for."""

    def __init__(self, source: Union[Lines, Whole], steps: Tuple[stages.Stage, ...] = ()) -> None:
        self._source = source
        self._steps = steps

    def _with(self, stage: stages.Stage) -> "Bag":
        return Bag(self._source, (*self._steps, stage))

    def map(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> "Bag":
        """What `func` returns for each item; the other arguments go behind the item."""
        return self._with(stages.Map(with_arguments(func, args, kwargs)))

    def starmap(self, func: Callable[..., Any], **kwargs: Any) -> "Bag":
        """What `func` returns for each item, which is its arguments."""
        return self._with(stages.Map(with_arguments(func, (), kwargs), star=True))

    def filter(self, predicate: Callable[[Any], Any]) -> "Bag":
        """The items of which `predicate` says yes."""
        return self._with(stages.Filter(valued(predicate)))

    def remove(self, predicate: Callable[[Any], Any]) -> "Bag":
        """The items of which `predicate` says no."""
        return self._with(stages.Filter(valued(predicate), keep=False))

    def map_partitions(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> "Bag":
        """The items that `func` returns for an iterator over the items of each document.

        A document is read as a whole then, and has at most 64 MiB.
        """
        return self._with(stages.Partition(with_arguments(func, args, kwargs)))

    def pluck(self, key: Any, default: Any = MISSING) -> "Bag":
        """A part of each item; of a list of keys, a tuple of parts."""
        return self._with(stages.pluck_stage(key, default))

    def flatten(self) -> "Bag":
        """The items of the items."""
        return self._with(stages.Flatten())

    def frequencies(self, split_every: Optional[int] = None, sort: bool = False) -> "Bag":
        """Pairs of each item and how often it is there, added up in Gristmill's table."""
        return Bag(Whole(self, plan.Frequencies(sort)))

    def distinct(self, key: Any = None) -> "Bag":
        """Each item once; with `key`, one item of each."""
        if key is None:
            return Bag(Whole(self, plan.DistinctItems()))
        return Bag(Whole(self, plan.Distinct(getter(key))))

    def topk(self, k: int, key: Any = None, split_every: Optional[int] = None) -> "Bag":
        """The `k` largest items, the largest first; `key` says by what."""
        return Bag(Whole(self, plan.TopK(k, None if key is None else getter(key))))

    def fold(
        self,
        binop: Callable[[Any, Any], Any],
        combine: Optional[Callable[[Any, Any], Any]] = None,
        initial: Any = MISSING,
        split_every: Optional[int] = None,
    ) -> "Item":
        """All items folded into one, parts of them in workers, which `combine` puts together.

        A copy of `initial` begins each part, so it must change nothing, as 0 in a sum.
        """
        return Item(self, plan.Fold(valued(binop), valued(combine or binop), given(initial)))

    def foldby(
        self,
        key: Any,
        binop: Callable[[Any, Any], Any],
        initial: Any = MISSING,
        combine: Optional[Callable[[Any, Any], Any]] = None,
        combine_initial: Any = MISSING,
        split_every: Optional[int] = None,
    ) -> "Bag":
        """Pairs of each key and its items folded into one; each begins with a copy of `initial`."""
        binop, combine = valued(binop), valued(combine or binop)
        end = plan.FoldBy(getter(key), binop, given(initial), combine, given(combine_initial))
        return Bag(Whole(self, end))

    def reduction(
        self,
        perpartition: Callable[[Any], Any],
        aggregate: Callable[[Any], Any],
        split_every: Optional[int] = None,
    ) -> "Item":
        """What `aggregate` makes of a list of what `perpartition` has made of parts of the items."""
        return Item(self, plan.Reduce(perpartition, aggregate))

    def count(self) -> "Item":
        """The number of items."""
        return self.reduction(counted, sum)

    def sum(self) -> "Item":
        """The sum of the items."""
        return self.reduction(sum, sum)

    def max(self) -> "Item":
        """The largest item."""
        return self.reduction(max, max)

    def min(self) -> "Item":
        """The smallest item."""
        return self.reduction(min, min)

    def mean(self) -> "Item":
        """The mean of the items."""
        return self.reduction(total, mean)

    def any(self) -> "Item":
        """Whether one of the items is true."""
        return self.reduction(any, any)

    def all(self) -> "Item":
        """Whether all items are true."""
        return self.reduction(all, all)

    def take(self, k: int, npartitions: int = 1) -> Tuple[Any, ...]:
        """The first `k` items; what comes behind them is not read.

        Raises `Quarantined` if more records before the last of them fail than `allow_quarantine=N`
        permits; a share, as "1%", is one of all records, and is not held against the first ones.
        """
        if k < 0:
            raise ValueError("take(%d): a number from 0" % k)
        return tuple(self._source.first(self._steps, k))

    def to_textfiles(self, path: Input, encoding: str = "utf-8", last_endline: bool = False) -> List[str]:
        """Writes the items, which are texts, a line each; the list of the files, which is one.

        A `*` in the path becomes 0, and a path without one is a folder, as in Dask. Names that end
        in .gz, .bz2 or .xz are compressed. The file is there only if all went well.
        """
        target = os.fspath(path)
        if "*" in target:
            target = target.replace("*", "0")
        else:
            target = os.path.join(target, "0.part")
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        partial = target + ".tmp"
        try:
            with opened(target, partial) as file:
                first = True
                for item in self:
                    data = item if isinstance(item, bytes) else item.encode(encoding)
                    file.write(data if first else b"\n" + data)
                    first = False
                if last_endline and not first:
                    file.write(b"\n")
            os.replace(partial, target)
        except BaseException:
            if os.path.exists(partial):
                os.remove(partial)
            raise
        return [target]

    def compute(self, **_: Any) -> List[Any]:
        """All items, in a list."""
        found: List[Any] = []
        try:
            found.extend(self)
        except Quarantined as error:
            error.results = found
            raise
        return found

    def __iter__(self) -> Iterator[Any]:
        """The items, as they come: no more of them than needed are in memory."""
        return self._source.items(self._steps, plan.Collect())

    def __repr__(self) -> str:
        return "<%s of %d stages>" % (type(self).__name__, len(self._steps))


class Item:
    """One value that comes of a bag, once it is asked for."""

    def __init__(self, bag: Bag, end: plan.End) -> None:
        self._bag = bag
        self._end = end

    def compute(self, **_: Any) -> Any:
        """The value."""
        found = list(self._bag._source.items(self._bag._steps, self._end))
        if not found:
            raise TypeError("fold of no items, and without an initial value")
        return found[0]


def read_text(
    urlpath: Inputs,
    blocksize: Union[None, int, str] = None,
    compression: Optional[str] = "infer",
    encoding: str = "utf-8",
    errors: str = "strict",
    include_path: bool = False,
    files_per_partition: Optional[int] = None,
    line_ends: bool = True,
    **options: Option,
) -> Bag:
    """A bag of the lines of files, folders and archives; names may have `*`.

    What a file is, is told by its first bytes: `compression` and `blocksize` are Dask's, and not
    needed. A line ends with a newline, as in Dask; `line_ends=False` leaves it out. Further options
    are those of `gristmill run exec`, such as `include="*.log"` or `allow_quarantine="1%"`.
    """
    refused("read_text", options, NOT_FOR_BAGS)
    found = paths(urlpath)
    return Bag(Lines(found, encoding, errors, include_path, line_ends, dict(options)))


def given(value: Any) -> List[Any]:
    """A value in a list, if there is one."""
    return [] if value is MISSING else [valued(value)]


def getter(key: Any) -> Callable[[Any], Any]:
    """A function that says by what; a key stands for a part of the item."""
    if callable(valued(key)):
        function: Callable[[Any], Any] = key
        return function
    if isinstance(key, list):
        return functools.partial(stages.pluck, key, MISSING)
    return operator.itemgetter(key)


def valued(value: Any) -> Any:
    """What is given to a bag's verb; raises TypeError for a bag and what is not computed."""
    if isinstance(value, (Bag, Item)):
        raise TypeError(
            "%s as an argument: it is a plan, which workers cannot have; compute it first, as in "
            "bag.map(func, other.max().compute())" % type(value).__name__
        )
    return value


def with_arguments(
    func: Callable[..., Any], args: Tuple[Any, ...], kwargs: Dict[str, Any]
) -> Callable[..., Any]:
    """A function of an item, which gets these arguments behind it."""
    for one in (func, *args, *kwargs.values()):
        valued(one)
    return stages.with_arguments(func, args, kwargs)


def counted(items: Iterable[Any]) -> int:
    """How many items there are."""
    return sum(1 for _ in items)


def total(items: Iterable[Any]) -> Tuple[Any, int]:
    """The sum of items, and how many there are."""
    number, whole = 0, 0
    for item in items:
        whole += item
        number += 1
    return whole, number


def mean(totals: Sequence[Tuple[Any, int]]) -> Any:
    """The mean of what these are totals of."""
    return sum(whole for whole, _ in totals) / sum(number for _, number in totals)


def opened(name: str, path: str) -> IO[bytes]:
    """A file to write to at `path`, compressed as its later name says."""
    ways: Dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    way = ways.get(os.path.splitext(name)[1], open)
    file: IO[bytes] = way(path, "wb")
    return file

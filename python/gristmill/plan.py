"""What a bag has its workers do with a batch of items, and what becomes of their answers."""

from __future__ import annotations

import copy
import functools
import heapq
import itertools
from collections import Counter

from . import pairs, stages

TYPE_CHECKING = False  # a worker would need longer to load `typing` than to start
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence

    Binop = Callable[[Any, Any], Any]


class End:
    """What the items of a batch become: what is sent, and how the parts are put together."""

    table = False  # parts are keys and numbers, which Gristmill adds up
    takes_all = True  # of its items, in every part

    def part(self, items: Iterator[Any]) -> Any:
        """What a worker makes of its items."""
        raise NotImplementedError

    def whole(self, parts: Iterable[Any]) -> Iterator[Any]:
        """What there is of all parts, in their order."""
        raise NotImplementedError

    def here(self, items: Iterator[Any]) -> Iterator[Any]:
        """What becomes of items in this process."""
        return self.whole([self.part(items)])


class Collect(End):
    """All items."""

    def part(self, items: Iterator[Any]) -> Any:
        return list(items)

    def whole(self, parts: Iterable[Any]) -> Iterator[Any]:
        for part in parts:
            yield from part

    def here(self, items: Iterator[Any]) -> Iterator[Any]:
        return items


class Frequencies(End):
    """How often each item is there."""

    table = True

    def __init__(self, sort: bool = False) -> None:
        self.sort = sort

    def part(self, items: Iterator[Any]) -> Any:
        return Counter(items)

    def whole(self, parts: Iterable[Any]) -> Iterator[Any]:
        """The parts are the table's rows: pairs of a key's text and a number."""
        return self.in_order(merged(parts))

    def here(self, items: Iterator[Any]) -> Iterator[Any]:
        return self.in_order(iter(self.part(items).items()))

    def in_order(self, rows: Iterator[Any]) -> Iterator[Any]:
        """Pairs of item and number, the most frequent first if that is wanted."""
        return iter(sorted(rows, key=lambda row: -row[1])) if self.sort else rows


def merged(rows: Iterable[Any]) -> Iterator[Any]:
    """The rows of a table with their keys, where several rows may have equal ones.

    Rows come in the order of their texts: texts behind everything that may be equal to one.
    """
    several: Dict[Any, int] = {}
    for text, number in rows:
        key = pairs.key_of(text)
        if text[:1] in pairs.TEXTS:
            yield key, number + several.pop(key, 0) if several else number
        else:
            # 1 == 1.0 == True: a number may be equal to what was pickled.
            several[key] = several.get(key, 0) + number
    yield from several.items()


class DistinctItems(Frequencies):
    """Each item once."""

    def part(self, items: Iterator[Any]) -> Any:
        return dict.fromkeys(items, 1)

    def whole(self, parts: Iterable[Any]) -> Iterator[Any]:
        return (item for item, _ in merged(parts))

    def here(self, items: Iterator[Any]) -> Iterator[Any]:
        return iter(self.part(items))


class Distinct(End):
    """The first item of each key."""

    def __init__(self, key: Callable[[Any], Any]) -> None:
        self.key = key

    def part(self, items: Iterator[Any]) -> Any:
        found: Dict[Any, Any] = {}
        for item in items:
            found.setdefault(self.key(item), item)
        return found

    def whole(self, parts: Iterable[Any]) -> Iterator[Any]:
        found: Dict[Any, Any] = {}
        for part in parts:
            for key, item in part.items():
                found.setdefault(key, item)
        return iter(found.values())


class TopK(End):
    """The largest items."""

    def __init__(self, count: int, key: Optional[Callable[[Any], Any]]) -> None:
        self.count = count
        self.key = key
        self.takes_all = count > 0

    def part(self, items: Iterable[Any]) -> Any:
        return heapq.nlargest(self.count, items, key=self.key)

    def whole(self, parts: Iterable[Any]) -> Iterator[Any]:
        best: List[Any] = []
        for part in parts:
            best = heapq.nlargest(self.count, [*best, *part], key=self.key)
        return iter(best)


class Fold(End):
    """All items folded into one: an item, or nothing if there are none."""

    def __init__(self, binop: Binop, combine: Binop, initial: List[Any]) -> None:
        self.binop = binop
        self.combine = combine
        self.initial = initial  # of one element, or of none

    def part(self, items: Iterator[Any]) -> Any:
        return stages.fold(self.binop, self.initial, items)

    def whole(self, parts: Iterable[Any]) -> Iterator[Any]:
        folded = [one for part in parts for one in part] or copy.deepcopy(self.initial)
        return iter([functools.reduce(self.combine, folded)] if folded else [])


class FoldBy(End):
    """The items of each key folded into one: pairs of key and what is folded.

    Each key begins with copies: a function may put what it folds into a list.
    """

    def __init__(
        self,
        key: Callable[[Any], Any],
        binop: Binop,
        initial: List[Any],
        combine: Binop,
        combine_initial: List[Any],
    ) -> None:
        self.key = key
        self.binop = binop
        self.initial = initial
        self.combine = combine
        self.combine_initial = combine_initial

    def part(self, items: Iterator[Any]) -> Any:
        found: Dict[Any, Any] = {}
        key, binop = self.key, self.binop
        for item in items:
            at = key(item)
            if at in found:
                found[at] = binop(found[at], item)
            else:
                found[at] = binop(copy.deepcopy(self.initial[0]), item) if self.initial else item
        return found

    def whole(self, parts: Iterable[Any]) -> Iterator[Any]:
        found: Dict[Any, Any] = {}
        for part in parts:
            for key, value in part.items():
                if key in found:
                    found[key] = self.combine(found[key], value)
                elif self.combine_initial:
                    found[key] = self.combine(copy.deepcopy(self.combine_initial[0]), value)
                else:
                    found[key] = value
        return iter(found.items())


class Reduce(End):
    """A function of each part, and one of all that came of them.

    As in Dask, parts without items are left out: `max` has no value for them.
    """

    takes_all = False  # `any` does not

    def __init__(self, part: Callable[[Any], Any], whole: Callable[[List[Any]], Any]) -> None:
        self.of_part = part
        self.of_whole = whole

    def part(self, items: Iterator[Any]) -> Any:
        """In a list; an empty list if there are no items."""
        for first in items:
            return [self.of_part(itertools.chain((first,), items))]
        return []

    def whole(self, parts: Iterable[Any]) -> Iterator[Any]:
        found = [one for part in parts for one in part]
        # Of no items at all, `count` and `sum` are 0.
        return iter([self.of_whole(found or [self.of_part(iter(()))])])


class Plan:
    """How lines are read, the stages, and their end: what a worker gets.

    With `first` the part of a record that fails is its entry, an `Entry`, in its place: who takes the
    first parts does not see the quarantine, which is written at the end.
    """

    def __init__(
        self,
        steps: Sequence[stages.Stage],
        end: End,
        encoding: str,
        errors: str,
        include_path: bool,
        line_ends: bool,
        first: bool = False,
    ) -> None:
        self.steps = list(steps)
        self.end = end
        self.encoding = encoding
        self.errors = errors
        self.include_path = include_path
        self.line_ends = line_ends
        self.first = first
        # Gristmill's records end with the byte of a newline, which not every encoding has.
        partitioned = stages.partitioned(steps)
        self.documents = partitioned or not has_newlines(encoding)
        # Functions of whole partitions may leave items: then nobody can tell that some are missing.
        self.quick = end.takes_all and not partitioned


def has_newlines(encoding: str) -> bool:
    """Whether the byte 0x0A is a newline in this encoding, as in most; in UTF-16 it is not."""
    try:
        return b"\n".decode(encoding) == "\n"
    except UnicodeError:
        return False

"""What a bag has its workers do with a batch of items, and what becomes of their answers."""

import functools
import heapq
from collections import Counter
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence

from . import pairs, stages

Binop = Callable[[Any, Any], Any]


class End:
    """What the items of a batch become: what is sent, and how the parts are put together."""

    table = False  # parts are keys and numbers, which Gristmill adds up

    def part(self, items: Iterator[Any]) -> Any:
        """What a worker makes of its items."""
        raise NotImplementedError

    def whole(self, parts: Iterable[Any]) -> Iterator[Any]:
        """What there is of all parts, in their order."""
        raise NotImplementedError


class Collect(End):
    """All items."""

    def part(self, items: Iterator[Any]) -> Any:
        return list(items)

    def whole(self, parts: Iterable[Any]) -> Iterator[Any]:
        for part in parts:
            yield from part


class Frequencies(End):
    """How often each item is there."""

    table = True

    def __init__(self, sort: bool = False) -> None:
        self.sort = sort

    def part(self, items: Iterator[Any]) -> Any:
        return Counter(items)

    def whole(self, parts: Iterable[Any]) -> Iterator[Any]:
        """The parts are the table's rows: pairs of a key's text and a number."""
        rows = merged(parts)
        return iter(sorted(rows, key=lambda row: -row[1])) if self.sort else rows


def merged(rows: Iterable[Any]) -> Iterator[Any]:
    """The rows of a table with their keys, where several rows may have equal ones."""
    several: Dict[Any, int] = {}
    for text, number in rows:
        key = pairs.key_of(text)
        # 1 == 1.0 == True: a number may be equal to what was pickled.
        if type(key) is str:
            yield key, number
        else:
            several[key] = several.get(key, 0) + number
    yield from several.items()


class DistinctItems(Frequencies):
    """Each item once."""

    def part(self, items: Iterator[Any]) -> Any:
        return dict.fromkeys(items, 1)

    def whole(self, parts: Iterable[Any]) -> Iterator[Any]:
        return (item for item, _ in merged(parts))


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
        folded = [one for part in parts for one in part] or self.initial
        return iter([functools.reduce(self.combine, folded)] if folded else [])


class FoldBy(End):
    """The items of each key folded into one: pairs of key and what is folded."""

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
                found[at] = binop(self.initial[0], item) if self.initial else item
        return found

    def whole(self, parts: Iterable[Any]) -> Iterator[Any]:
        found: Dict[Any, Any] = {}
        for part in parts:
            for key, value in part.items():
                if key in found:
                    found[key] = self.combine(found[key], value)
                elif self.combine_initial:
                    found[key] = self.combine(self.combine_initial[0], value)
                else:
                    found[key] = value
        return iter(found.items())


class Reduce(End):
    """A function of each part, and one of all that came of them."""

    def __init__(self, part: Callable[[Any], Any], whole: Callable[[List[Any]], Any]) -> None:
        self.of_part = part
        self.of_whole = whole

    def part(self, items: Iterator[Any]) -> Any:
        return self.of_part(items)

    def whole(self, parts: Iterable[Any]) -> Iterator[Any]:
        return iter([self.of_whole(list(parts))])


class Plan:
    """How lines are read, the stages, and their end: what a worker gets."""

    def __init__(
        self,
        steps: Sequence[stages.Stage],
        end: End,
        encoding: str,
        errors: str,
        include_path: bool,
        line_ends: bool,
    ) -> None:
        self.steps = list(steps)
        self.end = end
        self.encoding = encoding
        self.errors = errors
        self.include_path = include_path
        self.line_ends = line_ends
        self.documents = stages.partitioned(steps)

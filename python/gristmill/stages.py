"""What a bag does to its items: stages, each of which takes an iterator and returns one."""

from __future__ import annotations

import copy
import functools
import itertools
import operator
import sys

TYPE_CHECKING = False  # a worker would need longer to load `typing` than to start
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator, List, Sequence, Tuple, Union

    Stage = Union["Map", "Filter", "Flatten", "Partition"]

MISSING = object


class Map:
    """Calls a function for each item."""

    def __init__(self, function: Callable[..., Any], star: bool = False) -> None:
        self.function = function
        self.star = star

    def __call__(self, items: Iterable[Any]) -> Iterator[Any]:
        # Not `map`, for which a StopIteration of the function is the end of the items.
        function = self.function
        if self.star:
            return (function(*item) for item in items)
        return (function(item) for item in items)

    def quick(self, items: Iterable[Any]) -> Iterator[Any]:
        """The same without a line of Python for each item; a StopIteration is the end."""
        if self.star:
            return itertools.starmap(self.function, items)
        return map(quicker(self.function), items)


def quicker(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that returns the same sooner, if there is one."""
    json = sys.modules.get("json")
    if json is None or function is not json.loads or function.__module__ != "json":
        return function
    from . import quickjson  # only then, as all that a worker loads

    return quickjson.loads


class Filter:
    """Keeps items by what a function says of them."""

    def __init__(self, function: Callable[[Any], Any], keep: bool = True) -> None:
        self.function = function
        self.keep = keep

    def __call__(self, items: Iterable[Any]) -> Iterator[Any]:
        function = bool if self.function is None else self.function
        if self.keep:
            return (item for item in items if function(item))
        return (item for item in items if not function(item))

    def quick(self, items: Iterable[Any]) -> Iterator[Any]:
        """As `Map.quick`."""
        return (filter if self.keep else itertools.filterfalse)(self.function, items)


class Flatten:
    """The items of the items."""

    def __call__(self, items: Iterable[Any]) -> Iterator[Any]:
        return itertools.chain.from_iterable(items)

    quick = __call__


class Partition:
    """Calls a function with an iterator over all items of a document."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, items: Iterable[Any]) -> Iterator[Any]:
        return iter(self.function(iter(items)))

    quick = __call__


def pluck(key: Any, default: Any, item: Any) -> Any:
    """A part of an item, or several parts; a default where it is missing, if there is one."""
    if isinstance(key, list):
        return tuple(pluck(one, default, item) for one in key)
    if default is MISSING:
        return item[key]
    try:
        return item[key]
    except (KeyError, IndexError):
        return default


def pluck_stage(key: Any, default: Any) -> Map:
    """A stage of `pluck`."""
    if default is MISSING:
        if not isinstance(key, list):
            return Map(operator.itemgetter(key))
        if len(key) > 1:
            return Map(operator.itemgetter(*key))
    return Map(functools.partial(pluck, key, default))


def run(stages: Sequence[Stage], items: Iterable[Any]) -> Iterator[Any]:
    """All stages, one behind the other."""
    for stage in stages:
        items = stage(items)
    return iter(items)


class Last:
    """Comes behind the items, and tells whether anybody has come so far."""

    def __init__(self) -> None:
        self.reached = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        self.reached = True
        raise StopIteration


def run_quickly(stages: Sequence[Stage], items: Iterable[Any], last: Last) -> Iterator[Any]:
    """As `run`. But where a function raises StopIteration, it ends as if there were no more items.

    Who has taken all of it looks whether `last` was reached then: else something is missing.
    """
    found: Iterator[Any] = itertools.chain(items, last)
    for stage in stages:
        found = stage.quick(found)
    return found


def partitioned(stages: Sequence[Stage]) -> bool:
    """Whether a stage wants whole documents."""
    return any(isinstance(stage, Partition) for stage in stages)


def with_arguments(
    function: Callable[..., Any], arguments: Tuple[Any, ...], named: "dict[str, Any]"
) -> Callable[..., Any]:
    """A function of an item, which gets these arguments behind it."""
    if arguments:
        return functools.partial(_behind, function, arguments, named)
    return functools.partial(function, **named) if named else function


def _behind(
    function: Callable[..., Any], arguments: Tuple[Any, ...], named: "dict[str, Any]", item: Any
) -> Any:
    return function(item, *arguments, **named)


def fold(binop: Callable[[Any, Any], Any], initial: List[Any], items: Iterable[Any]) -> List[Any]:
    """Items folded into one, in a list; an empty list if there are none and nothing to begin with.

    It begins with a copy: what the function puts into a list is not there for the next batch.
    """
    iterator = iter(items)
    total = copy.deepcopy(initial[0]) if initial else next(iterator, MISSING)
    if total is MISSING:
        return []
    return [functools.reduce(binop, iterator, total)]

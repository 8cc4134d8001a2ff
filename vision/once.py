"""A property that is made when it is first asked for and kept, without a lock.

Place in the flow: descriptions of pictures whose dear parts only some comparisons need. `functools.cached_property`
of Python 3.11 holds one lock for all instances while it computes, so that two threads that look at two pictures would
wait for each other. Two threads that ask one object for the first time at once may both make the value: one is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

V = TypeVar("V")


class once(Generic[V]):  # noqa: N801 - used as a decorator, like `property`
    """Makes a method a value that is computed once for each object; the class must have a `__dict__`."""

    def __init__(self, make: Callable[[Any], V]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> V: ...

    def __get__(self, instance: object | None, owner: type) -> Self | V:
        if instance is None:
            return self
        value = self._make(instance)
        instance.__dict__[self._name] = value  # found before this descriptor from now on
        return value

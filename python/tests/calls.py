"""Functions that the tests of a pool call in workers."""

import os
import sys
import time


def square(x=0, wait=0.0):
    time.sleep(wait)
    return x * x


def fails(_=None):
    raise KeyError("key")  # here it is


def fails_at_seven(x):
    if x == 7:
        raise ValueError("seven", x)
    return x


def unreadable(_=None):
    return lambda: 42


class Demanding(Exception):
    """Cannot be pickled and read again: it wants two arguments."""

    def __init__(self, one, two):
        super().__init__(one)


def demands(_):
    raise Demanding(1, 2)


def same(x):
    return x


def leave(code):
    sys.exit(code)


KEPT = []


def keep(x):
    KEPT.append(x)
    return KEPT


def set_global(value):
    global GLOBAL
    GLOBAL = value


def get_global(_=None):
    return GLOBAL


def pid(_=None):
    return os.getpid()


class SayWhen(Exception):
    pass


def numbers_until(total, when):
    if when == -1:
        raise SayWhen("at once")
    for i in range(total):
        if i == when:
            raise SayWhen("somewhere")
        yield i


class Text(str):
    pass


class Number(int):
    pass


class Counted:
    count = 0

    def __new__(cls):
        one = super().__new__(cls)
        cls.count += 1
        return one

    def __init__(self):
        self.weak = 1

    def __del__(self):
        type(self).count -= 1


def slow_pid(wait, _):
    time.sleep(wait)
    return os.getpid()

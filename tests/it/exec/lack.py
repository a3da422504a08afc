"""Runs a program where system calls are missing, as on an older kernel: lack.py NUMBER,... PROGRAM ARGUMENT..."""

import ctypes
import os
import struct
import sys


def statement(code, yes, no, value):
    return struct.pack("HBBI", code, yes, no, value)


program = statement(0x20, 0, 0, 0)  # the number of the call
for number in sys.argv[1].split(","):
    program += statement(0x15, 0, 1, int(number))  # if it is this one,
    program += statement(0x06, 0, 0, 0x00050000 | 38)  # answer ENOSYS
program += statement(0x06, 0, 0, 0x7FFF0000)  # else do it


class Filter(ctypes.Structure):
    _fields_ = [("statements", ctypes.c_ushort), ("program", ctypes.c_void_p)]


buffer = ctypes.create_string_buffer(program, len(program))
filter = Filter(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, ctypes.byref(filter), 0, 0) == 0, ctypes.get_errno()  # PR_SET_SECCOMP
os.execvp(sys.argv[2], sys.argv[2:])

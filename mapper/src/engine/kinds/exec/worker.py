"""The worker for Python functions of `gristmill run exec`: calls one for each record, or each key.

It speaks version 1 of the protocol in docs/exec.md on descriptors 3 (in) and 4 (out), and needs
nothing but the standard library of Python 3.9 or later.
"""

import importlib
import importlib.util
import inspect
import itertools
import json
import math
import os
import re
import struct
import sys
import threading
import time
import traceback
import types

FLUSH = 4096  # answers in one frame

# NaN and infinity are no JSON. Made once: json.dumps makes one for each value.
ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
QUOTE = json.encoder.encode_basestring  # what it does with a text
try:
    # What ENCODER itself makes for each value, but that it does not look for what holds itself.
    QUICK = json.encoder.c_make_encoder(None, ENCODER.default, QUOTE, None, ":", ",", True, False, False)
except TypeError:  # a Python that has none, or another one
    QUICK = None


class Worker:
    def __init__(self):
        self.input = os.fdopen(3, "rb", 1 << 20)
        for descriptor in (3, 4):
            os.set_inheritable(descriptor, False)
        self.pid = os.getpid()
        self.rest = []  # the records in work: a child that a function forks finds no others in it
        os.register_at_fork(after_in_child=lambda: self.rest.clear())
        self.lock = threading.Lock()
        self.answers = []
        self.answered = 0
        self.begun = 0  # answered before the batch in work
        self.busy = False
        self.counts = {}  # of the batch in work, sure
        self.counted = {}  # by answers that are not sent, by their numbers; the last is in work

    def count(self, name, amount=1, group="user"):
        """Adds to a counter of the job: what users call as gristmill.count."""
        key = (group.encode(), name.encode())
        fit = all(0 < len(text) <= 128 and b"\n" not in text for text in key)
        if amount < 0 or not fit or b"," in key[0]:
            raise ValueError("a counter has a group and a name of 1 to 128 bytes without a newline, "
                             "the group without a comma, and an amount from 0")
        add(self.counted.setdefault(len(self.answers), {}), key, int(amount))

    def keep(self, counted):
        """What a record counted whose answer is sent."""
        for key, amount in counted.items():
            add(self.counts, key, amount)

    def only(self, error=None):
        """Ends a child that the user's function has forked and come back in: it is no worker."""
        if os.getpid() != self.pid:
            leave(error)

    def send(self, kind, *payload):
        with self.lock:
            if kind == "E":
                self.begun = self.answered
            self.write(kind, *payload)

    def write(self, kind, *payload):
        length = sum(map(len, payload)) + 1
        frame = [struct.pack(">IB", length, ord(kind)), *payload]
        written = os.writev(4, frame)
        if written < length + 4:
            rest = memoryview(b"".join(frame))[written:]
            while rest:
                rest = rest[os.write(4, rest):]

    def receive(self):
        head = self.input.read(4)
        if len(head) < 4:
            return None, b""
        (length,) = struct.unpack(">I", head)
        frame = self.input.read(length)
        if len(frame) < length:
            return None, b""
        return frame[:1], memoryview(frame)[1:]

    def start(self, module, name):
        kind, payload = self.receive()
        if kind != b"H":
            return False
        hello = json.loads(bytes(payload))
        self.out = hello["out"]
        self.pairs = self.out == "pairs"
        # What is sent as it is: of anything else, self.results makes what is sent.
        self.text = None if self.pairs else str
        self.results = pairs if self.pairs else self.several
        self.here = types.ModuleType("gristmill")
        self.here.document = None
        self.here.count = self.count
        sys.modules["gristmill"] = self.here
        try:
            self.function = load(module, name)
            self.takes_bytes = takes_bytes(self.function)
            self.only()
        except BaseException as error:
            self.only(error)
            self.send("F", explain(error))
            return False
        self.counted = {}  # by setup, for each process: how many there are says nothing
        self.send("H", json.dumps({"version": 1, "worker": "python"}).encode())
        pinger = threading.Thread(target=self.ping, args=(hello["timeout"],), daemon=True)
        pinger.start()
        return True

    def ping(self, timeout):
        """Says how many records of the batch in work are done, although they are not answered yet."""
        while True:
            time.sleep(min(1.0, timeout / 4))
            with self.lock:
                if self.busy:
                    done = self.answered - self.begun + len(self.answers)
                    self.write("P", struct.pack(">I", done))

    def work(self):
        while True:
            self.busy = False
            kind, payload = self.receive()
            if kind is None:
                return
            if kind == b"B":
                self.busy = True
                self.batch(payload)

    def batch(self, payload):
        (groups,) = struct.unpack_from(">I", payload)
        at = 4
        for group in range(1, groups + 1):
            name, at = take(payload, at)
            _, at = take(payload, at)
            _, count = struct.unpack_from(">QI", payload, at)
            at += 12
            lengths = payload[at:at + 4 * count]
            at += 4 * count
            end = len(payload) if group == groups else at + sum(numbers(lengths)) + count
            self.here.document = bytes(name).decode("utf-8", "replace")
            self.records(payload[at:end], count, lengths)
            at = end
        self.flush()
        counts, self.counts = self.counts, {}
        for (group, counter), amount in counts.items():
            data = [struct.pack(">I", len(text)) + text for text in (group, counter)]
            self.send("C", struct.pack(">Q", amount) + b"".join(data))
        self.send("E", b"")

    def split(self, data, count, lengths):
        """The records; a newline follows each, and most have none inside."""
        if self.takes_bytes:
            records = bytes(data).split(b"\n")
        else:
            records = str(data, "utf-8", "surrogateescape").split("\n")
        if len(records) == count + 1:
            records.pop()
            return records
        records, at, data = [], 0, bytes(data)
        for length in numbers(lengths):
            records.append(data[at:at + length])
            at += length + 1
        if not self.takes_bytes:
            records = [record.decode("utf-8", "surrogateescape") for record in records]
        return records

    def records(self, data, count, lengths):
        self.rest = self.split(data, count, lengths)
        records = iter(self.rest)
        while True:
            try:
                self.answer(records)
                return
            except BaseException as error:
                self.only(error)
                self.counted.pop(len(self.answers), None)
                self.flush()
                self.send("X", explain(error))
                self.answered += 1

    def answer(self, records):
        """Has records answered; an exception is of the one that was taken last."""
        function, text, results = self.function, self.text, self.results
        while True:
            answers = self.answers
            append = answers.append
            for record in itertools.islice(records, FLUSH):
                value = function(record)
                if type(value) is not text:
                    value = results(value)
                append(value)
            self.only()
            if len(answers) < FLUSH:
                return
            self.flush()

    def several(self, value):
        """The results of one record, as they are sent, if it is not just one text."""
        if type(value) is dict:
            return [as_json(value)]
        if value is None:
            return []
        if isinstance(value, (list, types.GeneratorType)):
            return [self.encode(item) for item in value if item is not None]
        return [self.encode(value)]

    def encode(self, value):
        if self.out == "json":
            if isinstance(value, bytes):
                value = value.decode("utf-8", "replace")
            return as_json(value)
        if isinstance(value, (bytes, bytearray)):
            return bytes(value)
        if isinstance(value, str):
            return value.encode("utf-8", "surrogateescape")
        return as_json(value)

    def flush(self):
        answers, self.answers = self.answers, []
        counted, self.counted = self.counted, {}
        if not answers:
            return
        self.answered += len(answers)
        if self.out == "lines":
            try:
                text = "\n".join(answers)
                if text.count("\n") == len(answers) - 1:
                    data = text.encode("utf-8", "surrogateescape")
                    self.send("T", struct.pack(">I", len(answers)), data, b"\n")
                    for counts in counted.values():
                        self.keep(counts)
                    return
            except (TypeError, UnicodeEncodeError):
                pass  # some answer is not just one text
        if self.out == "json" and not counted:
            try:
                results = [text.encode() for text in map(QUOTE, answers)]
                head = [len(results), *itertools.repeat(1, len(results)), *map(len, results)]
                self.send("O", struct.pack(">%dI" % len(head), *head), b"".join(results))
                return
            except (TypeError, UnicodeEncodeError):
                pass  # as above
        self.send_each(answers, counted)

    def send_pairs(self, answers):
        parts = [part for answer in answers for pair in answer for part in pair]
        head = [len(answers), *map(len, answers), *map(len, parts)]
        self.send("K", struct.pack(">%dI" % len(head), *head), b"".join(parts))

    def send_each(self, answers, counted):
        if self.pairs:
            self.send_pairs(answers)
            for counts in counted.values():
                self.keep(counts)
            return
        counts, results = [], []

        def send():
            if counts:
                head = [len(counts), *counts, *map(len, results)]
                self.send("O", struct.pack(">%dI" % len(head), *head), b"".join(results))
            counts.clear()
            results.clear()

        for number, answer in enumerate(answers):
            if type(answer) is str:
                try:
                    answer = [self.encode(answer)]
                except UnicodeEncodeError as error:
                    send()
                    self.send("X", explain(error))
                    continue
            counts.append(len(answer))
            results.extend(answer)
            self.keep(counted.get(number, {}))
        send()


def numbers(packed):
    return struct.unpack(">%dI" % (len(packed) // 4), packed)


def add(counts, key, amount):
    counts[key] = min(counts.get(key, 0) + amount, 2**64 - 1)


def pairs(value):
    """The keys and values that a function returned for --reduce, as bytes."""
    if value is None:
        return []
    if isinstance(value, dict):
        value = value.items()
    elif isinstance(value, tuple):
        value = [value]
    elif not isinstance(value, (list, types.GeneratorType)):
        raise TypeError("with --reduce a function returns (key, value), a list of these, a dict or "
                        "None, not %s" % type(value).__name__)
    return [pair(item) for item in value]


def pair(item):
    if not isinstance(item, tuple) or len(item) != 2:
        raise TypeError("with --reduce a result is (key, value), not %.80r" % (item,))
    return plain(item[0]), plain(item[1])


def plain(value):
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return as_json(value)


def reduce(module, name):
    """Calls the function for each key of the sorted lines on standard input."""
    output = sys.stdout.buffer
    sys.stdout = sys.stderr
    worker = Worker.__new__(Worker)  # for what it knows of results
    worker.pid = os.getpid()
    worker.out, worker.answers, worker.counted = "lines", [], {}
    here = sys.modules["gristmill"] = types.ModuleType("gristmill")
    here.document, here.count = None, worker.count

    def results(value):
        for item in value if isinstance(value, (list, types.GeneratorType)) else [value]:
            if isinstance(item, tuple):
                yield b"\t".join(map(plain, item))
            elif item is not None:
                yield worker.encode(item)

    def split(line):
        key, _, value = line.rstrip(b"\n").decode("utf-8", "surrogateescape").partition("\t")
        return key, value

    try:
        function = load(module, name)
        worker.only()
        worker.counted = {}
        lines = map(split, sys.stdin.buffer)
        for key, group in itertools.groupby(lines, key=lambda item: item[0]):
            for result in results(function(key, (value for _, value in group))):
                worker.only()
                output.write(result if result.endswith(b"\n") else result + b"\n")
            worker.only()
        output.flush()
    except BaseException as error:
        worker.only(error)
        sys.stderr.write(explain(error).decode("utf-8", "replace").partition("\n")[2])
        sys.exit(1)
    counted = worker.counted.get(0, {})
    if counted:
        sys.stderr.write("\n")  # what was printed may have no end
    for (group, counter), amount in counted.items():
        sys.stderr.write("reporter:counter:%s,%s,%d\n" % (group.decode(), counter.decode(), amount))


def leave(error):
    """Ends this process as a script would end here, but without what was prepared for its end."""
    code = 0
    try:
        if isinstance(error, SystemExit):
            code = error.code & 0xFF if isinstance(error.code, int) else int(error.code is not None)
            if error.code is not None and not isinstance(error.code, int):
                print(error.code, file=sys.stderr)
        elif error is not None:
            code = 1
            sys.stderr.write(explain(error).decode("utf-8", "replace").partition("\n")[2])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def as_json(value):
    try:
        return "".join(QUICK(value, 0)).encode("utf-8")
    except Exception:
        pass  # it is not there, or ENCODER says what is wrong with the value
    return ENCODER.encode(value).encode("utf-8")


def take(payload, at):
    (length,) = struct.unpack_from(">I", payload, at)
    at += 4
    return payload[at:at + length], at + length


def explain(error):
    """The reason in the first line, and the user's own traceback behind it."""
    reason = "".join(traceback.format_exception_only(type(error), error)).strip()
    reason = reason.splitlines()[-1] if reason else type(error).__name__
    trace = error.__traceback__
    while trace is not None and is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    details = "".join(traceback.format_exception(type(error), error, trace))
    return (reason + "\n" + details).encode("utf-8", "replace")


def is_ours(file):
    return file == __file__ or file.startswith("<frozen importlib") or file == importlib.__file__


def load(module, name):
    if module == "--code":
        code = compile("lambda line: (%s\n)" % name, "--code", "eval")
        return eval(code, {"json": json, "math": math, "re": re})
    if module.endswith(".py"):
        folder, file = os.path.split(module)
        sys.path.insert(0, folder)
        plain = file[:-3]
        spec = importlib.util.spec_from_file_location(plain, module)
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[plain] = loaded
        spec.loader.exec_module(loaded)
    else:
        folder, _, dotted = module.rpartition("/")
        if folder:
            sys.path.insert(0, folder)  # a module of the user's own
        loaded = importlib.import_module(dotted)
    function = loaded
    for part in name.split("."):
        function = getattr(function, part)
    if not callable(function):
        raise TypeError("%s is not a function but %s" % (name, type(function).__name__))
    setup = getattr(loaded, "setup", None)
    if callable(setup) and setup is not function:
        setup()
    return function


def takes_bytes(function):
    """Whether the function asks for bytes: `def tag(data: bytes)`."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return False
    return bool(parameters) and parameters[0].annotation in (bytes, "bytes")


def main():
    sys.path[0:1] = []  # this file's folder
    if sys.argv[1] == "--reduce":
        return reduce(sys.argv[2], sys.argv[3])
    worker = Worker()
    sys.stdout.reconfigure(line_buffering=True)  # what is printed is not lost when the worker is killed
    if worker.start(sys.argv[1], sys.argv[2]):
        worker.work()


main()

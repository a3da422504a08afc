"""`submit`: jobs on this machine, their results, quarantine and account."""

import json
import multiprocessing
import subprocess
import sys
import textwrap

import pytest

import gristmill as gm


def shout(text):
    return text.upper()


def first_bytes(data: bytes):
    return data[:4]


def words(text):
    return text.split() or None


def strict(line):
    if "mill" not in line:
        raise ValueError("no mill here")
    return {"line": line, "size": len(line)}


def pairs(line):
    return [(word, 1) for word in line.split()]


def counting(line):
    gm.count("lines")
    return gm.document


def setup():
    global READY
    READY = True


def is_ready(line):
    return READY


def test_lines(texts, monkeypatch):
    monkeypatch.chdir(texts)
    job = gm.submit(shout, ["t1.txt", "all.zip"], each="line")
    assert job.wait() is job and job.done()
    results = list(job.open())
    expected = []
    for name, path in [("t1.txt", "t1.txt")] + [("all.zip!/in/t%d.txt" % n, "t%d.txt" % n) for n in range(3)]:
        offset = 0
        for line in (texts / path).read_bytes().splitlines(keepends=True):
            expected.append((name, offset, line.decode().rstrip("\n").upper()))
            offset += len(line)
    assert results == expected
    assert job.quarantine() == []
    assert [(one["source"], one["in"], one["mapped"]) for one in job.account()] == [
        ("t1.txt", 100, 100), ("all.zip", 300, 300)
    ]  # fmt: skip


def test_documents_and_paragraphs(texts, tmp_path):
    results = list(gm.submit(first_bytes, texts / "t1.txt", each="document").open())
    assert [result.value for result in results] == [(texts / "t1.txt").read_bytes()[:4]]
    (tmp_path / "p.txt").write_text("one\ntwo\n\n\nthree\n")
    results = list(gm.submit(shout, tmp_path / "p.txt", each="paragraph").open())
    assert [(result.offset, result.value.rstrip("\n")) for result in results] == [(0, "ONE\nTWO"), (10, "THREE")]
    with pytest.raises(ValueError, match="each='page'"):
        gm.submit(shout, tmp_path / "p.txt", each="page")


def test_several_results_and_none(texts):
    job = gm.submit(words, texts / "t0.txt")
    lines = (texts / "t0.txt").read_text(encoding="utf-8").split("\n")
    assert [result.value for result in job.open()] == [word for line in lines for word in line.split()]


def test_what_is_set_aside(texts):
    job = gm.submit(strict, texts / "t0.txt")
    with pytest.raises(gm.Quarantined, match="ValueError: no mill here") as caught:
        job.wait()
    lines = (texts / "t0.txt").read_text(encoding="utf-8").splitlines()
    bad = [line for line in lines if "mill" not in line]
    assert 0 < len(bad) < len(lines)
    entries = job.quarantine()
    assert [entry.record for entry in entries] == bad
    assert caught.value.entries == entries[:10]
    assert 'raise ValueError("no mill here")' in entries[0].details
    assert "gristmill_call" not in entries[0].details
    with pytest.raises(gm.Quarantined):
        job.open()
    expected = [{"line": line, "size": len(line)} for line in lines if "mill" in line]
    assert [result.value for result in job.results()] == expected
    allowed = gm.submit(strict, texts / "t0.txt", allow_quarantine="90%")
    assert [result.value for result in allowed.open()] == expected
    assert allowed.account()[0]["quarantined"] == len(bad)


def test_reduce(texts):
    job = gm.submit(pairs, texts / "t0.txt", reduce="sum")
    counts = {}
    for word in (texts / "t0.txt").read_text(encoding="utf-8").split():
        counts[word] = counts.get(word, 0) + 1
    assert dict(job.open()) == counts


def odd_keys(line):
    return [(key, 1) for key in ODD]


ODD = ["C:\\new", "a\tb", "a\nb", "\r", "\\t", "\\\\x41", "\x01\x7f", "é\\"]


@pytest.mark.parametrize("reduce", ["sum", "distinct"])
def test_keys_come_back_as_they_are(tmp_path, reduce):
    (tmp_path / "one").write_text("1\n")
    found = dict(gm.submit(odd_keys, tmp_path / "one", reduce=reduce).open())
    assert found == {key: 1 for key in ODD}


def test_lines_of_a_reduce_program_are_left_alone(tmp_path):
    (tmp_path / "one").write_text("C:\\new\n")
    job = gm.submit(lambda line: [(line, 1)], tmp_path / "one", reduce="cat")
    assert list(job.open()) == [("C:\\new", "1")]


def test_counters_and_the_name_of_the_document(texts, tmp_path, monkeypatch):
    monkeypatch.chdir(texts)
    job = gm.submit(counting, "t1.txt", output=tmp_path / "out")
    assert {result.value for result in job.open()} == {"t1.txt"}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["counters"] == [{"group": "user", "name": "lines", "value": 100}] or (
        "lines" in json.dumps(manifest["counters"]) and "100" in json.dumps(manifest["counters"])
    )
    assert gm.document is None
    gm.count("outside")  # counts nothing


def test_setup_of_the_functions_module(texts):
    assert {result.value for result in gm.submit(is_ready, texts / "t1.txt").open()} == {True}


def test_files_that_a_function_opens(texts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "suffix.txt").write_text("!")

    def suffixed(line):
        with open("data/suffix.txt") as file:
            return line + file.read()

    job = gm.submit(suffixed, texts / "t1.txt", ship=["data/suffix.txt"])
    assert all(result.value.endswith("!") for result in job.open())


def test_values_that_cannot_travel(texts):
    for value, what in [((1, 2), "tuple"), ({1: 2}, "int"), (float, "type"), ([{"a": {3}}], "set")]:
        job = gm.submit(lambda line, value=value: {"v": value}, texts / "t1.txt", keep_going=True)
        with pytest.raises(gm.Quarantined, match="TypeError: .* of type %s cannot travel" % what):
            job.wait()


def test_a_job_that_fails(texts):
    with pytest.raises(gm.JobFailed, match="ZeroDivisionError"):
        gm.submit(lambda line: 1 / 0, [texts / "t0.txt", texts / "t1.txt"], chunk_size="4KiB").wait()
    with pytest.raises(ValueError, match="nonsense"):
        gm.submit(shout, texts / "t0.txt", nonsense=1).wait()


def slow(line):
    import time

    time.sleep(60)


def test_timeouts_and_cancel(texts):
    job = gm.submit(slow, texts / "t0.txt")
    with pytest.raises(multiprocessing.TimeoutError):
        job.wait(timeout=0.1)
    assert not job.done()
    job.cancel()
    with pytest.raises(gm.JobFailed, match="no account"):
        job.account()
    assert job.done()
    with pytest.raises(gm.JobFailed):
        job.wait()


SCRIPT = """
    import sys
    from gristmill import Pool, submit
    import helper

    def twice(line):
        return helper.mark(line) + MARK

    MARK = "!"
    def count(path):
        return sum(result.value.endswith("?!") for result in submit(twice, path).open())

    if __name__ == "__main__":
        print(count(sys.argv[1]))
"""


@pytest.mark.parametrize("cloudpickle", [True, False])
def test_a_script_with_its_modules(tmp_path, texts, cloudpickle):
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    (tmp_path / "helper.py").write_text("def mark(line):\n    return line + '?'\n")
    command = [sys.executable, str(tmp_path / "script.py"), str(texts / "t0.txt")]
    if not cloudpickle:
        hide = "import sys, runpy; sys.modules['cloudpickle'] = None; sys.argv = sys.argv[1:]; "
        hide += "sys.path.insert(0, %r); import script; sys.modules['__main__'] = script; " % str(tmp_path)
        hide += "print(script.count(sys.argv[1]))"
        command = [sys.executable, "-c", hide, *command[1:]]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.stdout == "100\n", done.stderr


def test_lambdas_and_closures(texts, monkeypatch):
    mark = "?"
    job = gm.submit(lambda line: line + mark, texts / "t0.txt")
    assert all(result.value.endswith("?") for result in job.open())
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(TypeError, match="pip install cloudpickle"):
        gm.submit(lambda line: line + mark, texts / "t0.txt")


def test_pickled_functions_ask_for_their_python(texts, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (2, 7, 0, "final", 0))
    job = gm.submit(lambda line: line, texts / "t0.txt")
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"pickled by Python 2\.7, and the worker has Python 3"):
        job.wait()

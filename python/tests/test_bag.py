"""Each verb of the bag beside dask.bag's, over the same files."""

import json
import operator
import os
import time

import pytest

import gristmill as gm

db = pytest.importorskip("dask.bag")
dask = pytest.importorskip("dask")


@pytest.fixture(autouse=True, scope="module")
def here():
    with dask.config.set(scheduler="synchronous"):
        yield


def path(record):
    return record["path"]


def is_error(record):
    return record["status"] >= 500


def add_bytes(total, record):
    return total + record["bytes"]


def most(one, other):
    return one if one["bytes"] >= other["bytes"] else other


def by_count(pair):
    return (pair[1], pair[0])


def numbered(lines):
    return ["%d %s" % (n, line) for n, line in enumerate(lines) if n % 500 == 0]


def canonical(items):
    return sorted(items, key=repr)


# A verb of both, and how its results are compared.
SAME = {
    "map": lambda b: b.map(json.loads).map(path),
    "map with arguments": lambda b: b.map(json.loads).map(lambda r, k, d=0: (r[k], d), "status", d=3),
    "starmap": lambda b: b.map(lambda l: (l, 3)).starmap(lambda l, n, m=0: l[n:-1] + str(m), m=2),
    "filter": lambda b: b.map(json.loads).filter(is_error),
    "remove": lambda b: b.map(json.loads).remove(is_error),
    "pluck": lambda b: b.map(json.loads).pluck("status"),
    "pluck several": lambda b: b.map(json.loads).pluck(["status", "path"]),
    "pluck one of a list": lambda b: b.map(json.loads).pluck(["status"]),
    "pluck a default": lambda b: b.map(json.loads).pluck("none", "-"),
    "pluck several with a default": lambda b: b.map(json.loads).pluck(["none", "path"], "-"),
    "pluck a place": lambda b: b.map(str.split).pluck(1),
    "flatten": lambda b: b.map(str.split).flatten(),
    "lines": lambda b: b,
    "map_partitions": lambda b: b.map_partitions(numbered),
    "map_partitions behind map": lambda b: b.map(str.strip).map_partitions(numbered).map(str.upper),
    "map_partitions with arguments": lambda b: b.map_partitions(lambda lines, n: list(lines)[:n], 2),
    "topk": lambda b: b.map(json.loads).pluck("bytes").topk(7),
    "topk of a key": lambda b: b.map(json.loads).map(path).frequencies().topk(5, key=by_count),
    "topk of a place": lambda b: b.map(lambda l: (l, len(l))).topk(1, key=1).pluck(1),
    "chained": lambda b: b.map(json.loads).map(path).frequencies().map(lambda p: p[1]).topk(3),
}
SETS = {
    "frequencies": lambda b: b.map(json.loads).map(path).frequencies(),
    "frequencies of lines": lambda b: b.frequencies(),
    "frequencies of numbers": lambda b: b.map(json.loads).pluck("status").frequencies(),
    "frequencies of tuples": lambda b: b.map(json.loads).map(lambda r: (r["path"], r["status"])).frequencies(),
    "frequencies of mixed": lambda b: b.map(json.loads).map(
        lambda r: [None, 1, 1.0, True, "a\tb", "ä\\", b"x", 2.5][r["bytes"] % 8]
    ).frequencies(),
    "distinct": lambda b: b.map(json.loads).map(path).distinct(),
    "distinct of a key": lambda b: b.map(json.loads).map(path).distinct(key=len).map(len),
    "foldby": lambda b: b.map(json.loads).foldby("path", add_bytes, 0, operator.add, 0),
    "foldby without initial": lambda b: b.map(json.loads).foldby(path, most).map(lambda p: (p[0], p[1]["bytes"])),
    "foldby then filter": lambda b: b.map(json.loads).foldby(path, add_bytes, 0, operator.add).filter(
        lambda pair: pair[1] > 20_000
    ),
}  # fmt: skip
ITEMS = {
    "fold": lambda b: b.map(json.loads).fold(add_bytes, operator.add, 0),
    "fold without initial": lambda b: b.map(len).fold(operator.add),
    "count": lambda b: b.count(),
    "sum": lambda b: b.map(len).sum(),
    "max": lambda b: b.map(len).max(),
    "min": lambda b: b.map(len).min(),
    "mean": lambda b: b.map(len).mean(),
    "any": lambda b: b.map(lambda l: "p36" in l).any(),
    "all": lambda b: b.map(lambda l: "p36" in l).all(),
    "frequencies then count": lambda b: b.map(json.loads).map(path).frequencies().count(),
    "reduction": lambda b: b.map(len).reduction(sum, max if False else sum),
}


def bags(logs):
    files = [str(logs / "app.0.gz"), str(logs / "app.1.gz"), str(logs / "app.log")]
    return gm.read_text(files), db.read_text(files, compression="infer")


@pytest.mark.parametrize("verb", SAME)
def test_in_order(logs, verb):
    ours, theirs = map(SAME[verb], bags(logs))
    found = ours.compute()
    assert found == list(theirs.compute())
    assert found


@pytest.mark.parametrize("verb", SETS)
def test_as_a_set(logs, verb):
    ours, theirs = map(SETS[verb], bags(logs))
    found = ours.compute()
    assert canonical(found) == canonical(theirs.compute())
    assert found


@pytest.mark.parametrize("verb", ITEMS)
def test_one_value(logs, verb):
    ours, theirs = map(ITEMS[verb], bags(logs))
    assert ours.compute() == theirs.compute()


def test_take(logs):
    ours, theirs = bags(logs)
    assert ours.take(3) == theirs.take(3)
    assert ours.map(json.loads).pluck("bytes").take(2) == theirs.map(json.loads).pluck("bytes").take(2)
    assert len(ours.take(100_000)) == 6000


def test_take_reads_no_more_than_it_needs(logs):
    begun = time.monotonic()
    slow = gm.read_text(str(logs / "app.log"), threads=1).map(lambda l: (time.sleep(0.05), l)[1])
    assert len(slow.take(1)) == 1
    assert time.monotonic() - begun < 2000 * 0.05 / 4


def test_fold_of_nothing(logs):
    none = bags(logs)[0].filter(lambda line: False).map(len)
    assert none.fold(operator.add, initial=0).compute() == 0
    assert none.compute() == [] and none.frequencies().compute() == [] and none.take(3) == ()
    with pytest.raises(TypeError, match="no items"):
        none.fold(operator.add).compute()


def test_to_textfiles(logs, tmp_path):
    ours, theirs = bags(logs)
    paths = [b.map(str.strip).to_textfiles(str(tmp_path / name / "*.gz")) for b, name in
             ((ours, "ours"), (theirs, "theirs"))]  # fmt: skip
    assert paths[0] == [str(tmp_path / "ours" / "0.gz")]
    assert db.read_text(paths[0]).map(str.strip).compute() == db.read_text(paths[1]).map(str.strip).compute()
    assert ours.map(str.strip).take(2) == gm.read_text(paths[0]).map(str.strip).take(2)
    (plain,) = ours.pluck(0).to_textfiles(tmp_path / "plain", last_endline=True)
    assert plain == str(tmp_path / "plain" / "0.part")
    assert open(plain).read() == "{\n" * 6000


def test_textfiles_of_a_job_that_fails_are_not_there(logs, tmp_path):
    with pytest.raises(gm.Quarantined):
        bags(logs)[0].map(lambda line: "%d" % (1 / (len(line) % 3))).to_textfiles(tmp_path / "*.txt")
    assert list(tmp_path.iterdir()) == []


def test_archives_are_opened(texts):
    names = ["t0.txt", "t1.txt", "t2.txt"]
    theirs = db.read_text([str(texts / name) for name in names])
    ours = gm.read_text(texts / "all.zip")
    assert ours.compute() == theirs.compute()
    assert ours.map(str.split).flatten().frequencies().topk(3, key=1).pluck(1).compute() == (
        theirs.map(str.split).flatten().frequencies().topk(3, key=1).pluck(1).compute()
    )
    assert gm.read_text(texts / "all.zip", include="t1.txt").count().compute() == 100
    # The file and the archive's member.
    assert gm.read_text(texts, include="t1.txt").count().compute() == 200


def test_names_of_files(texts, tmp_path, monkeypatch):
    monkeypatch.chdir(texts)
    pairs = gm.read_text("t*.txt", include_path=True).compute()
    assert [name for _, name in pairs] == ["t%d.txt" % n for n in range(3) for _ in range(100)]
    with pytest.raises(FileNotFoundError, match="no file matches"):
        gm.read_text("none-*.txt")
    with pytest.raises(FileNotFoundError, match="no such file"):
        gm.read_text("none.txt")
    with pytest.raises(ValueError, match="--nonsense"):
        gm.read_text("t0.txt", nonsense=3).compute()


def test_lines_without_their_ends(texts):
    lines = gm.read_text(texts / "t1.txt", line_ends=False).compute()
    assert lines == (texts / "t1.txt").read_text(encoding="utf-8").splitlines()


def test_encodings(tmp_path):
    (tmp_path / "latin").write_bytes("müßig\nna\n".encode("latin-1"))
    assert gm.read_text(tmp_path / "latin", encoding="latin-1").compute() == ["müßig\n", "na\n"]
    with pytest.raises(gm.Quarantined, match="UnicodeDecodeError") as caught:
        gm.read_text(tmp_path / "latin").compute()
    assert caught.value.results == ["na\n"]
    replaced = gm.read_text(tmp_path / "latin", errors="replace").compute()
    assert replaced == ["m\ufffd\ufffdig\n", "na\n"]


def test_strange_lines(tmp_path):
    text = "a\x0bb\x1c\u2028c\x85\n\n \t\n\x00\nlast"
    (tmp_path / "odd.txt").write_bytes(text.encode())
    ours = gm.read_text(tmp_path / "odd.txt").compute()
    theirs = db.read_text(str(tmp_path / "odd.txt")).compute()
    # The end of a last line that has none is put there: the only difference.
    assert ours == [*theirs[:-1], theirs[-1] + "\n"]


def test_an_error_names_document_and_offset(logs):
    def strict(line):
        record = json.loads(line)
        if record["bytes"] == 1234:
            raise LookupError("not that one")
        return record["bytes"]

    bag = gm.read_text(str(logs / "app.log")).map(strict)
    with pytest.raises(gm.Quarantined) as caught:
        bag.compute()
    (entry,) = caught.value.entries
    data = (logs / "app.log").read_bytes()
    lines = data.splitlines(keepends=True)
    assert entry.document == str(logs / "app.log")
    assert entry.offset == sum(map(len, lines[:1234]))
    assert entry.reason == "LookupError: not that one"
    assert entry.record == lines[1234].decode().rstrip("\n")
    assert 'raise LookupError("not that one")' in entry.details or "in strict" in entry.details
    assert "bagworker.py" not in entry.details and "stages.py" not in entry.details
    assert "app.log at byte %d" % entry.offset in str(caught.value)
    # All others are there, in order.
    assert caught.value.results == [n for n in range(2000) if n != 1234]
    allowed = gm.read_text(str(logs / "app.log"), allow_quarantine=1).map(strict)
    assert allowed.compute() == [n for n in range(2000) if n != 1234]
    assert allowed.sum().compute() == sum(range(2000)) - 1234
    assert dict(allowed.map(lambda n: n % 2).frequencies()) == {0: 999, 1: 1000}


def test_a_function_that_always_fails(logs):
    with pytest.raises(gm.JobFailed, match="ZeroDivisionError"):
        gm.read_text(str(logs / "app.log")).map(lambda line: 1 / 0).compute()


def test_a_worker_that_is_killed_costs_its_record_only(logs):
    def killing(line):
        if '"bytes": 7}' in line:
            os.kill(os.getpid(), 9)
        return 1

    bag = gm.read_text(str(logs / "app.log"), allow_quarantine=1).map(killing)
    assert bag.sum().compute() == 1999


def test_results_stream(logs):
    # A job that would end with an error has given its results before that.
    seen = 0
    with pytest.raises(gm.Quarantined):
        for _ in gm.read_text(str(logs / "app.log")).map(lambda line: 1 / (0 if "1900}" in line else 1)):
            seen += 1
    assert seen == 1999


def test_functions_of_a_script(tmp_path, logs):
    # Without cloudpickle, what a script defines is found by loading the script.
    import subprocess
    import sys

    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "sys.modules['cloudpickle'] = None\n"
        "import gristmill as gm\n"
        "def size(line):\n"
        "    return len(line)\n"
        "print('loaded', file=sys.stderr)\n"
        "if __name__ == '__main__':\n"
        "    print(gm.read_text(sys.argv[1]).map(size).sum().compute())\n"
    )
    done = subprocess.run(
        [sys.executable, str(script), str(logs / "app.log")], stdout=subprocess.PIPE, text=True, check=True
    )
    assert int(done.stdout) == len((logs / "app.log").read_text())

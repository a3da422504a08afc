"""A pool and jobs over a real RabbitMQ, with functions that a key has signed."""

import os

import pytest

import gristmill as gm
from gristmill import program


def square(x):
    return x * x


def fails_at_three(x):
    if x == 3:
        raise ValueError("three", x)
    if x == 5:
        os.kill(os.getpid(), 9)
    return [x]


class Own(Exception):
    pass


def own(x):
    raise Own("mine")


def stops(x):
    return next(iter(())) if x == 1 else x


def describe(*args, **kwargs):
    return {"args": list(args), "kwargs": kwargs}


def begin(value):
    global GLOBAL
    GLOBAL = value


def get_global(_):
    return GLOBAL


def shout(text):
    return text.upper()


@pytest.fixture(scope="module")
def pool(signed):
    cluster, key = signed
    with gm.Pool(cluster.url, sign=key) as pool:
        yield pool


def test_map(pool):
    assert isinstance(pool, gm.Pool)
    assert pool.map(square, range(1000)) == [x * x for x in range(1000)]
    assert pool.map(square, []) == []


def test_values_come_back_as_they_are(pool):
    values = [b"\0\xff", "ä\ud800\n\0", 1 << 70, -0.5, True, None, [1, [2]], {"a": {"b": [None]}}, "", b"", {"v": 1}]
    back = list(pool.imap(lambda value: value, values))
    assert back == values and list(map(type, back)) == list(map(type, values))
    assert pool.starmap(describe, [["x", "y"], [[1], None]]) == [
        {"args": ["x", "y"], "kwargs": {}}, {"args": [[1], None], "kwargs": {}}
    ]  # fmt: skip


def test_exceptions_in_their_places(pool):
    it = pool.imap(fails_at_three, range(8))
    found = []
    while len(found) < 8:
        try:
            found.append(next(it))
        except Exception as error:
            found.append(error)
    with pytest.raises(StopIteration):
        next(it)
    assert found[:3] + found[4:5] + found[6:] == [[0], [1], [2], [4], [6], [7]]
    assert type(found[3]) is ValueError and found[3].args == ("three", 3)
    assert 'raise ValueError("three", x)' in str(found[3].__cause__)
    assert type(found[5]) is gm.WorkerLost and "SIGKILL" in str(found[5])
    with pytest.raises(ValueError, match="three"):
        pool.map(fails_at_three, [1, 3])
    with pytest.raises(gm.RemoteError, match="Own") as caught:
        pool.map(own, [1])
    assert caught.value.args[1:] == ("mine",)
    with pytest.raises(RuntimeError, match="the function raised StopIteration"):
        list(pool.imap(stops, range(3)))


def test_calls(pool):
    said = []
    result = pool.apply_async(describe, ("a", [1]), {"k": "v"}, callback=said.append)
    assert result.get(timeout=120) == {"args": ["a", [1]], "kwargs": {"k": "v"}}
    assert said == [result.get()]


def test_what_cannot_travel(pool):
    for value in [(1, 2), {1: 2}, {3}, object, 1j, bytearray(b"x")]:
        with pytest.raises(TypeError, match="only bytes, str, or values of JSON"):
            pool.map(square, [value])
    with pytest.raises(TypeError, match="a value of type tuple cannot travel"):
        pool.map(lambda x: (x, x), [1])
    with pytest.raises(ValueError, match="at most"):
        pool.map(len, ["x" * (4 << 20)])


def test_initializer(signed):
    cluster, key = signed
    with gm.Pool(cluster.url, begin, ("told",), sign=key) as pool:
        assert pool.map(get_global, range(20)) == ["told"] * 20
    with pytest.raises(ValueError, match="not running"):
        pool.map(square, [1])


def test_close_and_join(signed):
    cluster, key = signed
    pool = gm.Pool(cluster.url, sign=key)
    result = pool.map_async(square, range(10))
    pool.close()
    pool.join()
    assert result.get(timeout=0) == [x * x for x in range(10)]


def test_submit(signed, texts, monkeypatch):
    cluster, key = signed
    monkeypatch.chdir(texts)
    here = list(gm.submit(shout, ["t1.txt", "all.zip"]).open())
    job = gm.submit(shout, ["t1.txt", "all.zip"], broker=cluster.url, sign=key)
    assert list(job.open()) == here
    assert job.quarantine() == []
    assert sum(one["in"] for one in job.account()) == 400


def test_what_is_not_signed_is_not_run(signed, texts):
    cluster, _ = signed
    job = gm.submit(shout, texts / "t1.txt", broker=cluster.url)
    with pytest.raises(gm.TimeoutError):
        job.wait(timeout=5)
    assert "sign" in job.status()
    job.cancel()


def test_terminate(signed):
    cluster, _ = signed
    pool = gm.Pool(cluster.url)  # without a key: it waits for a mapper for ever
    result = pool.map_async(square, range(10))
    with pytest.raises(gm.TimeoutError):
        result.get(timeout=3)
    pool.terminate()
    pool.join()
    with pytest.raises(gm.PoolEnded):
        result.get(timeout=60)


def test_no_broker():
    with gm.Pool("amqp://127.0.0.1:1", connect_timeout=1) as pool:
        with pytest.raises(gm.JobFailed, match="127.0.0.1:1"):
            pool.map(square, [1])


def test_a_reducer_that_cannot_work(signed, texts, tmp_path):
    # The job waited for it for ever.
    cluster, key = signed
    (tmp_path / "file").write_text("")
    job = gm.submit(shout, texts / "t1.txt", broker=cluster.url, sign=key, output=tmp_path / "file")
    with pytest.raises(gm.JobFailed, match="the reducer of job .* has ended: .*Not a directory"):
        job.wait(timeout=120)
    assert job.name not in program.status("--all", cluster.url) or "cancelled" in job.status()


def test_a_job_that_cannot_be_cancelled(signed, texts):
    cluster, _ = signed
    job = gm.submit(shout, texts / "t1.txt", broker=cluster.url)
    job._broker = "amqp://127.0.0.1:1"
    with pytest.raises(gm.JobFailed, match="may still run on the broker"):
        job.cancel()
    job._broker = cluster.url
    job.cancel()
    job.cancel()  # what is gone is gone

"""What the tests share: a corpus, and a real RabbitMQ with a mapper that runs functions."""

import gzip
import os
import signal
import subprocess
import sys
import zipfile

import pytest

import gristmill as gm
from gristmill import binary

# A shell starts what it puts in the background with this signal ignored, which children inherit; tests
# send it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def pool():
    with gm.Pool(3) as pool:
        yield pool


@pytest.fixture(scope="session")
def logs(tmp_path_factory):
    """Logs as JSON lines, gzipped but for the last."""
    folder = tmp_path_factory.mktemp("logs")
    for number in range(3):
        lines = []
        for n in range(2000):
            status = (200, 200, 200, 404, 500)[(n * 7 + number) % 5]
            line = '{"path": "/p%d", "status": %d, "bytes": %d}\n'
            lines.append(line % ((n * n + number) % 37, status, n))
        data = "".join(lines).encode()
        if number < 2:
            with gzip.open(str(folder / ("app.%d.gz" % number)), "wb") as file:
                file.write(data)
        else:
            (folder / "app.log").write_bytes(data)
    return folder


@pytest.fixture(scope="session")
def texts(tmp_path_factory):
    """Three texts with umlauts, and an archive of them."""
    folder = tmp_path_factory.mktemp("texts")
    words = ["the", "mill", "grinds", "slowly", "müßig", "café", "naïve"]
    for number in range(3):
        lines = [" ".join(words[(n + k * number) % 7] for k in range(n % 6)) for n in range(100)]
        (folder / ("t%d.txt" % number)).write_text("\n".join(lines) + "\n", encoding="utf-8")
    with zipfile.ZipFile(str(folder / "all.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.write(str(folder / ("t%d.txt" % number)), "in/t%d.txt" % number)
    return folder


class Cluster:
    """A broker on loopback, and mappers."""

    def __init__(self):
        node = os.environ.get("GRISTMILL_TEST_NODE")
        if not node:
            pytest.skip("GRISTMILL_TEST_NODE names no program that starts a broker (tests/python/run)")
        self.node = subprocess.Popen([node], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.node.stdout.readline().strip()
        assert self.url.startswith("amqp://127.0.0.1") or "@127.0.0.1" in self.url, self.url
        self.mappers = []

    def mapper(self, *words):
        """Starts a mapper."""
        command = [binary.find(), "map", "--quiet", "--threads", "2", *words]
        # Its `python3` is the one that runs these tests: their modules import what that has.
        path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
        env = {**os.environ, "GRISTMILL_BROKER": self.url, "PATH": path}
        self.mappers.append(subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL))
        return self.mappers[-1]

    def stop(self):
        for mapper in self.mappers:
            mapper.terminate()
        for mapper in self.mappers:
            mapper.wait()
        self.node.stdin.close()
        self.node.wait()


@pytest.fixture(scope="session")
def signed(tmp_path_factory):
    """A cluster whose mapper runs what a key has signed: the cluster, and the key."""
    cluster = Cluster()
    key = str(tmp_path_factory.mktemp("keys") / "team.key")
    try:
        subprocess.run([binary.find(), "exec-key", key], check=True, stdout=subprocess.DEVNULL)
        cluster.mapper("--exec", "signed", "--exec-keys", key + ".pub")
        yield cluster, key
    finally:
        cluster.stop()

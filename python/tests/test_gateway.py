"""Gateways and channels: execnet's shape, to interpreters of this machine."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import types

import pytest

import gristmill as gm


def doubling(channel, factor=2):
    for item in channel:
        channel.send(item * factor)


def fails(channel):
    channel.send(1)
    raise LookupError("not there")


@pytest.fixture
def gateway():
    gateway = gm.makegateway()
    yield gateway
    gateway.exit()


def test_functions(gateway):
    channel = gateway.remote_exec(doubling)
    channel.send(4)
    assert channel.receive() == 8
    channel.send("ab")
    assert channel.receive(timeout=30) == "abab"
    other = gateway.remote_exec(doubling, factor=3)  # beside the first
    other.send(1)
    assert other.receive(timeout=30) == 3
    channel.send([1])
    assert channel.receive(timeout=30) == [1, 1]


def test_texts_and_modules(gateway):
    channel = gateway.remote_exec("""
        import os
        channel.send(os.getpid())
        channel.send(__name__)
    """)
    assert channel.receive() != os.getpid()
    assert channel.receive() == "__channelexec__"
    channel.waitclose(30)
    with pytest.raises(EOFError):
        channel.receive()
    with pytest.raises(OSError, match="cannot send"):
        channel.send(1)
    assert channel.isclosed()


def test_values(gateway):
    channel = gateway.remote_exec("for item in channel: channel.send(item)")
    values = [None, True, -1, 1 << 80, 1.5, 1j, "ä\ud800", b"\xff", (), [(1,)], {"a": {2}}, frozenset("b"), "x" * 3_000_000]
    for value in values:
        channel.send(value)
    for value in values:
        back = channel.receive(timeout=30)
        assert back == value and type(back) is type(value)
    for wrong in [object(), len, bytearray(b"x"), [memoryview(b"x")], {"a": range(3)}, Ellipsis]:
        with pytest.raises(gm.DumpError, match="cannot be sent"):
            channel.send(wrong)


def test_errors_are_the_other_ends(gateway):
    channel = gateway.remote_exec(fails)
    assert channel.receive() == 1
    for _ in range(2):
        with pytest.raises(channel.RemoteError, match="LookupError: not there") as caught:
            channel.receive()
    assert "in fails" in caught.value.formatted and "gatewaychild" not in caught.value.formatted
    with pytest.raises(gm.RemoteError):
        channel.waitclose()
    channel = gateway.remote_exec("this is no python")
    with pytest.raises(channel.RemoteError, match="SyntaxError"):
        channel.receive()


def test_timeouts(gateway):
    channel = gateway.remote_exec("channel.receive()")
    begun = time.monotonic()
    with pytest.raises(channel.TimeoutError):
        channel.receive(timeout=0.1)
    with pytest.raises(channel.TimeoutError):
        channel.waitclose(timeout=0.1)
    assert time.monotonic() - begun < 10
    channel.send(None)
    channel.waitclose(30)


def test_closing(gateway):
    channel = gateway.remote_exec("for item in channel: pass\nopen(channel.receive.__name__)")
    channel.close()
    channel.close()
    channel = gateway.remote_exec("""
        try:
            channel.receive()
        except EOFError:
            pass
    """)
    channel.close()
    with pytest.raises(EOFError):
        channel.receive(timeout=30)


def test_printing_is_no_message(gateway):
    channel = gateway.remote_exec("import sys; print('printed'); sys.stdout.flush(); channel.send(sys.stdin.read())")
    assert channel.receive(timeout=30) == ""


def test_callbacks(gateway):
    found = []
    channel = gateway.remote_exec("for n in range(5): channel.send(n)")
    channel.setcallback(found.append, endmarker="end")
    channel.waitclose(30)
    assert found == [0, 1, 2, 3, 4, "end"]
    with pytest.raises(OSError, match="callback"):
        channel.receive()


def test_several_channels():
    group = gm.Group(["popen//id=one", "popen//id=two"])
    assert [gateway.id for gateway in group] == ["one", "two"] and len(group) == 2
    assert group["two"] is group[1]
    channels = group.remote_exec(doubling)
    assert len(channels) == 2 and channels[0] in channels
    channels.send_each(3)
    assert channels.receive_each() == [6, 6]
    channels.send_each(1)
    pairs = channels.receive_each(withchannel=True)
    assert [(channel.gateway.id, item) for channel, item in pairs] == [("one", 2), ("two", 2)]
    answers = gm.MultiChannel(list(channels)).make_receive_queue(endmarker=None)
    for number, channel in enumerate(channels):
        channel.send(number)
    found = [answers.get(timeout=30) for _ in range(2)]
    assert {channel.gateway.id: item for channel, item in found} == {"one": 0, "two": 2}
    group.terminate()
    assert [answers.get(timeout=30)[1] for _ in range(2)] == [None, None]
    assert len(group) == 0


def test_specs(tmp_path):
    spec = "popen//python=%s//chdir=%s//env:WHO=me" % (sys.executable, tmp_path)
    gateway = gm.makegateway(spec)
    channel = gateway.remote_exec("import os; channel.send([os.getcwd(), os.environ['WHO']])")
    assert channel.receive() == [str(tmp_path), "me"]
    gateway.exit()
    for wrong in ("ssh=there", "socket=there:8888"):
        with pytest.raises(ValueError, match="interpreters of this machine"):
            gm.makegateway(wrong)


def test_sources_that_are_none(gateway):
    outer = 1

    def closed(channel):
        channel.send(outer)

    def wrong(x):
        pass

    for source, error in [(closed, "around it"), (wrong, "first parameter"), (lambda channel: 1, "lambda")]:
        with pytest.raises(ValueError, match=error):
            gateway.remote_exec(source)
    with pytest.raises(TypeError):
        gateway.remote_exec(7)
    with pytest.raises(TypeError):
        gateway.remote_exec("channel.send(1)", a=1)


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(what):
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.01)


STARTS = """
    import os, subprocess, time
    child = subprocess.Popen(["sleep", "600"])
    channel.send([os.getpid(), child.pid])
    time.sleep(600)
"""


def test_exit_leaves_nothing():
    gateway = gm.makegateway()
    pids = gateway.remote_exec(STARTS).receive(timeout=30)
    assert gateway.hasreceiver()
    gateway.exit()
    gateway.exit()
    until(lambda: not any(map(alive, pids)))
    assert not gateway.hasreceiver()
    with pytest.raises(OSError, match="ended"):
        gateway.remote_exec("channel.send(1)")


@pytest.mark.parametrize("how", ["end", "SIGKILL", "SIGINT"])
def test_a_script_that_ends_leaves_nothing(tmp_path, how):
    script = """
        import sys, time
        import gristmill as gm
        channel = gm.makegateway().remote_exec(%r)
        print(*channel.receive(), flush=True)
        if sys.argv[1] != "end":
            channel.receive()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script) % STARTS, how], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    pids = [int(one) for one in process.stdout.readline().split()]
    assert len(pids) == 2
    if how != "end":
        process.send_signal(signal.Signals[how])
    process.communicate(timeout=30)
    until(lambda: not any(map(alive, pids)))


def test_a_worker_that_is_killed():
    gateway = gm.makegateway()
    channel = gateway.remote_exec("import os; channel.send(os.getpid()); channel.receive()")
    os.kill(channel.receive(), signal.SIGKILL)
    with pytest.raises(EOFError):  # as in execnet
        channel.receive(timeout=30)
    # A loop over the channel ended as if all had come.
    with pytest.raises(gm.RemoteError, match=r"has ended by signal 9 \(SIGKILL\)"):
        list(channel)
    with pytest.raises(gm.RemoteError, match="SIGKILL"):
        channel.waitclose(timeout=30)
    until(lambda: gateway._session.over)
    try:
        late = gateway.remote_exec("channel.send(1)")
    except OSError:
        pass
    else:
        with pytest.raises(gm.RemoteError):
            late.receive(timeout=30)
    gateway.exit()


def test_a_gateway_that_is_ended_here():
    gateway = gm.makegateway()
    channel = gateway.remote_exec("channel.send(1); channel.receive()")
    assert channel.receive(timeout=30) == 1
    gateway.exit()
    assert list(channel) == []


def test_a_callback_that_wants_to_leave():
    gateway = gm.makegateway()
    channel = gateway.remote_exec("channel.send(channel.receive()); channel.send(2)")
    seen = []
    channel.setcallback(lambda item: (seen.append(item), sys.exit(1)))
    channel.send(1)
    channel.waitclose(timeout=30)
    assert seen == [1, 2]
    gateway.exit()


def test_modules(tmp_path, gateway):
    (tmp_path / "remote_part.py").write_text(
        "if __name__ == '__channelexec__':\n    channel.send(channel.receive() + 1)\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        import remote_part
    finally:
        sys.path.remove(str(tmp_path))
    assert isinstance(remote_part, types.ModuleType)
    channel = gateway.remote_exec(remote_part)
    channel.send(1)
    assert channel.receive() == 2


def test_something_that_keeps_the_pipe_of_a_gateway():
    gateway = gm.makegateway()
    source = """
        import os, time
        left, leaves = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setsid()
            os.write(leaves, b"x")
            time.sleep(600)
            os._exit(0)
        os.read(left, 1)
        channel.send(pid)
    """
    pid = gateway.remote_exec(source).receive(timeout=30)
    try:
        ended = threading.Thread(target=gateway.exit, daemon=True)
        ended.start()
        ended.join(30)
        assert not ended.is_alive()
        assert alive(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_callback_that_ends_its_gateway():
    gateway = gm.makegateway()
    channel = gateway.remote_exec("channel.send(1); channel.receive()")
    ended = threading.Event()
    channel.setcallback(lambda item: (gateway.exit(), ended.set()))
    assert ended.wait(30)
    assert not gateway.hasreceiver()


def test_a_group_knows_its_gateways_by_their_ids_each_once():
    group = gm.Group()
    try:
        first = group.makegateway("popen//id=first")
        second = group.makegateway()
        assert "first" in group and second.id in group and first in group
        assert "other" not in group
        with pytest.raises(ValueError, match="already have gateway with id 'first'"):
            group.makegateway("popen//id=first")
        group.makegateway("popen//id=gw1")
        assert group.makegateway().id == "gw2"
        assert len(group) == 4
        channel = first.remote_exec("channel.send(channel.gateway.id)")
        assert channel.receive(timeout=30) == "first-worker"
    finally:
        group.terminate()

"""What the dashboard costs with 500 jobs and 1,000 workers: scripting in a browser, memory of the server."""

import contextlib
import os
import pathlib
import socket
import subprocess
import time

from selenium.webdriver.support.ui import WebDriverWait

from browser import GRISTMILL, broker, browser, free_port

CROWD = os.environ["CROWD"]
SEEN = float(os.environ["SECONDS_SEEN"])
JOBS, ACTIVE, WORKERS = 500, 50, 1000
MOST_SCRIPTING = 50  # milliseconds a second
MOST_MEMORY = 64  # MiB


def memory(process):
    """The most resident memory that a process had, in MiB."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def processor_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def metrics(driver):
    found = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return {metric["name"]: metric["value"] for metric in found}


# How long the page's script takes, in milliseconds: reading a view and showing it.
COUNT = """
window.spent = 0;
const timed = (work) => (...words) => { const began = performance.now(); try { return work(...words); } finally { window.spent += performance.now() - began; } };
JSON.parse = timed(JSON.parse.bind(JSON));
window.take = timed(window.take);
"""


def stalled(port):
    """A viewer that asks for the events and never reads."""
    viewer = socket.create_connection(("127.0.0.1", port))
    viewer.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return viewer


def main():
    with broker() as url, contextlib.ExitStack() as stack:
        environment = dict(os.environ, GRISTMILL_BROKER=url, GRISTMILL_CONNECT_TIMEOUT="120")
        port = free_port()
        words = [GRISTMILL, "dashboard", "--listen", f"127.0.0.1:{port}"]
        server = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL)
        stack.callback(lambda: (server.terminate(), server.wait()))
        wait = WebDriverWait(None, 120, ignored_exceptions=[Exception])
        wait.until(lambda _: socket.create_connection(("127.0.0.1", port)).close() is None)
        crowd = [CROWD, url, str(JOBS), str(ACTIVE), str(WORKERS)]
        crowd = subprocess.Popen(crowd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stack.callback(lambda: (crowd.stdin.close(), crowd.wait()))
        assert crowd.stdout.readline() == "ready\n", "the crowd is not ready"
        viewers = [stalled(port) for _ in range(20)]
        driver = browser()
        stack.callback(driver.quit)
        driver.get(f"http://127.0.0.1:{port}/")
        rows = lambda name: driver.execute_script(f"return document.querySelectorAll('#{name} tr').length")
        WebDriverWait(driver, 120).until(lambda _: (rows("jobs"), rows("workers")) == (JOBS, WORKERS))
        driver.execute_cdp_cmd("Performance.enable", {})
        driver.execute_script(COUNT)
        before, began, spent = metrics(driver), time.monotonic(), processor_seconds(server)
        views = driver.execute_script("return latest.at")
        time.sleep(SEEN)
        after, seconds = metrics(driver), time.monotonic() - began
        assert driver.execute_script("return latest.at") > views, "no view came"
        part = lambda name: (after[name] - before[name]) * 1000 / seconds
        scripting = driver.execute_script("return window.spent") / seconds
        print(f"{JOBS} jobs ({ACTIVE} go on), {WORKERS} workers, {len(viewers)} viewers that never read, {seconds:.0f} s, load {os.getloadavg()[0]:.1f}")
        print(f"browser, ms a second: {scripting:.1f} scripting, {part('RecalcStyleDuration') + part('LayoutDuration'):.1f} style and layout, {part('TaskDuration'):.1f} in all")
        print(f"server: {memory(server):.1f} MiB at most, {(processor_seconds(server) - spent) * 1000 / seconds:.1f} ms of processor time a second")
        assert scripting < MOST_SCRIPTING, f"{scripting:.1f} ms of scripting a second"
        assert memory(server) < MOST_MEMORY, f"{memory(server):.1f} MiB"


if __name__ == "__main__":
    main()

"""Opens reports and the dashboard in a headless browser, and fails on the first thing that is not right."""

import base64
import contextlib
import gzip
import json
import math
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import time

from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

GRISTMILL = os.environ["GRISTMILL"]
WORK = pathlib.Path(os.environ["WORK"])
PICTURES = os.environ["PICTURES"]
SAMPLES = pathlib.Path("samples").resolve()

KINDS = {
    "status": ["access-log", "--by", "status", SAMPLES / "logs"],
    "hours": ["access-log", "--by", "time:hour", SAMPLES / "logs"],
    "words": ["word-count", SAMPLES / "texts"],
    "lines": ["grep", "GET", SAMPLES / "logs"],
    "hits": ["grep", "-c", "-H", "GET", SAMPLES / "logs"],
    "sizes": ["wc", SAMPLES / "texts"],
    "tags": ["pos", SAMPLES / "texts"],
    "texts": ["extract", SAMPLES / "texts"],
    "groups": ["group-by", "--parse", "json", "--by", "level", "--sum", "ms", WORK / "groups.jsonl"],
    "quantiles": ["group-by", "--parse", "json", "--by", "level", "--quantiles", "ms:0.1,0.25,0.5,0.75,0.9,0.99", "--min", "ms", "--max", "ms", WORK / "groups.jsonl"],
    "program": ["exec", "--each", "document", "--", "wc", "-c", ":::", SAMPLES / "texts"],
}


def gristmill(*words, **options):
    words = [GRISTMILL, *map(str, words)]
    return subprocess.run(words, check=True, capture_output=True, text=True, **options)


def browser(scripts=True):
    options = webdriver.ChromeOptions()
    if not scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    for word in ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1100,900", "--hide-scrollbars"]:
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.binary_location = shutil.which("chromium")
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    # axe-core looks at every cell of a table.
    driver.set_script_timeout(300)
    return driver


def check_page(driver, name):
    """No console error, no request off the page, no serious finding of axe-core in light and in dark."""
    errors = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert not errors, (name, errors)
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            assert url.startswith(("file://", "http://127.0.0.1:", "data:", "chrome:", "about:")), (name, url)
    # axe-core looks at every cell: fifty rows of a table are enough.
    driver.execute_script("document.querySelectorAll('tbody').forEach((body) => { while (body.rows.length > 50) body.deleteRow(-1); });")
    papers = set()
    for scheme in ["light", "dark"]:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        papers.add(driver.execute_script("return getComputedStyle(document.body).backgroundColor"))
        findings = Axe().run(driver)["violations"]
        serious = [finding["id"] for finding in findings if finding["impact"] in ("serious", "critical")]
        assert not serious, (name, scheme, serious, [finding["nodes"][0]["html"] for finding in findings])
    assert len(papers) == 2, (name, papers)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "light"}]})


def picture(driver, name):
    if PICTURES:
        driver.save_screenshot(f"{PICTURES}/{name}.png")


def reports(driver):
    levels = ["info", "warn", "<b>bold</b>", "info"] * 100
    spread = statistics.NormalDist(3, 1)
    numbers = [math.exp(spread.inv_cdf((number * 7919 % 400 + 0.5) / 400)) for number in range(400)]
    lines = [{"level": level, "ms": round(number, 3)} for number, level in zip(numbers, levels)]
    (WORK / "groups.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name, words in KINDS.items():
        out = WORK / name
        gristmill("run", words[0], "-o", out, "--allow-quarantine", "100%", "--report", *words[1:])
        driver.get(f"file://{out}.report.html")
        assert "Verified" in driver.find_element(By.CLASS_NAME, "verdict").text
        check_page(driver, name)
        for table in driver.find_elements(By.CSS_SELECTOR, "table.sortable"):
            head = table.find_elements(By.TAG_NAME, "button")[-1]
            cells = lambda: [row.find_elements(By.TAG_NAME, "td")[-1].text for row in table.find_elements(By.CSS_SELECTOR, "tbody tr")[:50]]
            head.click()
            assert head.find_element(By.XPATH, "..").get_attribute("aria-sort") == "descending"
            numbers = [float(cell.replace(",", "")) for cell in cells() if cell.replace(",", "").replace(".", "").isdigit()]
            assert numbers == sorted(numbers, reverse=True), (name, numbers)
        for field in driver.find_elements(By.CSS_SELECTOR, "input[type=search]"):
            field.send_keys("no such text anywhere")
        shown = [row for row in driver.find_elements(By.CSS_SELECTOR, "table.sortable tbody tr") if row.is_displayed()]
        assert not shown, name
        print(f"report of {name}: opens, sorts, filters")
        if name == "quantiles":
            check_histograms(driver)
        if name in ("status", "hours", "quantiles"):
            driver.refresh()
            driver.execute_script("window.scrollTo(0, 0)")
            picture(driver, f"report-{name}")
        paper = driver.execute_cdp_cmd("Page.printToPDF", {})["data"]
        (WORK / f"{name}.pdf").write_bytes(base64.b64decode(paper))


def check_histograms(driver):
    """The first group's histogram is open; another one that is opened takes its place."""
    groups = driver.find_elements(By.CSS_SELECTOR, "details[name=histogram-0]")
    shown = lambda: [group.find_element(By.TAG_NAME, "rect").is_displayed() for group in groups]
    assert shown() == [True, False, False], shown()
    groups[1].find_element(By.TAG_NAME, "summary").click()
    assert shown() == [False, True, False], shown()


def without_scripts():
    """Tables, charts and the choice of a histogram are there where scripts are off."""
    driver = browser(scripts=False)
    try:
        driver.get(f"file://{WORK / 'quantiles'}.report.html")
        assert not driver.find_elements(By.CSS_SELECTOR, "input, th button"), "scripts run"
        rows = driver.find_elements(By.CSS_SELECTOR, "table tbody tr")
        assert len(rows) >= 3 and all(row.is_displayed() for row in rows)
        check_histograms(driver)
        print("without scripts: tables are there, and another histogram opens")
    finally:
        driver.quit()


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def broker():
    """A RabbitMQ of its own, on the loopback; stops only what it started."""
    home = WORK / "broker"
    home.mkdir()
    os.chmod(WORK, 0o755)
    home.chmod(0o777)
    plugins = home / "plugins"
    plugins.write_text("[].")
    port, dist, epmd = free_port(), free_port(), free_port()
    environment = dict(
        os.environ, HOME=str(home), RABBITMQ_NODENAME="pages@localhost", RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
        RABBITMQ_NODE_PORT=str(port), RABBITMQ_DIST_PORT=str(dist), ERL_EPMD_PORT=str(epmd), ERL_EPMD_ADDRESS="127.0.0.1",
        RABBITMQ_MNESIA_BASE=str(home / "data"), RABBITMQ_LOG_BASE=str(home / "logs"), RABBITMQ_ENABLED_PLUGINS_FILE=str(plugins),
    )
    server = subprocess.Popen(["rabbitmq-server"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield f"amqp://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
        subprocess.run(["epmd", "-port", str(epmd), "-kill"], stdout=subprocess.DEVNULL, check=False)


def dashboard(driver):
    with broker() as url, contextlib.ExitStack() as stack:
        environment = dict(os.environ, GRISTMILL_BROKER=url, GRISTMILL_CONNECT_TIMEOUT="120")
        results = WORK / "results"

        def start(*words):
            process = subprocess.Popen([GRISTMILL, *map(str, words)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(lambda: (process.terminate(), process.wait()))
            return process

        port = free_port()
        start("dashboard", "--listen", f"127.0.0.1:{port}", "--results", results)
        start("reduce", "-o", results)
        # Long enough that the mapper is still at work when its first report comes.
        corpus = WORK / "corpus"
        corpus.mkdir()
        for copy in range(100):
            for book in (SAMPLES / "texts").iterdir():
                (corpus / f"{copy}-{book.name}").symlink_to(book)
        # Not whole: it is set aside while the job goes on.
        (corpus / "0-broken.gz").write_bytes(gzip.compress(b"some text\n" * 10000)[:60])
        gristmill("produce", "pos", "--job", "words", corpus, "-L", env=environment)
        wait = WebDriverWait(driver, 180, ignored_exceptions=[Exception])
        driver.get(f"http://127.0.0.1:{port}/")
        row = lambda: driver.find_element(By.XPATH, "//tbody[@id='jobs']/tr[contains(., 'words')]").text
        wait.until(lambda _: "pos" in row())
        mapper = start("map", "--threads", "1")
        wait.until(lambda _: "map" in driver.find_element(By.ID, "workers").text)
        assert "RabbitMQ" in driver.find_element(By.ID, "broker-facts").text
        percent = lambda: float(driver.find_element(By.CSS_SELECTOR, "#jobs progress").get_attribute("value"))
        seen = []
        for _ in range(3):
            wait.until(lambda _: percent() > max(seen, default=0))
            seen.append(percent())
        assert seen[-1] < 100, "it was over too soon"
        wait.until(lambda _: driver.find_elements(By.CSS_SELECTOR, "#jobs svg"))
        picture(driver, "dashboard")
        driver.find_element(By.LINK_TEXT, "words").click()
        wait.until(lambda _: "truncated" in driver.find_element(By.ID, "reasons").text)
        rates = lambda: [figure.text for figure in driver.find_elements(By.CSS_SELECTOR, "#rates figcaption")]
        wait.until(lambda _: "mapping: 0/s" not in rates()[1] and "merging: 0 " not in rates()[2])
        check_page(driver, "job that goes on")
        picture(driver, "dashboard-job")
        driver.get(f"http://127.0.0.1:{port}/")
        mapper.send_signal(signal.SIGKILL)
        wait.until(lambda _: "silent for" in driver.find_element(By.ID, "workers").text or "finished" in row())
        start("map")
        wait.until(lambda _: "finished" in row())
        wait.until(lambda _: "open" in row())
        check_page(driver, "dashboard")
        driver.find_element(By.LINK_TEXT, "words").click()
        wait.until(lambda _: driver.find_element(By.ID, "job-name").is_displayed())
        assert "gristmill cancel words" in driver.find_element(By.ID, "cancel").text
        check_page(driver, "job")
        with_token(driver, start, results)
        driver.set_window_size(390, 800)
        driver.get(f"http://127.0.0.1:{port}/")
        wait.until(lambda _: "finished" in row())
        wide = driver.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"the page is {wide} pixels wider than a phone"
        driver.find_element(By.LINK_TEXT, "open").click()
        wait.until(lambda _: "Verified" in driver.page_source)
        check_page(driver, "report over HTTP")
        print("dashboard: a job appears, moves, loses its mapper, finishes; its page and its report open")


def with_token(driver, start, results):
    """A page with a token asks for it, and saves a report."""
    port, file = free_port(), WORK / "token"
    file.write_text("a secret")
    start("dashboard", "--listen", f"127.0.0.1:{port}", "--results", results, "--token-file", file)
    wait = WebDriverWait(driver, 60, ignored_exceptions=[Exception])
    wait.until(lambda _: driver.get(f"http://127.0.0.1:{port}/") or driver.find_element(By.ID, "token").is_displayed())
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(WORK)})
    driver.find_element(By.ID, "token").send_keys("wrong\n")
    wait.until(lambda _: "wrong" in driver.find_element(By.ID, "state").text)
    driver.find_element(By.ID, "token").clear()
    driver.find_element(By.ID, "token").send_keys("a secret\n")
    wait.until(lambda _: driver.find_element(By.CSS_SELECTOR, "#jobs button").is_displayed())
    driver.find_element(By.CSS_SELECTOR, "#jobs button").click()
    saved = WORK / "words.report.html"
    wait.until(lambda _: saved.exists() and "Verified" in saved.read_text())
    # Without the token it answered 401, as it should, and so the browser says.
    driver.get_log("browser")
    print("dashboard with a token: it asks for it, and saves a report")


def main():
    driver = browser()
    try:
        reports(driver)
        without_scripts()
        dashboard(driver)
    finally:
        driver.quit()


if __name__ == "__main__":
    start = time.monotonic()
    main()
    print(f"all pages hold, {time.monotonic() - start:.0f} s")

"""Opens reports and the dashboard in a headless browser, and fails on the first thing that is not right."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
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
}


def gristmill(*words, **options):
    words = [GRISTMILL, *map(str, words)]
    return subprocess.run(words, check=True, capture_output=True, text=True, **options)


def browser():
    options = webdriver.ChromeOptions()
    for word in ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1100,900", "--hide-scrollbars"]:
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.binary_location = shutil.which("chromium")
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    # axe-core looks at every cell of a table.
    driver.set_script_timeout(300)
    return driver


def check_page(driver, name):
    """No console error, no request off the page, no serious finding of axe-core."""
    errors = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert not errors, (name, errors)
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            assert url.startswith(("file://", "http://127.0.0.1:", "data:", "chrome:", "about:")), (name, url)
    # axe-core looks at every cell: fifty rows of a table are enough.
    driver.execute_script("document.querySelectorAll('tbody').forEach((body) => { while (body.rows.length > 50) body.deleteRow(-1); });")
    findings = Axe().run(driver)["violations"]
    serious = [finding["id"] for finding in findings if finding["impact"] in ("serious", "critical")]
    assert not serious, (name, serious, [finding["nodes"][0]["html"] for finding in findings])


def picture(driver, name):
    if PICTURES:
        driver.save_screenshot(f"{PICTURES}/{name}.png")


def reports(driver):
    lines = [{"level": level, "ms": number / 4} for number, level in enumerate(["info", "warn", "<b>bold</b>"] * 20)]
    (WORK / "groups.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name, words in KINDS.items():
        out = WORK / name
        gristmill("run", *words, "-o", out, "--allow-quarantine", "100%", "--report")
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
        if name in ("status", "hours"):
            driver.refresh()
            picture(driver, f"report-{name}")


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
        gristmill("produce", "pos", "--job", "words", corpus, "-L", env=environment)
        wait = WebDriverWait(driver, 180, ignored_exceptions=[Exception])
        driver.get(f"http://127.0.0.1:{port}/")
        row = lambda: driver.find_element(By.XPATH, "//tbody[@id='jobs']/tr[contains(., 'words')]").text
        wait.until(lambda _: "pos" in row())
        mapper = start("map", "--threads", "1")
        wait.until(lambda _: "map" in driver.find_element(By.ID, "workers").text)
        picture(driver, "dashboard")
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
        picture(driver, "dashboard-job")
        driver.set_window_size(390, 800)
        driver.get(f"http://127.0.0.1:{port}/")
        wait.until(lambda _: "finished" in row())
        wide = driver.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"the page is {wide} pixels wider than a phone"
        driver.find_element(By.LINK_TEXT, "open").click()
        wait.until(lambda _: "Verified" in driver.page_source)
        check_page(driver, "report over HTTP")
        print("dashboard: a job appears, loses its mapper, finishes; its page and its report open")


def main():
    driver = browser()
    try:
        reports(driver)
        dashboard(driver)
    finally:
        driver.quit()


if __name__ == "__main__":
    start = time.monotonic()
    main()
    print(f"all pages hold, {time.monotonic() - start:.0f} s")

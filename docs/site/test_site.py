"""Checks that the docs site is complete and usable, in a real browser as wide as a desktop, a tablet and a phone.

`make docstest` runs this; `make test` does not, for it needs Zensical and Selenium, and Debian's chromium.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urldefrag
from urllib.request import urlopen

import build_site
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

# As Debian names it, and GitHub's machines.
CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
IN_A_BROWSER = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="there is no chromium: apt-get install chromium chromium-driver"
)
WIDTHS = {"desk": 1280, "tablet": 830, "phone": 390}  # pixels
SCHEMES = ("light", "dark")
LONGEST_WAIT = 60  # seconds, for a browser on a busy machine
LEAST_CONTRAST = 4.5  # of text and what is behind it (WCAG 2, level AA)
PAGES = [build_site.at(page).removesuffix(".md") for page in build_site.navigation()]
PAGES = [f"{page.removesuffix('README')}index.html" if page.endswith("README") else f"{page}.html" for page in PAGES]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    build_site.build(folder)
    return folder


# --- Whole -----------------------------------------------------------------------------------------------------------


class Html(HTMLParser):
    """The links and the ids of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        self.ids |= {str(named[name]) for name in ("id", "name") if named.get(name)}
        self.links |= {str(named[name]) for name in ("href", "src") if named.get(name)}


def test_every_link_of_every_page_leads_to_a_file_and_a_place_in_it(site: Path) -> None:
    pages = {file: Html(file.read_text("utf-8")) for file in site.rglob("*.html") if file.name != "404.html"}
    assert len(pages) > 100
    broken = []
    for file, page in pages.items():
        for link in page.links:
            path, anchor = urldefrag(link)
            if ":" in path:
                continue
            there = (file.parent / unquote(path)).resolve() if path else file
            there = there / "index.html" if there.is_dir() else there
            if not there.is_file() or (anchor and there in pages and unquote(anchor) not in pages[there].ids):
                broken.append(f"{file.relative_to(site)}: {link}")
    assert broken == []


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """built(Markdown) -> the home page of a project that has only this README."""
    config = tmp_path / "mkdocs.yml"
    config.write_text(build_site.CONFIG.read_text("utf-8").partition("nav:")[0] + "nav:\n  - Home: README.md\n")
    (tmp_path / build_site.ICON).write_text("<svg/>")
    for name, path in {"CONFIG": config, "ROOT": tmp_path, "STAGE": tmp_path / "stage"}.items():
        monkeypatch.setattr(build_site, name, path)

    def build(text: str) -> str:
        (tmp_path / "README.md").write_text(text)
        build_site.build(tmp_path / "site")
        return (tmp_path / "site" / "index.html").read_text("utf-8")

    return build


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        ("nowhere.md", "README.md: the link to nowhere.md leads nowhere."),
        ("#there", "anchor does not exist"),
        ("Makefile#there", "anchor does not exist"),
    ],
)
def test_a_link_that_leads_nowhere_is_said_and_the_old_site_stays(
    link: str, sentence: str, built: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "Makefile").write_text("all:\n")
    before = built("# Here\n\n[here](#here), [code](Makefile)\n")
    with pytest.raises(SystemExit) as stopped:
        built(f"# Here\n\n[there]({link})\n")
    assert sentence in str(stopped.value)
    assert "Traceback" not in str(stopped.value)
    assert (tmp_path / "site" / "index.html").read_text("utf-8") == before


def test_what_belongs_to_an_item_of_a_list_is_in_it(built: Callable[[str], str]) -> None:
    page = built(
        "# Here\n\n1. One:\n   - inner\n2. Two:\n\n   ```yaml\n   - a:\n       b\n   ```\n\n```yaml\n- c:\n   d\n```\n"
    )
    article = page.partition("<article")[2].partition("</article>")[0]
    (items,) = re.findall(r"<ol>(.*)</ol>", article, re.DOTALL)
    assert "<ul>\n<li>inner</li>\n</ul>" in items
    plain = re.sub(r"<[^>]+>", "", article)
    assert "- a:\n    b\n" in plain
    assert "- c:\n   d\n" in plain


def shown(folder: Path, port: int) -> subprocess.Popen[str]:
    """A process that shows the site in the folder."""
    listens = "signal.signal(signal.SIGINT, signal.default_int_handler)"  # ignored after a script with &
    command = f"import pathlib, signal, build_site; {listens}; build_site.serve(pathlib.Path({str(folder)!r}), {port})"
    pipe, here = subprocess.PIPE, Path(build_site.__file__).parent
    return subprocess.Popen([sys.executable, "-c", command], cwd=here, stdout=pipe, stderr=pipe, encoding="utf-8")


def test_the_site_is_shown_until_ctrl_c_and_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("here")
    with shown(tmp_path, 0) as first:
        assert first.stdout
        address = first.stdout.readline().split()[4].rstrip(",")
        with urlopen(address, timeout=LONGEST_WAIT) as response:
            assert response.read() == b"here"
        with shown(tmp_path, int(address.rpartition(":")[2])) as second:
            _, said = second.communicate(timeout=LONGEST_WAIT)
        assert (second.returncode, said.count("\n")) == (1, 1)
        assert said.endswith("Are the docs shown already?\n")
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=LONGEST_WAIT)
    assert first.returncode == 0


# --- In a browser ----------------------------------------------------------------------------------------------------


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def chromium(address: str) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    # No other machine can be reached, so that a page that needs one shows it.
    alone = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    for option in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", alone):
        options.add_argument(option)
    browser = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield browser
    browser.quit()


def show(browser: Any, page: str, width: int = 1280, scheme: str = "light") -> None:
    """Open the page in a window of that width (in pixels), for a reader who prefers that scheme."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    preferred = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", preferred)
    browser.get("about:blank")
    # A first visit: no earlier choice of a scheme is remembered.
    browser.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": page, "storageTypes": "local_storage"})
    browser.get(page)
    scheme = {"light": "default", "dark": "slate"}[scheme]
    WebDriverWait(browser, LONGEST_WAIT).until(
        lambda _: browser.execute_script("return document.body.dataset.mdColorScheme") == scheme
    )


# What can be too wide: the page; a table or a code block that does not scroll; a picture.
TOO_WIDE = """
const column = document.querySelector("article").getBoundingClientRect();
const around = document.querySelector("article").parentElement.getBoundingClientRect();  // with the padding
const scrolls = one => ["auto", "scroll"].includes(getComputedStyle(one).overflowX);
const within = (one, box) => {
    const {left, right} = one.getBoundingClientRect();
    return left >= box.left - 1 && right <= box.right + 1;
};
const held = one => {
    for (; one && one.tagName !== "ARTICLE"; one = one.parentElement)
        if (scrolls(one) && within(one, around)) return true;
    return false;
};
const found = [...document.querySelectorAll("article table, article pre, article img")]
    .filter(one => !within(one, one.tagName === "PRE" ? around : column) && !held(one))
    .map(one => one.tagName + ": " + one.textContent.trim().slice(0, 60));
if (document.documentElement.scrollWidth > innerWidth) found.push("the page");
return found;
"""
CONTRAST = """
document.getAnimations().forEach(one => one.cancel());  // colours may still fade from one scheme into the other
const channels = color => color.match(/[\\d.]+/g).map(Number);
const light = color => {
    const [r, g, b] = channels(color).map(part => part / 255)
        .map(part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const over = (color, ground) => {  // as the browser paints it, whatever notation it has
    canvas.fillStyle = ground; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return "rgb(" + [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).join(",") + ")";
};
const behind = one => {
    const grounds = [];
    for (; one; one = one.parentElement) grounds.push(getComputedStyle(one).backgroundColor);
    return grounds.reverse().reduce((ground, color) => over(color, ground), "rgb(255,255,255)");
};
const contrast = one => {
    const ground = behind(one), [a, b] = [light(over(getComputedStyle(one).color, ground)), light(ground)];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
};
const elements = document.querySelectorAll("article :is(p, td, li, h2, pre code, a:not(.headerlink))");
return [Math.min(...[...elements].map(contrast)), light(behind(document.querySelector("article")))];
"""


@IN_A_BROWSER
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_nothing_is_wider_than_the_text_and_all_is_legible(
    width: int, scheme: str, chromium: Any, address: str
) -> None:
    wrong = {}
    for page in PAGES:
        show(chromium, f"{address}/{page}", width, scheme)
        contrast, ground = chromium.execute_script(CONTRAST)
        assert (ground < 0.2) == (scheme == "dark")
        found = chromium.execute_script(TOO_WIDE)
        if contrast < LEAST_CONTRAST:
            found.append(f"contrast {contrast:.2f}")
        if found:
            wrong[page] = found
    assert wrong == {}


@IN_A_BROWSER
def test_markdown_is_rendered_and_code_can_be_copied_and_nothing_comes_from_elsewhere(
    chromium: Any, address: str
) -> None:
    for page in PAGES:
        show(chromium, f"{address}/{page}")
        left = chromium.execute_script("""
            const text = document.querySelector("article").cloneNode(true);
            text.querySelectorAll("code, pre").forEach(one => one.remove());
            return text.textContent.match(/```|\\]\\(|\\*\\*|^\\|.*\\|$|^- /m);
        """)
        assert left is None, (page, left)
        blocks = chromium.find_elements(By.CSS_SELECTOR, "article pre > code")
        buttons = chromium.find_elements(By.CSS_SELECTOR, "article [data-md-type=copy]")
        assert len(buttons) == len(blocks), page
        pictures = chromium.execute_script(
            "return [...document.querySelectorAll('img')].filter(one => !one.naturalWidth).map(one => one.src)"
        )
        assert pictures == [], page
        fetched = chromium.execute_script("return performance.getEntriesByType('resource').map(one => one.name)")
        assert [one for one in fetched if not one.startswith((address, "data:", "blob:"))] == [], page


@IN_A_BROWSER
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_the_search_finds_a_word_and_leads_to_it(width: int, chromium: Any, address: str) -> None:
    show(chromium, f"{address}/index.html", width)
    wait = WebDriverWait(chromium, LONGEST_WAIT)
    ways = chromium.find_elements(By.CSS_SELECTOR, ".md-search__button, .md-header__button[for=__search]")
    next(way for way in ways if way.is_displayed()).click()
    with_shadow = "return [...document.querySelectorAll('*')].find(one => one.shadowRoot)"
    dialog = wait.until(lambda browser: browser.execute_script(with_shadow)).shadow_root
    (field,) = wait.until(lambda _: dialog.find_elements(By.CSS_SELECTOR, "input"))
    field.send_keys("fingerprints")
    found = wait.until(lambda _: dialog.find_elements(By.CSS_SELECTOR, "a[href]"))
    chromium.get(found[0].get_attribute("href"))
    assert "ingerprints" in chromium.find_element(By.CSS_SELECTOR, "article mark").text


@IN_A_BROWSER
def test_the_copy_button_copies_the_commands_without_prompt_and_output(chromium: Any, address: str) -> None:
    show(chromium, f"{address}/index.html")
    clipboard = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    chromium.execute_cdp_cmd("Browser.grantPermissions", {"permissions": clipboard, "origin": address})
    block = chromium.find_element(By.CSS_SELECTOR, "article pre")
    assert block.text.startswith("$ make demo\n...")
    button = block.find_element(By.CSS_SELECTOR, "[data-md-type=copy]")
    webdriver.ActionChains(chromium).move_to_element(block).pause(0.3).click(button).perform()
    copied = "return navigator.clipboard.readText()"
    assert WebDriverWait(chromium, LONGEST_WAIT).until(lambda _: chromium.execute_script(copied)) == "make demo"

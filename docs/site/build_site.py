"""Builds the docs site: copies the Markdown and everything that it links to, and lets Zensical turn it into HTML.

    python docs/site/build_site.py            writes site/; a broken link or anchor is an error
    python docs/site/build_site.py --serve    also serves it, until Ctrl-C

The site has the pages that mkdocs.yml names, and the pages that they link to. A link to code leads to a page that shows
the file, so the site does not need the address of a repository. The READMEs in template/ and patterns/ are written for
the copies that `make new` creates: what their folder lacks comes from the template or from the project, as in a copy.
"""

import posixpath
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = Path(__file__).with_name("mkdocs.yml")
STYLE = Path(__file__).with_name("console.css")
STAGE = ROOT / "build" / "site"  # mkdocs.yml and pages/, from which Zensical makes site/
ICON = "icon.svg"
PORT = 8001

COPY = re.compile(r"(template|patterns)/source-[^/]+/")
TEMPLATE = "template/source-river-levels/"
LAYERS = {TEMPLATE: "source_river_levels", "": "source_stock_ticker"}  # below a pattern: folder, and its package
PICTURES = (".png", ".svg")
LANGUAGES = {".json": "json", ".py": "python", ".yaml": "yaml", ".yml": "yaml"}
FENCED = re.compile(r"^( *)(`{3,}).*?^\1\2$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^)\s#:]*)(#[^)\s]*)?\)")
ITEM = re.compile(r"(?:\d+\.|[-*]) ")
COLOURS = re.compile(r"\x1b\[[\d;]*m")


def navigation() -> list[str]:
    """The pages that mkdocs.yml names, as paths from the project's folder."""
    return re.findall(r"^ +- (?:.+: )?(\S+\.md)$", CONFIG.read_text("utf-8"), re.MULTILINE)


def stage(folder: Path) -> None:
    """Copy the pages into the folder, and the files that they link to."""
    known = {*navigation(), ICON}
    waiting = deque(known)
    while waiting:
        file = waiting.popleft()
        staged = folder / at(file)
        staged.parent.mkdir(parents=True, exist_ok=True)
        if file.endswith(PICTURES):
            shutil.copy(ROOT / file, staged)
        elif file.endswith(".md"):
            text, targets = with_links(file)
            staged.write_text(text, "utf-8")
            waiting.extend(targets - known)
            known |= targets
        else:
            staged.write_text(page_of(file), "utf-8")


def at(file: str) -> str:
    """Where a file is on the site: pages and pictures as they are, code on a separate page."""
    visible = re.sub(r"(^|/)\.", r"\1dot-", file)  # Zensical leaves hidden files out
    return visible if file.endswith((".md", *PICTURES)) else f"{visible}.md"


def page_of(file: str) -> str:
    """A page that shows a file of code; the search leaves it out."""
    text = (ROOT / file).read_text("utf-8")
    fence = max(["``", *re.findall(r"`{3,}", text)], key=len) + "`"
    language = LANGUAGES.get(Path(file).suffix, "text")
    return f"---\nsearch:\n  exclude: true\n---\n\n# {file}\n\n{fence}{language}\n{text.rstrip()}\n{fence}\n"


def with_links(page: str) -> tuple[str, set[str]]:
    """(the page with links that work on the site, the files that they lead to). Fenced blocks stay unchanged."""
    text, targets = "".join(deeper((ROOT / page).read_text("utf-8").splitlines(keepends=True))), set()

    def link(match: re.Match[str]) -> str:
        label, address, anchor = match.groups("")
        target = meant(page, address) if address else section_of_copy(page, text, anchor)
        if target is None:
            return label[1:-1]
        targets.add(target)
        return f"{label}({posixpath.relpath(at(target), posixpath.dirname(page) or '.')}{anchor})"

    parts, end = [], 0
    for fenced in FENCED.finditer(text):
        parts += [LINK.sub(link, text[end : fenced.start()]), fenced[0]]
        end = fenced.end()
    parts.append(LINK.sub(link, text[end:]))
    return "".join(parts).replace("<details>", "<details markdown>"), targets  # as GitHub does by default


def deeper(lines: Iterable[str]) -> Iterator[str]:
    """The lines, with the content of list items indented by four spaces, which Zensical's Markdown requires."""
    fenced, missing = False, 0
    for line in lines:
        if line.startswith("```"):
            fenced, missing = not fenced, 0
        elif not fenced and (item := ITEM.match(line)):
            missing = 4 - len(item[0])
        elif line.strip() and not line.startswith(" "):
            missing = 0
        elif line.strip():
            line = " " * missing + line
        yield line


def meant(page: str, address: str) -> str | None:
    """The file that a link leads to; None for a folder without a README, and for what only a copy has."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), address))
    choices, copy = [path, f"{path}/README.md"], COPY.match(page)
    if copy:
        inside = path.removeprefix(copy[0])
        choices += [layer + re.sub(r"^source_[a-z_]+", package, inside) for layer, package in LAYERS.items()]
    for choice in choices:
        if (ROOT / choice).is_file():
            return choice
    if copy or (ROOT / path).is_dir():
        return None
    sys.exit(f"{page}: the link to {address} leads nowhere.")


def section_of_copy(page: str, text: str, anchor: str) -> str:
    """The page with a section: this one, or the template's README if a pattern leaves the section to the template."""
    heading = anchor.removeprefix("#").replace("-", " ")
    own = not page.startswith("patterns/source-") or re.search(rf"^#+ {heading}$", text, re.IGNORECASE | re.MULTILINE)
    return page if own else f"{TEMPLATE}README.md"


def build(site: Path) -> None:
    """Build the site in the folder. On an error, exit with its message and leave the folder unchanged."""
    shutil.rmtree(STAGE, ignore_errors=True)
    stage(STAGE / "pages")
    shutil.copy(CONFIG, STAGE)
    shutil.copy(STYLE, STAGE / "pages")
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    done = subprocess.run(command, cwd=STAGE, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        said = COLOURS.sub("", done.stdout + done.stderr).partition("Traceback")[0]
        sys.exit(f"{said}The site was not built: fix what is named above.")
    shutil.rmtree(site, ignore_errors=True)
    shutil.move(STAGE / "site", site)


def serve(site: Path, port: int) -> None:
    """Serve the site on this machine, until Ctrl-C. Exits with a sentence if the port is taken."""
    try:
        with ThreadingHTTPServer(("127.0.0.1", port), partial(SimpleHTTPRequestHandler, directory=str(site))) as server:
            print(f"The docs are at http://localhost:{server.server_port}, until Ctrl-C.", flush=True)
            server.serve_forever()
    except OSError as error:
        sys.exit(f"Port {port}: {error.strerror}. Are the docs shown already?")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    build(ROOT / "site")
    if "--serve" in sys.argv:
        serve(ROOT / "site", PORT)
    else:
        print("The docs are in site/. make docs SERVE=yes shows them, with their search.")

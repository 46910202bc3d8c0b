"""Keeps odd English out of every text in the project: words and phrases that must not come back."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Pattern, an example of it, and what to write instead. Letters match in upper and lower case.
ODD = [
    (r"a text(?! (file|editor|field))", "must be a text", "must be a string"),
    (r"anew", "copy it anew", "copy it again"),
    (r"(answered|answers) HTTP", "it answered HTTP 503", "it returned HTTP 503"),
    (r"appl\w+ (\w+ )?backwards", "the fix, applied backwards", "the fix, applied in reverse"),
    (r"as a shell has it", "none, as a shell has it", "none, as in a shell"),
    (r"asks? the \w+ index", "pip asks the package index", "pip needs the package index"),
    (r"bars of how many", "Bars of how many", "Multiplier"),
    (r"(?-i:[Bb]eside)", "a Source beside its streams", "a Source besides its streams; a file next to it"),
    (r"belongs? into", "it belongs into runtime/", "it belongs in runtime/"),
    (r"brings? (it|them|a day|no bars)", "no later sync brings them", "no later sync reads them"),
    (r"by (cron|PyAirbyte|systemd)", "into Postgres by PyAirbyte", "into Postgres with PyAirbyte"),
    (r"(can)?not be had|to be had", "rows that cannot be had", "rows that are not available"),
    (r"comes? nowhere", "whoever does not ask the proxy comes nowhere", "a request that bypasses the proxy fails"),
    (r"(comes?|stops?|stopped|right) behind", "a STATE comes behind its rows", "a STATE comes after its rows"),
    (r"floors?", "two floors", "two layers"),
    (r"for some (seconds|minutes|days|weeks)", "corrected for some days", "corrected for a few days"),
    (r"fore(tell|tells|told)", "the requests that were foretold", "the requests in the forecast"),
    (r"gives? back", "what it gives back", "what it returns"),
    (r"go(es)? back so far", "your plan does not go back so far", "your plan does not go back that far"),
    (r"goes on (at|from|in|there|where)", "it goes on from the last STATE", "it resumes from the last STATE"),
    (r"has the way in", "the page has the way in", "the page says how to start"),
    (r"how far (you|they|the learner) (are|is)", "lists the lessons and how far you are", "lists your progress"),
    (r"how it goes on", "the page says how it goes on", "the page says what to do then"),
    (r"image build (never )?sees", "the image build never sees it", "it never gets into the image"),
    (r"in earnest", "run it in earnest", "run it for real"),
    (r"in the place of", "null in the place of a value", "null instead of a value"),
    (r"is missing; it is", "api_key: is missing; it is: Your key", "api_key is missing. Your key ..."),
    (r"is no \w+ to \w+ from", "DIR is no project to update from", "DIR is not a project to update from"),
    (r"is not as \w+ \w+ writes it", "the state is not as this source writes it", "the state has an unexpected format"),
    (r"is to be \w+(ed|en)", "a price is to be multiplied", "multiply a price"),
    (r"(is|are|was|were) told", "the user is told", "the user learns; it is reported"),
    (r"knows? better", "the default knows better", "the default is better"),
    (r"left-overs?", "no left-overs", "no leftovers"),
    (r"looks? for cycles", "Python looks for cycles", "Python collects garbage"),
    (r"made (it )?out of", "made out of this one", "made from this one"),
    (r"make(?= `[^`]+`:$)", "Make `secrets/x.json`:", "Create `secrets/x.json`:"),
    (r"makes? (\w+ ){1,2}out of", "it makes an error out of a 403", "it turns a 403 into an error"),
    (r"mend(s|ed|ing)?", "it mends itself", "it fixes itself"),
    (r"(mis)?spelt", "a misspelt ticker", "a misspelled ticker"),
    (r"naive increment", "a naive increment", "a naive incremental sync"),
    (r"nobody can tell", "nobody can tell whether it exists", "it is unknown whether it exists"),
    (r"nobody knows", "nobody knows how many", "the number is unknown"),
    (r"not as there", "Not as there: 17", "Different rows: 17"),
    (r"on every core", "the tests, on every core", "the tests, on all CPU cores"),
    (r"one a line", "tickers, one a line", "tickers, one per line"),
    (r"(?-i:One can)", "One can also wait", "You can also wait"),
    (r"one (\w+ )?after the other", "one stream after the other", "one stream after another"),
    (r"or pip install it", "or pip install it", "or install it with pip"),
    (r"puts? an end to", "it puts an end to the read", "it ends the read"),
    (r"readable for", "readable for that user", "readable by that user"),
    (r"renew (it|what)", "Renew it", "Update it"),
    (r"(rows?|records?|what) (has|have) come", "it keeps what has come", "it keeps the rows that have arrived"),
    (r"serve us", "the API did not serve us, tried once", "no usable response after 1 attempt"),
    (r"since \d+ (seconds|minutes|hours|days|weeks|months|years)", "none since 65 days", "none for 65 days"),
    (r"stands in(?! for)", "it stands in api.py", "it is in api.py"),
    (r"still (runs|ran)", "the last sync still runs", "the last sync is still running"),
    (r"taken for", "an error taken for an empty table", "an error mistaken for an empty table"),
    (r"takes? the place of", "it takes the place of orjson", "it replaces orjson"),
    (r"texts", "a list of texts", "a list of strings"),
    (r"that goes on", "a command that goes on", "a command that keeps running"),
    (r"the very (bytes|files)", "the very bytes", "the exact bytes"),
    (r"upper and lower case differ", "upper and lower case differ", "case matters"),
    (r"which tables has it", "which tables has it", "which tables it has"),
    (r"without rights", "it runs without rights", "it runs unprivileged"),
]
DATA = (".gz", ".lock", ".pem", ".png", ".svg")
# Lines in which a word is right: file -> lines.
RIGHT: dict[str, tuple[str, ...]] = {
    "docs/upgrading.md": (  # what a version said before
        "In your README's table of options, `text` is now `string`, and `list of texts` is `list of strings`.",
        "| `state: that of STREAM is not as this source writes it` | "
        "`state: the saved state of STREAM has an unexpected format` |",
        "| `The API answered HTTP 404` | `The API returned HTTP 404` |",
    ),
}
PATTERNS = {pattern: re.compile(rf"\b({pattern})\b", re.IGNORECASE) for pattern, _, _ in ODD}
EACH = pytest.mark.parametrize(("pattern", "odd", "instead"), ODD, ids=[odd for _, odd, _ in ODD])


def lines() -> Iterator[tuple[str, int, str]]:
    """Every line of every file that git tracks or would track, but for data and this file."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout.splitlines()
    for name in names:
        file = ROOT / name
        if file.suffix not in DATA and file != Path(__file__).resolve() and file.is_file():
            for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
                yield name, number, line


LINES = list(lines())


def test_the_pages_and_the_code_are_looked_at():
    assert {"README.md", "spec.yaml", "main.py", "docs/choices.md", ".ci/run"} <= {name for name, _, _ in LINES}


@EACH
def test_a_pattern_finds_the_odd_words_and_not_what_to_write_instead(pattern, odd, instead):
    assert PATTERNS[pattern].search(odd)
    assert not PATTERNS[pattern].search(instead)


@EACH
def test_odd_english_does_not_come_back(pattern, odd, instead):
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, number, line in LINES
        if PATTERNS[pattern].search(line) and line.strip() not in RIGHT.get(name, ())
    ]
    assert found == [], f'write "{instead}"'

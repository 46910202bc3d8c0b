"""Draws docs/read.svg, one read of a stream, from the text in docs/code-map.md.

    python docs/draw_read.py

Each line of that text is a step: its name, indented by its depth in the calls; what it does; and, after a bar, the
message that it writes. A name that ends in .py is a module, drawn in the left column. Any other is a method of the
stream or the source, drawn in the middle. Messages are on the right.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
PICTURE = HERE / "read.svg"
SVG = "http://www.w3.org/2000/svg"  # a name, not an address  # ignore-https-check

WIDTH, ROW, TOP = 860, 44, 46  # pixels
LANES = {"module": (16, 330), "method": (366, 300), "message": (700, 144)}  # left edge and width
HEADS = {"module": "The runtime, the same for every connector", "method": "Your connector", "message": "stdout"}
INDENT = 8  # pixels per call

# Both schemes bring their own background: a page may be light where the system is dark.
STYLE = """
.page { fill: #ffffff }
text { font: 12px sans-serif; fill: #1f2328 }
.name { font: bold 12px monospace }
.head { font: bold 13px sans-serif }
.module { fill: #eef4ff; stroke: #7a9ad0 }
.method { fill: #e9f7ec; stroke: #58a06a }
.message { fill: #fff4dc; stroke: #c79a3b }
line { stroke: #8c959f; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117 }
  text { fill: #e6edf3 }
  .module { fill: #16233b }
  .method { fill: #13291a }
  .message { fill: #33270c }
}
"""


class Step(NamedTuple):
    depth: int
    name: str
    does: str
    message: str

    @property
    def lane(self) -> str:
        return "module" if self.name.endswith(".py") else "method"


def steps(text: str) -> list[Step]:
    """The steps in the first block of code-map.md."""
    block = text.split("```")[1].strip("\n")
    lines = re.findall(r"^( *)(\S+) +([^|\n]+?) *(?:\| *(.+))?$", block, re.MULTILINE)
    return [Step(len(indent), name, does, message) for indent, name, does, message in lines]


def picture(text: str) -> str:
    """The SVG of the text's steps, from the top to the bottom."""
    rows = [line for number, step in enumerate(steps(text)) for line in drawn(step, TOP + number * ROW)]
    heads = [f'<text class="head" x="{LANES[lane][0]}" y="26">{head}</text>' for lane, head in HEADS.items()]
    height = TOP + len(steps(text)) * ROW
    start = f'<svg xmlns="{SVG}" viewBox="0 0 {WIDTH} {height}" role="img">'
    title = "<title>One read, from the command line to the last message</title>"
    background = f'<rect class="page" width="{WIDTH}" height="{height}"/>'
    return "\n".join([start, title, f"<style>{STYLE}</style>", background, *heads, *rows, "</svg>", ""])


def drawn(step: Step, y: int) -> list[str]:
    """A step's box, and its message with a line that leads there."""
    left, width = LANES[step.lane]
    indent = step.depth * INDENT if step.lane == "module" else 0
    x = left + indent
    parts = [
        *box(step.lane, x, y, width - indent),
        f'<text class="name" x="{x + 10}" y="{y + 16}">{escape(step.name)}</text>',
        f'<text x="{x + 10}" y="{y + 32}">{escape(step.does.replace("->", "→"))}</text>',
    ]
    if step.message:
        start, (x, width) = left + width, LANES["message"]
        parts += [
            f'<line x1="{start}" y1="{y + 19}" x2="{x}" y2="{y + 19}"/>',
            *box("message", x, y + 5, width, 28),
            f'<text class="name" x="{x + 10}" y="{y + 23}">{escape(step.message)}</text>',
        ]
    return parts


def box(kind: str, x: int, y: int, width: int, height: int = 38) -> list[str]:
    return [f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>']


if __name__ == "__main__":
    PICTURE.write_text(picture((HERE / "code-map.md").read_text("utf-8")), "utf-8")

#!/usr/bin/env python3
"""Draws the pictures of the documents, in SVG, from the documents' own examples.

    python3 scripts/pictures.py            writes docs/pictures/*.svg
    python3 scripts/pictures.py --check    fails where one is not as this program draws it

A picture shows what a page shows as text, so that it cannot say anything else.
"""

import html
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
LINE, CHARACTER, EDGE = 20, 8.4, 16
BACKGROUND, TEXT, QUIET = "#16181d", "#d7dae0", "#8a919e"
GOOD, BAD, BRIGHT = "#7bc379", "#ef6b73", "#ffffff"
WIDEST = 118


def block(page: str, first: str) -> list[str]:
    """The fenced block of a page that begins with this line."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for part in text.split("```")[1::2]:
        lines = part.split("\n")[1:-1]
        if lines and lines[0] == first:
            return lines
    raise SystemExit(f"{page} has no block that begins with {first!r}")


def colour(line: str) -> str:
    """What a line is drawn in."""
    if line.startswith("$ "):
        return BRIGHT
    if line.startswith(("isolated", "✓")):
        return GOOD
    if line.startswith(("violated", "refused", "high", "next:")) or " FOUND" in line:
        return BAD
    if line.startswith(("  reproduce", "  fix", "       because")):
        return QUIET
    return TEXT


def fitting(line: str) -> str:
    """A line that is too wide ends between two words."""
    return line if len(line) <= WIDEST else line[: WIDEST - 2].rsplit(" ", 1)[0].rstrip() + " …"


def drawn(title: str, lines: list[str]) -> str:
    """A terminal with these lines."""
    lines = [fitting(line) for line in lines]
    width = round(2 * EDGE + CHARACTER * max(map(len, lines)))
    height = 2 * EDGE + 28 + LINE * len(lines)
    dots = "".join(
        f'<circle cx="{EDGE + 6 + 18 * at}" cy="18" r="5" fill="{fill}"/>'
        for at, fill in enumerate(("#ef6b73", "#e5c07b", "#7bc379"))
    )
    texts = "\n".join(
        f'<text x="{EDGE}" y="{EDGE + 44 + LINE * at}" fill="{colour(line)}">{html.escape(line)}</text>'
        for at, line in enumerate(lines)
        if line
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" role="img">\n'
        f"<title>{html.escape(title)}</title>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>\n{dots}\n'
        f'<g font-family="{FONT}" font-size="14" xml:space="preserve">\n{texts}\n</g>\n</svg>\n'
    )


def pictures() -> dict[str, str]:
    """Each picture's file, and what is in it."""
    proof = block("docs/isolation.md", "$ cargo xtask verify-isolation")
    start = block("README.md", "$ cargo xtask quickstart")
    end = next(at for at, line in enumerate(start) if line.startswith("a Python client"))
    return {
        "proof.svg": drawn("A proof that has found a fault", proof),
        "terminal.svg": drawn("cargo xtask quickstart", start[: end - 1]),
    }


def main() -> int:
    """Writes the pictures, or compares them."""
    folder = ROOT / "docs" / "pictures"
    wrong = []
    for name, text in pictures().items():
        path = folder / name
        if sys.argv[1:] == ["--check"]:
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                wrong.append(name)
        else:
            folder.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in wrong:
        print(f"docs/pictures/{name} is not as drawn: python3 scripts/pictures.py", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

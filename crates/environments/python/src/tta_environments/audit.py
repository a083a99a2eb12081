"""What in Python source still writes keys and nodes that do not say where they are from.

    python -m tta_environments.audit PATH [PATH ...]

Lists, with file and line, the Redis calls whose key is not made by the helper, and the Cypher that
creates or merges a node without an environment's label. Reads the source, runs none of it. Ends
with 0 where nothing was found, 1 where something was, 2 where a file could not be read.

It knows a key by where it comes from: `make_key(...)`, `keys.make(...)`, `keys.pattern(...)` and
`keys.channel(...)`, a text that begins with one of these, and a name or attribute that is only ever
given such a value in the same file. A key that comes in as a parameter is listed: whoever made it,
the line does not say so.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from . import _calls, _cypher


class Finding(NamedTuple):
    """One place that has to be changed."""

    file: str
    line: int
    what: str
    code: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}: {self.code}"


class Unreadable(NamedTuple):
    """A file that was not looked at, and why."""

    file: str
    why: str


def audit_source(source: str, file: str = "<source>") -> list[Finding]:
    """The findings of one module. Raises SyntaxError where it is none."""
    tree = ast.parse(source, file)
    found: list[Finding] = []
    for place in [*_calls.unmarked(tree), *_cypher.unmarked(tree)]:
        segment = ast.get_source_segment(source, place.node) or ""
        code = " ".join(segment.split())
        code = code if len(code) <= 100 else code[:100] + "…"
        found.append(Finding(file, place.line, place.what, code))
    return sorted(set(found), key=lambda one: (one.line, one.what, one.code))


def audit_paths(paths: Sequence[Path]) -> tuple[list[Finding], list[Unreadable], int]:
    """The findings of files, and of all `.py` below folders; what could not be read; how many were."""
    found: list[Finding] = []
    unreadable: list[Unreadable] = []
    read = 0
    for file in _files(paths):
        try:
            found += audit_source(file.read_bytes().decode(), str(file))
            read += 1
        except (OSError, SyntaxError, ValueError, RecursionError) as error:
            unreadable.append(Unreadable(str(file), str(error)))
    return found, unreadable, read


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*.py") if one.is_file())
        else:
            yield path


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tta_environments.audit",
        description="Lists Redis calls and Cypher that do not say which environment they are from.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--format", choices=["human", "json"], default="human")
    chosen = parser.parse_args(arguments)
    found, unreadable, read = audit_paths(chosen.paths)
    if chosen.format == "json":
        document = {
            "files": read,
            "findings": [one._asdict() for one in found],
            "unreadable": [one._asdict() for one in unreadable],
        }
        print(json.dumps(document, indent=2))
    else:
        for one in found:
            print(one)
        print(f"{len(found)} to change in {read} files", file=sys.stderr)
    for file, why in unreadable:
        print(f"{file}: not looked at: {why}", file=sys.stderr)
    if read == 0 and not unreadable:
        print("no Python file below these paths", file=sys.stderr)
    if unreadable or read == 0:
        return 2
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Cypher in texts that creates or merges a node without an environment's label."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ._calls import Place, assignments
from .definitions import Environment

#: Stands for a value that a text takes in; its number follows.
_HOLE = "\ue000"
_CLAUSE = re.compile(r"\b(CREATE|MERGE)\s*(?:(?:`[^`]*`|\w+)\s*=\s*)?(?=\()", re.IGNORECASE)
_NODE = re.compile(
    r"\(\s*(?P<variable>`(?:[^`]|``)*`|\w+)?\s*"
    r"(?P<labels>(?:[:&]\s*(?:`(?:[^`]|``)*`|[\w\ue000]+|\$\([^)]*\))\s*)*)"
    r"(?P<rest>[{$\ue000]|\))",
)
_NAMES = re.compile(r"`(?:[^`]|``)*`|[\w\ue000]+")
_LABELS = {environment.label for environment in Environment}
#: Attributes and functions that give the label, or a node with it.
_ATTRIBUTES = {"label", "node", "create", "matching", "add_to", "add_env_label"}
_FUNCTIONS = {"add_env_label"}


def unmarked(tree: ast.Module) -> Iterator[Place]:
    """The texts that create a node without a label of an environment."""
    documentation = set(_documentation(tree))
    givers = _givers(tree)
    inside: set[int] = set()
    for node in ast.walk(tree):
        if id(node) in inside or not isinstance(node, (ast.Constant, ast.JoinedStr, ast.BinOp)):
            continue
        holes: list[ast.expr] = []
        text = _text(node, holes)
        inside |= {id(one) for one in ast.walk(node)}
        if text is not None and id(node) not in documentation:
            lines = {line for line in _lines(text, holes, givers)}
            first = getattr(node, "lineno", 1)
            last = getattr(node, "end_lineno", first)
            for line, clause in sorted(lines):
                # In a text of several lines the place is the line of the clause.
                at = min(first + line, last) if last - first >= text.count("\n") else first
                yield Place(node, at, f"cypher {clause}: a node without its environment's label")


def _documentation(tree: ast.Module) -> Iterator[int]:
    """Texts that stand for themselves: documentation, not statements."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)


def _text(node: ast.expr, holes: list[ast.expr]) -> str | None:
    """A text as it is put together, values that it takes in as holes."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        parts = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                parts.append(_hole(part.value, holes))
            else:
                parts.append(_text(part, holes) or "")
        return "".join(parts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = []
        for side in (node.left, node.right):
            text = _text(side, holes) if isinstance(side, (ast.Constant, ast.JoinedStr, ast.BinOp)) else None
            sides.append(_hole(side, holes) if text is None else text)
        return "".join(sides)
    return None


def _hole(value: ast.expr, holes: list[ast.expr]) -> str:
    holes.append(value)
    return f"{_HOLE}{len(holes) - 1}{_HOLE}"


def _lines(text: str, holes: list[ast.expr], givers: set[str]) -> Iterator[tuple[int, str]]:
    """The lines, counted from 0, and the clauses that create a node without a label."""
    clean = _without_comments_and_texts(text)
    for clause in _CLAUSE.finditer(clean):
        known = _variables(clean[: clause.start()])
        for node, at in _nodes(clean, clause.end()):
            if node is None:
                break
            variable, labels = node["variable"], _NAMES.findall(node["labels"])
            if variable and variable in known and not labels and node["rest"] == ")":
                continue  # A node that is there already.
            if variable:
                known.add(variable)
            if not labels and not _looks_like_cypher(clean, node):
                continue
            if any(_gives_label(label, holes, givers) for label in labels):
                continue
            if node["rest"] == _HOLE and _gives_label(_hole_at(clean, node), holes, givers):
                continue
            yield text.count("\n", 0, at), clause.group(1).upper()


def _looks_like_cypher(text: str, node: re.Match[str]) -> bool:
    """A text such as "create (new)" is English; a statement says more."""
    more = re.search(r"\b(MATCH|RETURN|SET|WITH|UNWIND|MERGE|DELETE)\b|-\[|\]-|--|\$\w", text)
    return node["rest"] != ")" or more is not None or node.group(0).replace(" ", "") == "()"


def _hole_at(text: str, node: re.Match[str]) -> str:
    start = node.start("rest")
    end = text.find(_HOLE, start + 1)
    return text[start : end + 1] if end > 0 else ""


def _gives_label(name: str, holes: list[ast.expr], givers: set[str]) -> bool:
    if name.strip("`") in _LABELS:
        return True
    hole = re.fullmatch(f".*{_HOLE}(\\d+){_HOLE}.*", name, re.DOTALL)
    if hole is None:
        return False
    return _from_helper(holes[int(hole.group(1))], givers)


def _from_helper(value: ast.expr, givers: set[str]) -> bool:
    """Whether anything in it is what the helper gives, or a name that only ever stands for that."""
    for part in ast.walk(value):
        if isinstance(part, ast.Name) and part.id in _FUNCTIONS | givers:
            return True
        if isinstance(part, ast.Attribute) and part.attr in _ATTRIBUTES:
            return True
    return False


def _givers(tree: ast.Module) -> set[str]:
    given: dict[str, list[bool]] = {}
    for name, value in assignments(tree):
        given.setdefault(name, []).append(value is not None and _from_helper(value, set()))
    return {name for name, all_of_it in given.items() if all(all_of_it)}


def _nodes(text: str, start: int) -> Iterator[tuple[re.Match[str] | None, int]]:
    """The nodes of a pattern that begins there, with their places."""
    at = start
    while True:
        node = _NODE.match(text, at)
        yield node, at
        if node is None:
            return
        at = _end(text, at)
        behind = re.compile(
            r"\s*<?\s*-\s*(?:\[[^\]]*\])?\s*-\s*>?\s*(?=\()"
            r"|\s*,\s*(?:(?:`[^`]*`|\w+)\s*=\s*)?(?=\()"
        ).match(text, at)
        if behind is None:
            return
        at = behind.end()


def _end(text: str, at: int) -> int:
    """Behind the parenthesis that closes the one at that place."""
    depth = 0
    for place in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    return len(text)


def _variables(before: str) -> set[str]:
    """What a statement has given a name so far."""
    named = re.findall(r"[(\[]\s*(`(?:[^`]|``)*`|\w+)|\bAS\s+(`[^`]*`|\w+)", before, re.IGNORECASE)
    return {name for pair in named for name in pair if name}


def _without_comments_and_texts(text: str) -> str:
    """The same length, with comments and quoted texts blanked out."""

    def blank(found: re.Match[str]) -> str:
        kept = found.group(0)
        if kept.startswith("`"):
            return kept
        return re.sub(r"[^\n]", " ", kept) if kept[0] == "/" else "'" + " " * (len(kept) - 2) + "'"

    return re.sub(
        r"`(?:[^`]|``)*`|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|//[^\n]*|/\*.*?\*/",
        blank,
        text,
        flags=re.DOTALL,
    )

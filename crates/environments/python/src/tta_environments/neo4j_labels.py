"""Neo4j nodes that say which environment they are from: as the Rust helper of the same name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .current import current_environment
from .definitions import Environment

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class LabelRefusedError(ValueError):
    """Labels or names that are refused. `kind` is `empty`, `nul`, `foreign` or `missing`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Neo4jLabelHelper:
    """Labels the nodes of one environment.

    >>> nodes = Neo4jLabelHelper(Environment.DEVELOPMENT)
    >>> nodes.add_to(["Session"])
    ['Session', 'Development']
    >>> nodes.create("s", ["Session"], ["id"])
    'CREATE (s:`Session`:Development {`id`: $`id`})'
    """

    def __init__(self, environment: Environment | None = None) -> None:
        """For that environment; without one, for the one that `ENVIRONMENT` names."""
        self.environment = environment or current_environment()

    @property
    def label(self) -> str:
        """The environment's label."""
        return self.environment.label

    def add_to(self, labels: Iterable[str]) -> list[str]:
        """The labels with the environment's own behind them, unless it is among them.

        Raises LabelRefusedError where one is empty, has a NUL, or is another environment's.
        """
        added = [self._usable(label) for label in _several(labels)]
        return added if self.label in added else [*added, self.label]

    def check(self, labels: Iterable[str]) -> None:
        """Raises LabelRefusedError unless these are the labels of a node of this environment."""
        if self.label not in [self._usable(label) for label in _several(labels)]:
            raise LabelRefusedError("missing", f"the label {self.label} is missing")

    def strip(self, labels: Iterable[str]) -> list[str]:
        """The labels without the environment's own, which must be among them."""
        labels = list(_several(labels))
        self.check(labels)
        return [label for label in labels if label != self.label]

    @staticmethod
    def quote(name: str) -> str:
        r"""A name as Cypher takes any: in backticks.

        >>> Neo4jLabelHelper.quote("a`b")
        '`a``b`'
        """
        # Before anything else Cypher replaces \uXXXX, also inside a name.
        quoted = _named(name).replace("\\", "\\u005C").replace("`", "``")
        return f"`{quoted}`"

    def node(
        self, variable: str = "", labels: Iterable[str] = (), properties: Iterable[str] = ()
    ) -> str:
        """A node as patterns have it; each property stands for the parameter of its name."""
        if variable and not _PLAIN.fullmatch(variable):
            variable = self.quote(variable)
        marks = [
            label if label == self.label else self.quote(label) for label in self.add_to(labels)
        ]
        names = [self.quote(name) for name in _several(properties)]
        inside = ", ".join(f"{name}: ${name}" for name in names)
        behind = f" {{{inside}}}" if inside else ""
        return f"({variable}:{':'.join(marks)}{behind})"

    def matching(
        self, variable: str = "", labels: Iterable[str] = (), properties: Iterable[str] = ()
    ) -> str:
        """MATCH of such a node."""
        return f"MATCH {self.node(variable, labels, properties)}"

    def create(
        self, variable: str = "", labels: Iterable[str] = (), properties: Iterable[str] = ()
    ) -> str:
        """CREATE of such a node."""
        return f"CREATE {self.node(variable, labels, properties)}"

    def _usable(self, label: str) -> str:
        label = _named(label)
        for environment in Environment:
            if environment is not self.environment and environment.label == label:
                raise LabelRefusedError("foreign", f"the label {label} is another environment's")
        return label


def _several(names: Iterable[str]) -> Iterable[str]:
    if isinstance(names, str):
        raise TypeError(f"expected a list of names, not the text {names!r}")
    return names


def _named(name: str) -> str:
    if not name:
        raise LabelRefusedError("empty", "a label or name is empty")
    if "\0" in name:
        raise LabelRefusedError("nul", "a label or name has a NUL in it")
    return name

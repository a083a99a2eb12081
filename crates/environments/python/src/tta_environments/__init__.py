"""Redis keys and Neo4j labels that say which environment of TTA they are from.

    from tta_environments import make_key, add_env_label

    client.set(make_key("user:123"), data)      # development:user:123
    add_env_label(["Session"])                  # ["Session", "Development"]

The environment is the one that the variable `ENVIRONMENT` names, as `cargo xtask env ENV` prints
it. Where that is unset or names none, everything here raises: nothing is taken for development.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import AnyStr

from .current import UnknownEnvironmentError, current_environment
from .definitions import Environment
from .neo4j_labels import LabelRefusedError, Neo4jLabelHelper
from .redis_keys import KeyRefusedError, ParsedKey, RedisKeyPrefixer

__all__ = [
    "Environment",
    "KeyRefusedError",
    "LabelRefusedError",
    "Neo4jLabelHelper",
    "ParsedKey",
    "RedisKeyPrefixer",
    "UnknownEnvironmentError",
    "add_env_label",
    "current_environment",
    "make_key",
]


def make_key(key: AnyStr) -> AnyStr:
    """The key with the prefix of the environment that `ENVIRONMENT` names."""
    return RedisKeyPrefixer().make(key)


def add_env_label(labels: Iterable[str]) -> list[str]:
    """The labels with that of the environment that `ENVIRONMENT` names behind them."""
    return Neo4jLabelHelper().add_to(labels)

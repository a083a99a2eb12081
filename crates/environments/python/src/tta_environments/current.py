"""Which environment this process is in."""

from __future__ import annotations

import os

from .definitions import Environment


class UnknownEnvironmentError(ValueError):
    """The variable `ENVIRONMENT` is unset, or names no environment."""


def current_environment(name: str | None = None) -> Environment:
    """The environment of that name; without one, that of the variable `ENVIRONMENT`.

    An unset, upper-case or misspelt one raises UnknownEnvironmentError.
    """
    if name is None:
        name = os.environ.get("ENVIRONMENT")
    if name is None:
        raise UnknownEnvironmentError(
            "ENVIRONMENT is not set: expected development, test, staging or production"
        )
    for environment in Environment:
        if environment.value == name:
            return environment
    raise UnknownEnvironmentError(
        f"ENVIRONMENT is {name!r}: expected development, test, staging or production"
    )

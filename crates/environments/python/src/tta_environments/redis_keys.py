"""Redis keys that say which environment they are from: as the Rust helper of the same name."""

from __future__ import annotations

from typing import AnyStr, Generic, NamedTuple

from .current import current_environment
from .definitions import Environment


class KeyRefusedError(ValueError):
    """A key that is refused. `kind` is `empty`, `foreign`, `nested` or `bare`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class ParsedKey(NamedTuple, Generic[AnyStr]):
    """A key taken apart: whose it is, if anybody's, and its name without the prefix."""

    environment: Environment | None
    name: AnyStr


class RedisKeyPrefixer:
    """Marks the keys of one environment. Keys are `str` or, as Redis has them, any `bytes`.

    >>> keys = RedisKeyPrefixer(Environment.DEVELOPMENT)
    >>> keys.make("user:123")
    'development:user:123'
    >>> keys.make("development:user:123")
    'development:user:123'
    >>> keys.strip("development:user:123")
    'user:123'
    """

    def __init__(self, environment: Environment | None = None) -> None:
        """For that environment; without one, for the one that `ENVIRONMENT` names."""
        self.environment = environment or current_environment()

    @property
    def prefix(self) -> str:
        """The prefix, colon included."""
        return self.environment.prefix

    @property
    def all_channels(self) -> str:
        """The one pattern that the server lets this environment's user give to PSUBSCRIBE."""
        return f"{self.prefix}*"

    @staticmethod
    def parse(key: AnyStr) -> ParsedKey[AnyStr]:
        """Takes any key apart, whosever it is. Nothing is refused."""
        for environment in Environment:
            prefix = _like(key, environment.prefix)
            if key.startswith(prefix):
                return ParsedKey(environment, key[len(prefix) :])
        return ParsedKey(None, key)

    def make(self, key: AnyStr) -> AnyStr:
        """The key with the prefix; one that has it already is returned as it is.

        Raises KeyRefusedError where it is empty, or carries another environment's prefix, before or
        behind the own one.
        """
        return _like(key, self.prefix) + self._name(key)

    def strip(self, key: AnyStr) -> AnyStr:
        """The name behind the prefix.

        Raises KeyRefusedError where the key is not one that `make` can give.
        """
        if key and self.parse(key).environment is None:
            raise KeyRefusedError("bare", f"the key {key!r} carries no prefix")
        return self._name(key)

    def pattern(self, pattern: AnyStr) -> AnyStr:
        """A glob pattern, as SCAN and KEYS take it, that matches this environment's keys only."""
        return self.make(pattern)

    def channel(self, channel: AnyStr) -> AnyStr:
        """A channel for PUBLISH and SUBSCRIBE: they are marked as keys are."""
        return self.make(channel)

    def _name(self, key: AnyStr) -> AnyStr:
        environment, name = self.parse(key)
        if environment is not None and environment is not self.environment:
            raise KeyRefusedError(
                "foreign", f"the key {key!r} carries the prefix of {environment.value}"
            )
        if not name:
            raise KeyRefusedError("empty", "the key is empty")
        second = self.parse(name).environment
        if environment is not None and second is not None:
            raise KeyRefusedError(
                "nested", f"behind its prefix the key {key!r} carries that of {second.value}"
            )
        return name


def _like(key: AnyStr, text: str) -> AnyStr:
    """The text as what the key is: text or bytes."""
    return text if isinstance(key, str) else text.encode()

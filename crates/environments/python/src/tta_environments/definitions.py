# Rendered by `cargo xtask generate`: don't edit it here.
"""The environments of TTA, by the value of `ENVIRONMENT`."""

from __future__ import annotations

import enum


class Environment(enum.Enum):
    """One of the four environments. Its value is that of `ENVIRONMENT`."""

    DEVELOPMENT = "development"
    TEST = "test"
    STAGING = "staging"
    PRODUCTION = "production"

    @property
    def slug(self) -> str:
        """The name that `cargo xtask` takes."""
        return {
            "development": "dev",
            "test": "test",
            "staging": "staging",
            "production": "prod",
        }[self.value]

    @property
    def prefix(self) -> str:
        """What every Redis key and channel begins with."""
        return {
            "development": "development:",
            "test": "test:",
            "staging": "staging:",
            "production": "production:",
        }[self.value]

    @property
    def label(self) -> str:
        """The label that every Neo4j node has."""
        return {
            "development": "Development",
            "test": "Test",
            "staging": "Staging",
            "production": "Production",
        }[self.value]

    @property
    def database(self) -> str:
        """The Neo4j database."""
        return {
            "development": "tta-dev",
            "test": "tta-test",
            "staging": "tta-staging",
            "production": "tta-prod",
        }[self.value]

    @property
    def redis_user(self) -> str:
        """The Redis user."""
        return {
            "development": "tta-dev",
            "test": "tta-test",
            "staging": "tta-staging",
            "production": "tta-prod",
        }[self.value]

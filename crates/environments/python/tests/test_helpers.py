"""The helpers, held to the file of vectors that the Rust helpers are held to as well."""

from __future__ import annotations

import doctest
import json
import os
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import tta_environments
from tta_environments import (
    Environment,
    KeyRefusedError,
    LabelRefusedError,
    Neo4jLabelHelper,
    RedisKeyPrefixer,
    UnknownEnvironmentError,
    add_env_label,
    current_environment,
    make_key,
)

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "tests" / "vectors.json").read_text()
)


def vectors(kind: str) -> list[Any]:
    found: list[Any] = VECTORS[kind]
    assert found, f"no vector of {kind}"
    return found


class Helpers(unittest.TestCase):
    def agree(self, vector: dict[str, Any], call: Callable[[], object], expected: object) -> None:
        with self.subTest(vector):
            if "error" in vector:
                with self.assertRaises((KeyRefusedError, LabelRefusedError)) as raised:
                    call()
                self.assertEqual(getattr(raised.exception, "kind"), vector["error"])
            else:
                self.assertEqual(call(), expected)

    def test_keys_are_made_as_the_vectors_say(self) -> None:
        for vector in vectors("make"):
            keys = RedisKeyPrefixer(Environment(vector["environment"]))
            if "key_hex" in vector:
                raw = bytes.fromhex(vector["key_hex"])
                made = bytes.fromhex(vector.get("made_hex", ""))
                self.agree(vector, lambda: keys.make(raw), made)
                continue
            key, expected = vector["key"], vector.get("made")
            for way in (keys.make, keys.pattern, keys.channel):
                self.agree(vector, lambda: way(key), expected)
            self.agree(vector, lambda: keys.make(key.encode()), expected and expected.encode())

    def test_keys_are_stripped_and_taken_apart_as_the_vectors_say(self) -> None:
        for vector in vectors("strip"):
            keys = RedisKeyPrefixer(Environment(vector["environment"]))
            self.agree(vector, lambda: keys.strip(vector["key"]), vector.get("name"))
        for vector in vectors("parse"):
            owner, name = RedisKeyPrefixer.parse(vector["key"])
            self.assertEqual(owner and owner.value, vector["environment"], vector)
            self.assertEqual(name, vector["name"], vector)

    def test_labels_and_fragments_are_as_the_vectors_say(self) -> None:
        for vector in vectors("add"):
            nodes = Neo4jLabelHelper(Environment(vector["environment"]))
            self.agree(vector, lambda: nodes.add_to(vector["labels"]), vector.get("added"))
        for vector in vectors("check"):
            nodes = Neo4jLabelHelper(Environment(vector["environment"]))
            self.agree(vector, lambda: nodes.check(vector["labels"]), None)
        for vector in vectors("quote"):
            self.agree(vector, lambda: Neo4jLabelHelper.quote(vector["name"]), vector.get("quoted"))
        for vector in vectors("fragments"):
            nodes = Neo4jLabelHelper(Environment(vector["environment"]))
            parts = (vector["variable"], vector["labels"], vector["properties"])
            self.agree(vector, lambda: nodes.create(*parts), vector.get("create"))
            self.agree(vector, lambda: nodes.matching(*parts), vector.get("match"))

    def test_environments_are_known_as_the_vectors_say(self) -> None:
        self.assertEqual(len(vectors("environments")), len(Environment))
        for vector in vectors("environments"):
            with mock.patch.dict(os.environ, ENVIRONMENT=vector["environment"]):
                self.assertEqual(RedisKeyPrefixer().prefix, vector["prefix"])
                self.assertEqual(RedisKeyPrefixer().all_channels, vector["channels"])
                self.assertEqual(Neo4jLabelHelper().label, vector["label"])
                self.assertEqual(make_key("user:1"), vector["prefix"] + "user:1")
                self.assertEqual(add_env_label(["A"]), ["A", vector["label"]])

    def test_an_unknown_or_missing_environment_is_never_development(self) -> None:
        for unknown in vectors("unknown_environments"):
            with mock.patch.dict(os.environ, ENVIRONMENT=unknown):
                for ask in (current_environment, RedisKeyPrefixer, Neo4jLabelHelper):
                    with self.assertRaisesRegex(UnknownEnvironmentError, "expected development"):
                        ask()
                with self.assertRaises(UnknownEnvironmentError):
                    make_key("user:1")
                with self.assertRaises(UnknownEnvironmentError):
                    add_env_label(["A"])
        with mock.patch.dict(os.environ):
            os.environ.pop("ENVIRONMENT", None)
            with self.assertRaisesRegex(UnknownEnvironmentError, "is not set"):
                make_key("user:1")

    def test_a_key_of_ten_megabytes_of_any_bytes_is_made_and_stripped(self) -> None:
        key = bytes(range(256)) * 40_000
        for environment in Environment:
            keys = RedisKeyPrefixer(environment)
            made = keys.make(key)
            self.assertEqual(len(made), len(key) + len(environment.prefix))
            self.assertTrue(keys.make(made) == made and keys.strip(made) == key)

    def test_a_text_is_not_taken_for_a_list_of_labels(self) -> None:
        with self.assertRaises(TypeError):
            Neo4jLabelHelper(Environment.TEST).add_to("Session")

    def test_the_examples_run(self) -> None:
        modules = (tta_environments.redis_keys, tta_environments.neo4j_labels)
        results = [doctest.testmod(module) for module in modules]
        self.assertEqual([one.failed for one in results], [0, 0])
        self.assertTrue(all(one.attempted > 2 for one in results))


if __name__ == "__main__":
    unittest.main()

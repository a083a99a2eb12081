"""The helpers with the real drivers, on the environment that `cargo xtask env ENV` describes."""

from __future__ import annotations

import os
import unittest

import neo4j
import redis
from neo4j.exceptions import ClientError, Neo4jError

from tta_environments import (
    Environment,
    KeyRefusedError,
    Neo4jLabelHelper,
    RedisKeyPrefixer,
    add_env_label,
    make_key,
)

KEYS = ["user:123", "{user:1}:cart", "zwei\nZeilen", "nul\0nul", "Schlüssel 🔑", "glob*[a]?", "a:test:b"]
LABELS = ["Session", "two words", "a`b", "🎈", "a\\u0060b", "a\\\\u0060", "back\\", "zwei\nZeilen"]


class WithRedis(unittest.TestCase):
    def setUp(self) -> None:
        self.client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
        self.addCleanup(self.client.close)
        self.keys = RedisKeyPrefixer()

    def test_a_made_key_is_taken_whatever_its_name(self) -> None:
        for key in KEYS:
            self.client.set(make_key(key), "value")
            self.assertEqual(self.client.get(make_key(key)), "value", key)
        found = {self.keys.strip(key) for key in self.client.scan_iter(self.keys.pattern("*"))}
        self.assertLessEqual(set(KEYS), found)
        raw = redis.Redis.from_url(os.environ["REDIS_URL"])
        self.addCleanup(raw.close)
        large = make_key("n" * 10_000_000)
        raw.set(large, b"a long name")
        self.assertEqual(raw.getdel(large), b"a long name")
        raw.set(make_key(b"\xff\x00"), b"bytes")
        self.assertEqual(raw.get(self.keys.prefix.encode() + b"\xff\x00"), b"bytes")

    def test_a_bare_key_and_a_neighbours_key_are_refused_by_the_server(self) -> None:
        others = [one for one in Environment if one is not self.keys.environment]
        for key in [*KEYS, *(one.prefix + "user:123" for one in others)]:
            with self.assertRaises(redis.exceptions.NoPermissionError, msg=key):
                self.client.set(key, "value")
        # The helper says so before the server does.
        with self.assertRaises(KeyRefusedError):
            make_key(others[0].prefix + "user:123")

    def test_a_pipeline_and_a_script_work_with_made_keys(self) -> None:
        pipe = self.client.pipeline(transaction=True)
        pipe.delete(make_key("n"))
        pipe.incr(make_key("n"))
        pipe.incr(make_key("n"))
        self.assertEqual(pipe.execute()[1:], [1, 2])
        script = self.client.register_script("return redis.call('GET', KEYS[1])")
        self.assertEqual(script(keys=[make_key("n")]), "2")

    def test_channels_are_marked_as_keys_are(self) -> None:
        heard = self.client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        self.addCleanup(heard.close)
        heard.psubscribe(self.keys.all_channels)
        heard.get_message(timeout=5)
        self.client.publish(self.keys.channel("events"), "hello")
        message = heard.get_message(timeout=5)
        assert message is not None
        self.assertEqual(message["channel"], self.keys.prefix + "events")
        with self.assertRaises(redis.exceptions.NoPermissionError):
            self.client.publish("events", "hello")


class WithNeo4j(unittest.TestCase):
    def setUp(self) -> None:
        login = ("neo4j", os.environ["NEO4J_PASSWORD"])
        self.driver = neo4j.GraphDatabase.driver(os.environ["NEO4J_URI"], auth=login)
        self.addCleanup(self.driver.close)
        self.nodes = Neo4jLabelHelper()

    def run_in(self, database: str, query: str, **parameters: object) -> list[neo4j.Record]:
        with self.driver.session(database=database) as session:
            return list(session.run(neo4j.Query(query), parameters))

    def ask(self, query: str, **parameters: object) -> list[neo4j.Record]:
        return self.run_in(os.environ["NEO4J_DATABASE"], query, **parameters)

    def test_any_label_and_property_arrives_as_it_is(self) -> None:
        for name in LABELS:
            create = self.nodes.create("n", [name], [name])
            self.ask(f"{create} RETURN n", **{name: "value"})
            found = self.ask(
                f"{self.nodes.matching('n', [name], [name])} RETURN labels(n) AS labels", **{name: "value"}
            )
            self.assertEqual(len(found), 1, name)
            self.assertEqual(sorted(found[0]["labels"]), sorted(add_env_label([name])), name)
            self.nodes.check(found[0]["labels"])
        self.ask("MATCH (n) DETACH DELETE n")

    def test_the_environments_database_is_there_and_no_other(self) -> None:
        answer = self.ask("CALL db.info() YIELD name RETURN name")
        self.assertEqual(answer[0]["name"], self.nodes.environment.database)
        for other in [*(one.database for one in Environment), "tta_dev", "neo4j"]:
            if other != self.nodes.environment.database:
                with self.assertRaises(Neo4jError, msg=other) as refused:
                    self.run_in(other, "RETURN 1")
                self.assertIsInstance(refused.exception, ClientError, other)


if __name__ == "__main__":
    unittest.main()

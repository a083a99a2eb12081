"""What the audit finds in Python source, and what it leaves alone."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import textwrap
import unittest
from pathlib import Path

from tta_environments import audit

HEAD = "import redis\nfrom tta_environments import *\nr = redis.Redis()\nkeys = RedisKeyPrefixer()\n"

#: Each is one finding, on its last line.
CALLS = [
    'r.set("user:123", data)',
    'r.get(f"user:{id}")',
    'r.set("user:" + id, data)',
    'r.set(key="user", value=1)',
    'r.set(name="user", value=1)',
    'r.delete(make_key("a"), "b")',
    'r.hset("h", mapping={})',
    'r.mget(["a", "b"])',
    'r.mget([make_key("a"), "b"])',
    'r.mset({"a": 1})',
    'r.mset({make_key("a"): 1, "b": 2})',
    'r.mset({**other})',
    'r.publish("events", "x")',
    'r.pubsub().subscribe("events")',
    'r.psubscribe("*")',
    'r.keys("*")',
    "r.scan_iter()",
    'r.scan_iter("user:*")',
    'r.scan(0, match="user:*")',
    "r.scan(0)",
    'r.rename(make_key("a"), "b")',
    'r.eval("return 1", 1, "a")',
    'r.eval("return 1", 2, make_key("a"), "b", make_key("c"))',
    'r.execute_command("SET", "a", 1)',
    'r.xread({"stream": "$"})',
    'r.xadd("stream", {"a": 1})',
    'r.bitop("AND", make_key("a"), "b")',
    'r.set("%s" % make_key("a"), 1)',
    'r.set("prefix" + make_key("a"), 1)',
    'r.set(os.environ["ENVIRONMENT"] + ":a", 1)',
    'r.set("development:a", 1)',
    "def f(key):\n    r.set(key, 1)",
    'k = "a"\nr.set(k, 1)',
    'k = make_key("a")\nk = "b"\nr.set(k, 1)',
    'k = make_key("a") if x else "b"\nr.set(k, 1)',
    'pipe = r.pipeline()\npipe.set("a", 1)',
    'with r.pipeline() as pipe:\n    pipe.get("a")',
    'class A:\n  def __init__(self): self.c = redis.Redis.from_url(URL)\n  def f(self): self.c.set("a", 1)',
    'async def f(c: "redis.asyncio.Redis"):\n    await c.get("a")',
    'redis_client.get("a")',
    'self.redis.exists("a")',
    'anything.hgetall("a")',
    'anything.zadd("a", {"b": 1})',
    'for k in ["a", "b"]:\n    r.get(k)',
]

#: None of these is one.
INNOCENT_CALLS = [
    'r.set(make_key("user:123"), data)',
    'r.set(keys.make(f"user:{id}"), data)',
    'r.set(make_key("user:") + id, data)',
    'r.get(f"{make_key(\'user\')}:{id}")',
    'r.get(keys.prefix + "a")',
    'r.delete(*[keys.make(k) for k in names])',
    'r.delete(make_key("a"), make_key("b"))',
    'r.mget([make_key("a"), make_key("b")])',
    'r.mset({make_key("a"): 1})',
    'r.mset({make_key(k): v for k, v in other.items()})',
    'r.publish(keys.channel("events"), "x")',
    "r.psubscribe(keys.all_channels)",
    'r.scan_iter(keys.pattern("user:*"))',
    'r.scan_iter(match=keys.pattern("*"))',
    'for k in r.scan_iter(match=keys.pattern("*")):\n    r.delete(k)',
    'r.eval("return 1", 1, make_key("a"), "argument")',
    'r.eval("return 1", 0, "argument")',
    'r.execute_command("SET", make_key("a"), 1)',
    'r.execute_command("PING")',
    'k = make_key("a")\nr.set(k, 1)',
    'a, b = make_key("a"), 1\nr.set(a, b)',
    'KEY: str = make_key("a")\nr.get(KEY)',
    'k = make_key("a")\nk += ":b"\nr.get(k)',
    'r.set(make_key("a").encode(), 1)',
    'r.rename(make_key("a"), make_key("b"))',
    "r.ping()",
    "r.flushdb()",
    "r.pipeline().execute()",
    'settings.get("a")',
    '{}.get("a")',
    '{"a": 1}.keys()',
    'items.append("a")',
    'names.sort(key=len)',
    'session.delete("a")',
    '"r.set(\'a\', 1)"',
]

CYPHER = [
    '"CREATE (s:Session {id: $id})"',
    '"create (s:Session {id: $id})"',
    '"MERGE (s:Session {id: $id}) RETURN s"',
    '"MERGE (:Session)"',
    '"CREATE () RETURN 1"',
    '"CREATE (n {id: 1})"',
    '"CREATE (n) SET n.id = 1"',
    '"CREATE (n $properties)"',
    '"CREATE (a:A:Development)-[:R]->(b:B)"',
    '"CREATE (a:A:Development), (b:B)"',
    '"MATCH (a:A) CREATE (a)-[:R]->(b:B)"',
    '"MATCH (a:A) MERGE (a)<-[:R {n: $n}]-(:B {id: 1})"',
    '"CREATE p = (a:A)-[:R]->(b:Test) RETURN p"',
    '"CREATE (s:`Session` {text: \'(:Development)\'})"',
    '"CREATE (s:Session /* :Development */)"',
    '"CREATE (s:Session) // :Development"',
    '"UNWIND $rows AS row CREATE (s:Session) SET s = row"',
    '"FOREACH (x IN $xs | CREATE (:Session {id: x}))"',
    'f"CREATE (s:{label} {{id: $id}})"',
    '"CREATE (s:" + kind + " {id: $id})"',
    '"CREATE (s:development)"',
    '"CREATE (s:Developments {id: 1})"',
    'q = """\n  MATCH (a)\n  CREATE (s:Session)\n"""',
]

INNOCENT_CYPHER = [
    '"CREATE (s:Session:Development {id: $id})"',
    '"CREATE (s:Session&Development {id: $id})"',
    '"CREATE (s:Production:Session)"',
    '"CREATE (s:`Development`)"',
    '"MERGE (s:Session:Test {id: $id}) ON CREATE SET s.n = 1"',
    '"MATCH (a:A), (b:B) CREATE (a)-[:R]->(b)"',
    '"MATCH (a:A) WITH a AS b CREATE (b)-[:R]->(b)"',
    '"CREATE (a:A:Test)-[:R]->(a)"',
    '"CREATE (a:A:Test {f: toString(1)})-[:R {x: [1, 2]}]->(b:B:Test)"',
    '"MATCH (s:Session) RETURN s"',
    '"CREATE INDEX FOR (n:Session) ON (n.id)"',
    '"CREATE CONSTRAINT c FOR (n:Session) REQUIRE n.id IS UNIQUE"',
    '"RETURN \'CREATE (s:Session)\'"',
    'f"CREATE (s:Session:{mine} {{id: $id}})"\nmine = nodes.label',
    'f"CREATE (s:Session:{nodes.label} {{id: $id}})"',
    'f"CREATE {nodes.node(\'s\', [\'Session\'])}"',
    '"CREATE (s:Session:" + nodes.label + " {id: $id})"',
    'f"CREATE (s:{\':\'.join(add_env_label([\'Session\']))})"',
    'log("create (or update) the session")',
    'log("create (new)")',
    'def f():\n  """CREATE (s:Session {id: 1})"""',
]


class Audit(unittest.TestCase):
    def found(self, code: str) -> list[audit.Finding]:
        return audit.audit_source(HEAD + code + "\n")

    def test_each_call_without_the_helper_is_found_once_on_its_line(self) -> None:
        for code in CALLS:
            with self.subTest(code):
                last = (HEAD + code).count("\n") + 1
                self.assertEqual([one.line for one in self.found(code)], [last], code)

    def test_a_call_with_the_helper_and_what_is_no_redis_is_left_alone(self) -> None:
        for code in INNOCENT_CALLS:
            with self.subTest(code):
                self.assertEqual(self.found(code), [])

    def test_each_node_without_a_label_is_found_once(self) -> None:
        for code in CYPHER:
            with self.subTest(code):
                found = [one for one in self.found(f"q = {code}" if code[0] in "\"f'" else code)]
                self.assertEqual(len(found), 1, found)
                self.assertIn("cypher", found[0].what)
        clause = self.found('q = """\n  MATCH (a)\n  CREATE (s:Session)\n"""')[0]
        self.assertEqual(clause.line, HEAD.count("\n") + 3)

    def test_a_node_with_a_label_and_what_creates_none_is_left_alone(self) -> None:
        for code in INNOCENT_CYPHER:
            with self.subTest(code):
                self.assertEqual(self.found(code), [])

    def test_the_command_reads_folders_and_says_by_its_exit_code_how_it_stands(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            package = Path(folder) / "agent"
            package.mkdir()
            good, bad = package / "good.py", package / "bad.py"
            good.write_text(HEAD + 'r.get(make_key("a"))\n')
            self.assertEqual(self.run_on(folder)[0], 0)
            bad.write_text(HEAD + 'r.get("a")\nq = "CREATE (s:Session {id: 1})"\n')
            code, said, _ = self.run_on(folder)
            self.assertEqual(code, 1)
            self.assertEqual(
                said,
                textwrap.dedent(
                    f"""\
                    {bad}:5: redis get: the key is not made by the helper: r.get("a")
                    {bad}:6: cypher CREATE: a node without its environment's label: "CREATE (s:Session {{id: 1}})"
                    """
                ),
            )
            code, said, _ = self.run_on(folder, "--format", "json")
            document = json.loads(said)
            self.assertEqual((code, document["files"], len(document["findings"])), (1, 2, 2))
            # What cannot be read is never taken for clean.
            (package / "broken.py").write_text("def f(:\n")
            (package / "latin.py").write_bytes(b"x = '\xff'\n")
            code, _, told = self.run_on(folder)
            self.assertEqual(code, 2)
            self.assertIn("broken.py: not looked at", told)
            self.assertIn("latin.py: not looked at", told)
            self.assertEqual(self.run_on(str(Path(folder) / "nowhere"))[0], 2)
        with tempfile.TemporaryDirectory() as empty:
            self.assertEqual(self.run_on(empty)[0], 2)

    def run_on(self, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = audit.main(arguments)
        return code, out.getvalue(), err.getvalue()


if __name__ == "__main__":
    unittest.main()

"""Redis calls whose key is not made by the helper."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple


class Place(NamedTuple):
    """A place in a module, and what is wrong there."""

    node: ast.AST
    line: int
    what: str


#: Functions and methods that give a marked key, pattern or channel.
_MAKERS = {"make_key", "make", "pattern", "channel"}
_MARKED_ATTRIBUTES = {"all_channels", "prefix"}

_ONE = "key of the first argument"
_ALL = "every argument"
_TWO = "the first two arguments"
_LIST = "a list, or every argument"
_DICT = "the keys of a dict"
_MATCH = "the argument `match`"
_SCRIPT = "the keys of a script"
_SECOND = "the second argument"
_BITOP = "all arguments but the first"
_STORE = "the first, and a list in the second"

#: Methods that nothing but a Redis client has: taken for Redis whatever they are called on.
_REDIS_ALONE = {
    **dict.fromkeys(
        """append bitcount bitpos decr decrby expireat getdel getex getrange getset hdel hexists hget
        hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hscan hscan_iter hset hsetnx hstrlen hvals
        incr incrby incrbyfloat lindex linsert llen lpop lpos lpush lpushx lrange lrem lset ltrim
        pexpire pexpireat pexpiretime expiretime psetex pttl rpop rpush rpushx sadd scard setbit
        getbit setex setnx setrange sismember smismember smembers spop srandmember srem sscan
        sscan_iter strlen xack xadd xautoclaim xclaim xdel xgroup_create xgroup_destroy xinfo_stream
        xlen xpending xrange xrevrange xtrim zadd zcard zcount zincrby zlexcount zmscore zpopmax
        zpopmin zrange zrangebylex zrangebyscore zrangestore zrank zrem zremrangebylex
        zremrangebyrank zremrangebyscore zrevrange zrevrangebyscore zrevrank zscan zscan_iter zscore
        pfadd geoadd geodist geohash geopos georadius geosearch substr""".split(),
        _ONE,
    ),
    **dict.fromkeys(
        "rename renamenx rpoplpush lmove blmove brpoplpush smove geosearchstore copy_key".split(),
        _TWO,
    ),
    **dict.fromkeys(
        """mget sdiff sinter sunion sdiffstore sinterstore sunionstore blpop brpop bzpopmin bzpopmax
        pfcount pfmerge zdiff zinter zunion""".split(),
        _LIST,
    ),
    **dict.fromkeys("mset msetnx".split(), _DICT),
    **dict.fromkeys("zinterstore zunionstore zdiffstore".split(), _STORE),
    "scan_iter": _MATCH,
    "psubscribe": _ALL,
    "evalsha": _SCRIPT,
    "eval_ro": _SCRIPT,
    "evalsha_ro": _SCRIPT,
    "execute_command": _SECOND,
    "bitop": _BITOP,
}
#: Methods that other things have too: taken for Redis on what is known or named to be a client.
_AMBIGUOUS = {
    **dict.fromkeys("get set type ttl expire persist dump restore sort move publish".split(), _ONE),
    **dict.fromkeys("delete unlink exists touch watch subscribe".split(), _ALL),
    **dict.fromkeys("copy".split(), _TWO),
    "keys": _ONE,
    "scan": _MATCH,
    "eval": _SCRIPT,
    "xread": _DICT,
    "xreadgroup": _DICT,
}
_CLIENTS = {"Redis", "StrictRedis", "RedisCluster", "Sentinel", "from_url", "master_for", "slave_for"}
_OF_A_CLIENT = {"pipeline", "pubsub", "client", "monitor"}
_KEYWORDS = ["name", "key", "names", "keys", "channel", "pattern", "src", "source", "mapping"]


def unmarked(tree: ast.Module) -> Iterator[Place]:
    """The calls whose key does not come from the helper."""
    module = _Module(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from module.judged(node, node.func)


class _Module:
    """What names stand for, as far as the assignments of one module tell."""

    def __init__(self, tree: ast.Module) -> None:
        self.clients: set[str] = set()
        self.marked: set[str] = set()
        pairs = list(assignments(tree))
        for _ in range(4):  # What is assigned from what was assigned: a few rounds reach the end.
            self.clients |= {name for name, value in pairs if value and self._is_client(value)}
        for argument in (one for one in ast.walk(tree) if isinstance(one, ast.arg)):
            if argument.annotation and _mentions_redis(argument.annotation):
                self.clients.add(argument.arg)
        values: dict[str, list[ast.expr | None]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        for _ in range(4):
            for name, given in values.items():
                if all(value is not None and self.is_marked(value) for value in given):
                    self.marked.add(name)

    def _is_client(self, value: ast.expr) -> bool:
        if isinstance(value, ast.Await):
            return self._is_client(value.value)
        if isinstance(value, ast.Call):
            name = _last(value.func)
            if name in _OF_A_CLIENT and isinstance(value.func, ast.Attribute):
                return self._named_client(value.func.value)
            if name == "from_url":
                return "redis" in ast.unparse(value.func).lower()
            return name in _CLIENTS
        return ast.unparse(value) in self.clients

    def _named_client(self, receiver: ast.expr) -> bool:
        if self._is_client(receiver) or ast.unparse(receiver) in self.clients:
            return True
        name = _last(receiver) or ""
        return "redis" in name.lower() and not isinstance(receiver, ast.Call)

    def is_marked(self, value: ast.expr) -> bool:
        """Whether a value begins with what the helper has made."""
        if isinstance(value, ast.Call):
            name = _last(value.func)
            if name in _MAKERS:
                return True
            # "…".format(…), .encode(), str(…): what it was made from decides.
            if isinstance(value.func, ast.Attribute) and name in {"encode", "decode"}:
                return self.is_marked(value.func.value)
            return name in {"str", "bytes"} and bool(value.args) and self.is_marked(value.args[0])
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
            return self.is_marked(value.left)
        if isinstance(value, ast.JoinedStr):
            first = value.values[0] if value.values else None
            return isinstance(first, ast.FormattedValue) and self.is_marked(first.value)
        if isinstance(value, ast.IfExp):
            return self.is_marked(value.body) and self.is_marked(value.orelse)
        if isinstance(value, ast.NamedExpr):
            return self.is_marked(value.value)
        if isinstance(value, ast.Starred):
            return self.is_marked(value.value)
        if isinstance(value, (ast.List, ast.Tuple, ast.Set)):
            return all(self.is_marked(one) for one in value.elts)
        if isinstance(value, (ast.ListComp, ast.GeneratorExp, ast.SetComp)):
            return self.is_marked(value.elt)
        if isinstance(value, ast.Attribute) and value.attr in _MARKED_ATTRIBUTES:
            return True
        if isinstance(value, (ast.Name, ast.Attribute)):
            return ast.unparse(value) in self.marked
        return False

    def judged(self, call: ast.Call, method: ast.Attribute) -> Iterator[Place]:
        name = method.attr.lower()
        where = _REDIS_ALONE.get(name)
        if where is None or name == "append":
            where = _REDIS_ALONE.get(name) or _AMBIGUOUS.get(name)
            if where is None or not self._named_client(method.value):
                return
        keys, sure = _keys(call, where)
        if not sure:
            yield Place(call, call.lineno, f"redis {name}: no key or pattern of the helper is given")
        for key in keys:
            if not self.is_marked(key):
                yield Place(call, key.lineno, f"redis {name}: the key is not made by the helper")
                return


def _keys(call: ast.Call, where: str) -> tuple[list[ast.expr], bool]:
    """The expressions that are keys, and whether there are any where there must be."""
    arguments = list(call.args)
    named = {one.arg: one.value for one in call.keywords if one.arg}
    given = [named[name] for name in _KEYWORDS if name in named]
    if where == _MATCH:
        match = named.get("match") or (arguments[0] if _is_iter(call) and arguments else None)
        if match is None and not _is_iter(call) and len(arguments) > 1:
            match = arguments[1]
        return ([match], True) if match else ([], False)
    if where == _SECOND:
        return arguments[1:2], True
    if where == _BITOP:
        return arguments[1:], True
    if where == _SCRIPT:
        count = arguments[1] if len(arguments) > 1 else None
        if isinstance(count, ast.Constant) and isinstance(count.value, int):
            return arguments[2 : 2 + count.value], True
        return arguments[2:], True
    if where == _DICT:
        return _dict_keys((arguments or given)[:1]), True
    if where == _ALL:
        return arguments or given, True
    if where == _LIST:
        return arguments or given, True
    if where == _STORE:
        return arguments[:2], True
    if where == _TWO:
        dst = [named[name] for name in ("dst", "destination", "first_list", "second_list") if name in named]
        return (arguments + given + dst)[:2], True
    return (arguments or given)[:1], True


def _is_iter(call: ast.Call) -> bool:
    """Whether it is scan_iter, whose pattern comes first."""
    return isinstance(call.func, ast.Attribute) and call.func.attr == "scan_iter"


def _dict_keys(arguments: list[ast.expr]) -> list[ast.expr]:
    keys: list[ast.expr] = []
    for one in arguments:
        if isinstance(one, ast.Dict):
            # `**other` has no key: what it brings is not known.
            keys += [key if key is not None else value for key, value in zip(one.keys, one.values)]
        elif isinstance(one, ast.DictComp):
            keys.append(one.key)
        else:
            keys.append(one)
    return keys


def assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr | None]]:
    """Every name and attribute that is given a value, with the value where it is to be seen."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _targets(target, node.value)
        elif isinstance(node, ast.AnnAssign):
            if _mentions_redis(node.annotation):
                yield ast.unparse(node.target), ast.Call(ast.Name("Redis"), [], [])
            else:
                yield ast.unparse(node.target), node.value
        elif isinstance(node, ast.NamedExpr):
            yield node.target.id, node.value
        elif isinstance(node, ast.AugAssign):
            # What is added stands behind: the beginning stays.
            if not isinstance(node.op, ast.Add):
                yield ast.unparse(node.target), None
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            yield from _loop(node.target, node.iter)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                if item.optional_vars is not None:
                    yield from _targets(item.optional_vars, item.context_expr)
        elif isinstance(node, ast.arg):
            yield node.arg, None


def _targets(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr | None]]:
    if isinstance(target, (ast.Tuple, ast.List)):
        values: list[ast.expr | None] = [None] * len(target.elts)
        if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
            values = list(value.elts)
        for one, its in zip(target.elts, values):
            yield ast.unparse(one), its
    else:
        yield ast.unparse(target), value


def _loop(target: ast.expr, over: ast.expr) -> Iterator[tuple[str, ast.expr | None]]:
    """A loop over marked keys gives marked keys, and so does a scan by a marked pattern."""
    value: ast.expr | None = None
    if isinstance(target, ast.Name):
        if isinstance(over, (ast.List, ast.Tuple, ast.Set, ast.ListComp, ast.GeneratorExp)):
            value = over
        elif isinstance(over, ast.Call) and _last(over.func) == "scan_iter":
            patterns, _ = _keys(over, _MATCH)
            value = patterns[0] if patterns else None
    for one in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
        yield ast.unparse(one), value


def _last(value: ast.expr) -> str | None:
    if isinstance(value, ast.Name):
        return value.id
    return value.attr if isinstance(value, ast.Attribute) else None


def _mentions_redis(annotation: ast.expr) -> bool:
    text = ast.unparse(annotation)
    return "Redis" in text or "Pipeline" in text

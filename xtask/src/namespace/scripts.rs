//! What the server runs on each batch of keys. Each script gets the cursor and for how many seconds to
//! go on, then the environment's own prefix, then all others', then what the script itself names. It
//! answers the next cursor, or `stop`, and a line, before which stands its length.

use environments::Environment;

/// The environment's own prefix, then all others'.
pub(super) fn prefixes(owners: &[Environment]) -> Vec<String> {
    owners.iter().map(|owner| owner.redis_prefix()).collect()
}

/// The environment itself, then all others.
pub(super) fn owners(environment: Environment) -> Vec<Environment> {
    let others = Environment::ALL
        .into_iter()
        .filter(|one| *one != environment);
    std::iter::once(environment).chain(others).collect()
}

/// Gives the prefix to the keys that have none, where that name is free. Answers how many were given
/// it; then, in hexadecimal, the first key that does not hold under its new name what it held before,
/// with which it stops.
pub(super) fn rename() -> String {
    format!("#!lua\n{OWNER}\n{HELD}\n{RENAME}\n{BATCH}\n{RENAMED}")
}

/// Answers, in hexadecimal, each key that has another environment's prefix.
pub(super) fn foreign() -> String {
    format!("#!lua flags=no-writes\n{OWNER}\n{FOREIGN}\n{BATCH}\n{FOUND}")
}

/// Counts keys by prefix; how deep it looks, whether any key expires, and on which [`Side`] it looks
/// for names that are taken, are its last three arguments. Answers of how many keys without a prefix
/// the name with the prefix is taken; how many have none, and each; how many never expire, a sum over
/// what these hold, and how many expire; then up to five keys that have no prefix and five that have
/// another's, as its number and the key's beginning in hexadecimal.
pub(super) fn census() -> String {
    format!("#!lua flags=no-writes\n{OWNER}\n{HELD}\n{CENSUS}\n{BATCH}\n{COUNTED}")
}

/// Of a key without a prefix and the one that has its name with the prefix, the one that is looked
/// for the other. It costs a call for each key of that kind, and mostly nearly all are of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Neither: nothing is said of names that are taken.
    None,
    Bare,
    Own,
}

impl Side {
    pub(super) const fn number(self) -> &'static str {
        match self {
            Self::None => "-1",
            Self::Bare => "0",
            Self::Own => "1",
        }
    }
}

/// Goes on from step to step of a SCAN for as long as it was told. Redis stops its own clock while a
/// script runs, but not that of Lua, which is the time that the server works. A step is short, since
/// only between two of them can it end.
const BATCH: &str = "local cursor, till = ARGV[1], os.clock() + tonumber(ARGV[2])
repeat
  local step = call('SCAN', cursor, 'COUNT', '100')
  cursor = step[1]
  if each(step[2]) then break end
until cursor == '0' or os.clock() > till
local function answer(cursor, line) return {cursor, #line, line} end";

/// Which prefix a key has: 1 for the own, 0 for none. Most keys differ in their first byte, and
/// cutting a text is what costs; so does looking for a function by its name, a million times.
const OWNER: &str =
    "local call, pcall, code, sub = redis.call, redis.pcall, string.byte, string.sub
local first = {}
for at = 3, 6 do first[code(ARGV[at])] = at end
local function owner(key)
  local at = first[code(key)]
  if not at then return 0 end
  local mark = ARGV[at]
  return sub(key, 1, #mark) == mark and at - 2 or 0
end
local function hex(key)
  return (string.gsub(key, '.', function(byte) return string.format('%02x', code(byte)) end))
end";

/// What is compared is read while nobody else is served, so a difference is this script's own fault.
/// Strings that were read whole are read again all at once: a call for each costs a third of all.
const RENAME: &str = "local own, renamed, changed = ARGV[3], 0, ''
local function differs(name) changed = ' ' .. hex(sub(name, #own + 1)) return true end
local function each(keys)
  local names, texts, count = {}, {}, 0
  for at = 1, #keys do
    local key = keys[at]
    if owner(key) == 0 then
      local name = own .. key
      local was, whole = held(key)
      if call('RENAMENX', key, name) == 1 then
        renamed = renamed + 1
        if whole then
          count = count + 1
          names[count], texts[count] = name, was
        elseif held(name) ~= was then
          return differs(name)
        end
      end
    end
  end
  for from = 1, count, 1000 do
    local till = math.min(from + 999, count)
    local now = call('MGET', unpack(names, from, till))
    for at = from, till do
      if now[at - from + 1] ~= texts[at] then return differs(names[at]) end
    end
  end
end";

const RENAMED: &str = "return answer(changed == '' and cursor or 'stop', renamed .. changed)";

const FOREIGN: &str = "local found = {}
local function each(keys)
  for at = 1, #keys do
    if owner(keys[at]) > 1 then found[#found + 1] = hex(keys[at]) end
  end
end";

const FOUND: &str = "return answer(cursor, table.concat(found, ' '))";

/// What a key holds, as a text, and whether that is all of a string. Of a long string the ends and the
/// length stand for it, of a collection of more than 512 members its type and size: a batch has to be
/// short. The members of a hash and a set come in an order that changes while its table grows or
/// shrinks, so they are added up; 52 bits are what a number of Lua holds exactly when two of them are
/// added.
const HELD: &str = "local limit = 4503599627370496
local function sum(text) return tonumber(sub(redis.sha1hex(text), 1, 13), 16) end
local function unordered(members, width)
  local total = 0
  for at = 1, #members, width do
    local member = #members[at] .. ' ' .. members[at]
    if width == 2 then member = member .. members[at + 1] end
    total = (total + sum(member)) % limit
  end
  return string.format('%.0f', total)
end
local sizes = {list = 'LLEN', hash = 'HLEN', set = 'SCARD', zset = 'ZCARD', stream = 'XLEN'}
local function held(key)
  local text = pcall('GETRANGE', key, '0', '65535')
  if type(text) == 'string' then
    if #text < 65536 then return text, true end
    return call('STRLEN', key) .. ' ' .. text .. call('GETRANGE', key, '-65536', '-1')
  end
  local kind = call('TYPE', key).ok
  if not sizes[kind] then return kind end
  local size = call(sizes[kind], key)
  if size > 512 then return kind .. ' ' .. size end
  if kind == 'hash' then return kind .. unordered(call('HGETALL', key), 2) end
  if kind == 'set' then return kind .. unordered(call('SMEMBERS', key), 1) end
  return kind .. call('DUMP', key)
end";

/// Whether names are taken is asked for a thousand at once: mostly none is, and a call for each costs
/// as much as all the rest.
const CENSUS: &str = "local own, depth, expires = ARGV[3], tonumber(ARGV[7]), ARGV[8] == '1'
local side, from = tonumber(ARGV[9]), #ARGV[3] + 1
local counts, samples, sampled, taken = {[0] = 0, 0, 0, 0, 0}, {}, {0, 0}, 0
local keys, total, expiring = 0, 0, 0
local function sample(whose, key)
  local kind = whose == 0 and 1 or 2
  if sampled[kind] == 5 then return end
  sampled[kind] = sampled[kind] + 1
  samples[#samples + 1] = whose .. '=' .. hex(sub(key, 1, 100))
end
local function there(names)
  local count = 0
  for at = 1, #names, 1000 do
    count = count + call('EXISTS', unpack(names, at, math.min(at + 999, #names)))
  end
  return count
end
local function each(step)
  local owners, twins = {}, {}
  for at = 1, #step do
    local key = step[at]
    local whose = owner(key)
    owners[at] = whose
    counts[whose] = counts[whose] + 1
    if whose == side then
      local twin = whose == 0 and own .. key or sub(key, from)
      if whose == 0 or owner(twin) == 0 then twins[#twins + 1] = twin end
    end
    if whose ~= 1 then sample(whose, key) end
  end
  local some = there(twins)
  taken = taken + some
  if depth == 0 then return end
  for at = 1, #step do
    local key = step[at]
    if expires and call('PTTL', key) >= 0 then
      expiring = expiring + 1
    else
      keys = keys + 1
      if depth == 2 then
        local name = owners[at] == 0 and own .. key or key
        if some > 0 and name ~= key and call('EXISTS', name) == 1 then name = key end
        total = (total + sum(name .. ' ' .. held(key))) % limit
      end
    end
  end
end";

const COUNTED: &str =
    "return answer(cursor, string.format('%d %d %d %d %d %d %d %.0f %d %s', taken, counts[0], counts[1],
  counts[2], counts[3], counts[4], keys, total, expiring, table.concat(samples, ' ')))";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_prefixes_begin_with_the_same_byte() {
        for environment in Environment::ALL {
            let prefixes = prefixes(&owners(environment));
            assert_eq!(prefixes[0], environment.redis_prefix());
            let mut first: Vec<u8> = prefixes.iter().map(|one| one.as_bytes()[0]).collect();
            first.sort_unstable();
            first.dedup();
            assert_eq!(
                first.len(),
                4,
                "the scripts tell prefixes apart by their first byte"
            );
        }
    }
}

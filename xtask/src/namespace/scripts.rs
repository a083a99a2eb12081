//! What the server runs on each batch of keys. Each script gets the cursor and the number of keys to
//! look at, then the environment's own prefix, then all others', then what the script itself names.

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

/// Gives the prefix to the keys that have none, where that name is free. Answers the cursor and how
/// many were given it.
pub(super) fn rename() -> String {
    format!("#!lua\n{OWNER}\n{RENAME}")
}

/// Answers the cursor and, in hexadecimal, each key that has another environment's prefix.
pub(super) fn foreign() -> String {
    format!("#!lua flags=no-writes\n{OWNER}\n{FOREIGN}")
}

/// Counts keys by prefix; whether it looks at values too, and whether any key expires, are its last
/// two arguments. Answers the cursor; of how many keys without a prefix the name with the prefix is
/// taken; how many have none, and each; how many never expire, a sum over what these hold, and how
/// many expire; then up to five keys that have no prefix and five that have another's, as its number
/// and the key's beginning in hexadecimal.
pub(super) fn census() -> String {
    format!("#!lua flags=no-writes\n{OWNER}\n{HELD}\n{CENSUS}")
}

/// Which prefix a key has: 1 for the own, 0 for none. Most keys differ in their first byte, and
/// cutting a text is what costs.
const OWNER: &str = "local first = {}
for at = 3, 6 do first[string.byte(ARGV[at])] = at end
local function owner(key)
  local at = first[string.byte(key)]
  if at and string.sub(key, 1, #ARGV[at]) == ARGV[at] then return at - 2 end
  return 0
end";

const RENAME: &str = "local step = redis.call('SCAN', ARGV[1], 'COUNT', ARGV[2])
local own, renamed = ARGV[3], 0
for _, key in ipairs(step[2]) do
  if owner(key) == 0 then renamed = renamed + redis.call('RENAMENX', key, own .. key) end
end
return step[1] .. ' ' .. renamed";

const FOREIGN: &str = "local step = redis.call('SCAN', ARGV[1], 'COUNT', ARGV[2])
local answer = {step[1]}
for _, key in ipairs(step[2]) do
  if owner(key) > 1 then
    answer[#answer + 1] = string.gsub(key, '.', function(byte)
      return string.format('%02x', string.byte(byte))
    end)
  end
end
return table.concat(answer, ' ') .. ' '";

/// What a key holds, as a text. Of a long string the ends and the length stand for it, of a
/// collection of more than 512 members its type and size: a batch has to be short. The members of a
/// hash and a set come in an order that changes while its table grows or shrinks, so they are added
/// up; 52 bits are what a number of Lua holds exactly when two of them are added.
const HELD: &str = "local limit = 4503599627370496
local function sum(text) return tonumber(string.sub(redis.sha1hex(text), 1, 13), 16) end
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
  local text = redis.pcall('GETRANGE', key, 0, 65535)
  if type(text) == 'string' then
    if #text < 65536 then return text end
    return redis.call('STRLEN', key) .. ' ' .. text .. redis.call('GETRANGE', key, -65536, -1)
  end
  local kind = redis.call('TYPE', key).ok
  if not sizes[kind] then return kind end
  local size = redis.call(sizes[kind], key)
  if size > 512 then return kind .. ' ' .. size end
  if kind == 'hash' then return kind .. unordered(redis.call('HGETALL', key), 2) end
  if kind == 'set' then return kind .. unordered(redis.call('SMEMBERS', key), 1) end
  return kind .. redis.call('DUMP', key)
end";

/// Whether names are taken is asked for a thousand at once: mostly none is, and a call for each costs
/// as much as all the rest.
const CENSUS: &str = "local step = redis.call('SCAN', ARGV[1], 'COUNT', ARGV[2])
local own, values, expires = ARGV[3], ARGV[7] == '1', ARGV[8] == '1'
local counts, samples, sampled, taken = {[0] = 0, 0, 0, 0, 0}, {}, {0, 0}, 0
local keys, total, expiring = 0, 0, 0
local owners, marked, some, bare = {}, {}, false, 0
for at, key in ipairs(step[2]) do
  owners[at] = owner(key)
  if owners[at] == 0 then marked[#marked + 1] = own .. key end
end
for at = 1, #marked, 1000 do
  if redis.call('EXISTS', unpack(marked, at, math.min(at + 999, #marked))) > 0 then some = true end
end
for at, key in ipairs(step[2]) do
  local whose, name = owners[at], key
  counts[whose] = counts[whose] + 1
  if whose == 0 then
    bare = bare + 1
    name = marked[bare]
    if some and redis.call('EXISTS', name) == 1 then taken, name = taken + 1, key end
  end
  if whose ~= 1 then
    local kind = whose == 0 and 1 or 2
    if sampled[kind] < 5 then
      sampled[kind] = sampled[kind] + 1
      local hex = string.gsub(string.sub(key, 1, 100), '.', function(byte)
        return string.format('%02x', string.byte(byte))
      end)
      samples[#samples + 1] = whose .. '=' .. hex
    end
  end
  if values then
    if expires and redis.call('PTTL', key) >= 0 then
      expiring = expiring + 1
    else
      keys, total = keys + 1, (total + sum(name .. ' ' .. held(key))) % limit
    end
  end
end
return string.format('%s %d %d %d %d %d %d %d %.0f %d %s', step[1], taken, counts[0], counts[1],
  counts[2], counts[3], counts[4], keys, total, expiring, table.concat(samples, ' '))";

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

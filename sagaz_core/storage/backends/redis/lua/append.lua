-- Writes one entry with all that goes with it, or nothing: a compare-and-set on head and fence.
-- KEYS: family, alive, members, row, entries, bodies, ids, touches, hidden.
-- ARGV: what is wanted, as MessagePack; the row; its wrapped key for a saga that has none, or empty;
-- the entry and its body, or nothing.
-- Returns what became of it, the saga's head, whether it had ended before, its tags, and whether
-- its family is held, so that nothing of it expires.
local family, alive, members, row = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local entries, bodies, ids, touches = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local saga, expected, head, ended, expires, tags, lease, entry = unpack(cmsgpack.unpack(ARGV[1]))

if entry then
    local stored = redis.call('HGET', ids, entry.snapshot_id)
    if stored then
        return {'duplicate', tonumber(stored), '', '', ''}
    end
end
local known = redis.call('HMGET', row, 'head', 'ended', 'tags')
local before = tonumber(known[1] or 0)
if before ~= expected then
    return {'conflict', before, '', '', ''}
end

if lease then
    local held = redis.call('HMGET', family, 'fence', 'holder')
    if not held[1] and lease.claim then
        local now = redis.call('TIME')
        redis.call('HSET', family, 'fence', lease.fence, 'owner', lease.owner, 'holder', saga,
            'acquired', now[1] .. string.format('%06d', now[2]))
    elseif tonumber(held[1] or 0) ~= lease.fence or held[2] ~= saga then
        return {'fenced', before, '', '', ''}
    end
end

-- First what a server without memory refuses: what it takes then, the rest would follow.
redis.call('HSET', row, 'row', ARGV[2], 'head', head, 'ended', ended)
if lease and lease.undoes then
    redis.call('HDEL', family, 'recovered_by')
end
if lease and lease.release then
    redis.call('DEL', alive)
    redis.call('HDEL', family, 'held')
    if lease.recovers then
        redis.call('HSET', family, 'recovered_by', saga)
    end
elseif lease then
    redis.call('HSET', family, 'held', '1')
    if lease.term > 0 then
        redis.call('SET', alive, lease.fence, 'PX', lease.term)
    end
end
if ARGV[3] ~= '' then
    redis.call('HSETNX', row, 'key', ARGV[3])
end
if tags ~= '' then
    redis.call('HSET', row, 'tags', tags)
end
if entry then
    redis.call('XADD', entries, entry.id, 'e', ARGV[4])
    redis.call('HSET', bodies, head, ARGV[5])
    redis.call('HSET', ids, entry.snapshot_id, head)
    for _, touch in ipairs(entry.touches) do
        redis.call('ZADD', touches, 0, touch)
    end
end
redis.call('SADD', members, saga)

-- All that belongs to a saga expires together, and what the family shares with its last saga.
local held = redis.call('HGET', family, 'kept')
for number = 4, 9 do
    if expires and not held then
        redis.call('PEXPIREAT', KEYS[number], expires)
    else
        redis.call('PERSIST', KEYS[number])
    end
end
if not expires then
    redis.call('HSET', family, 'stays', '1')
    redis.call('PERSIST', family)
    redis.call('PERSIST', members)
elseif not held and redis.call('HGET', family, 'stays') ~= '1' then
    for number = 1, 3, 2 do
        if redis.call('PEXPIRETIME', KEYS[number]) < expires then
            redis.call('PEXPIREAT', KEYS[number], expires)
        end
    end
end
return {'stored', head, known[2] or '', known[3] or tags, held or ''}

-- Writes one entry with all that goes with it, or nothing: a compare-and-set on head and fence.
-- KEYS: family, alive, members, row, entries, bodies, ids, touches, hidden.
-- Returns what became of it, the saga's head, whether it had ended before, and its tags.
local family, alive, members, row = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local entries, bodies, ids, touches = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local expected, saga, packed, head, ended = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local expires, tags = ARGV[6], ARGV[7]
local fence, claim, owner, term, release, recovers = ARGV[8], ARGV[9], ARGV[10], ARGV[11], ARGV[12], ARGV[13]
local entry_id, entry, body, snapshot_id = ARGV[14], ARGV[15], ARGV[16], ARGV[17]

if entry_id ~= '' then
    local stored = redis.call('HGET', ids, snapshot_id)
    if stored then
        return {'duplicate', tonumber(stored), '', ''}
    end
end
local known = redis.call('HMGET', row, 'head', 'ended')
local before = known[1] or '0'
if before ~= expected then
    return {'conflict', tonumber(before), '', ''}
end

if fence ~= '' then
    local held = redis.call('HMGET', family, 'fence', 'holder')
    if not held[1] and claim ~= '' then
        local now = redis.call('TIME')
        redis.call('HSET', family, 'fence', fence, 'owner', owner, 'holder', saga,
            'acquired', now[1] .. string.format('%06d', now[2]))
    elseif held[1] ~= fence or held[2] ~= saga then
        return {'fenced', tonumber(before), '', ''}
    end
    if release ~= '' then
        redis.call('DEL', alive)
        redis.call('HDEL', family, 'held')
        if recovers ~= '' then
            redis.call('HSET', family, 'recovered_by', saga)
        end
    else
        redis.call('HSET', family, 'held', '1')
        if tonumber(term) > 0 then
            redis.call('SET', alive, fence, 'PX', term)
        end
    end
end

redis.call('HSET', row, 'row', packed, 'head', head, 'ended', ended)
if tags ~= '' then
    redis.call('HSET', row, 'tags', tags)
end
if entry_id ~= '' then
    redis.call('XADD', entries, entry_id, 'e', entry)
    redis.call('HSET', bodies, head, body)
    redis.call('HSET', ids, snapshot_id, head)
end
for number = 18, #ARGV do
    redis.call('ZADD', touches, 0, ARGV[number])
end
redis.call('SADD', members, saga)

-- All that belongs to a saga expires together, and what the family shares with its last saga.
for number = 4, 9 do
    if expires ~= '' then
        redis.call('PEXPIREAT', KEYS[number], expires)
    else
        redis.call('PERSIST', KEYS[number])
    end
end
if expires == '' then
    redis.call('HSET', family, 'stays', '1')
    redis.call('PERSIST', family)
    redis.call('PERSIST', members)
elseif redis.call('HGET', family, 'stays') ~= '1' then
    for number = 1, 3, 2 do
        if redis.call('PEXPIRETIME', KEYS[number]) < tonumber(expires) then
            redis.call('PEXPIREAT', KEYS[number], expires)
        end
    end
end
return {'stored', tonumber(head), known[2] or '', redis.call('HGET', row, 'tags') or ''}

-- Puts staged entries and bodies in place of a saga's, if it is as it was read and at rest.
-- KEYS: alive, row, entries, bodies, staged entries, staged bodies.
-- ARGV: the row as it was read, as it shall be, the wrapped key, the head, a token.
-- Returns whether it did; asked once more, by a caller who did not hear the answer and so has the
-- same token, it says so again.
local alive, row, before, after, key, head, token = KEYS[1], KEYS[2], unpack(ARGV)
local stored = redis.call('HMGET', row, 'row', 'token')
if stored[2] == token then
    return 1
end
if stored[1] ~= before or redis.call('EXISTS', alive) == 1 then
    return 0
end
if redis.call('XLEN', KEYS[5]) ~= tonumber(head) or redis.call('HLEN', KEYS[6]) ~= tonumber(head) then
    return redis.error_reply('ERR what was staged has lapsed, since it took too long')
end

redis.call('HSET', row, 'row', after, 'token', token)
if key ~= '' then
    redis.call('HSET', row, 'key', key)
else
    redis.call('HDEL', row, 'key')
end
local expires = redis.call('PEXPIRETIME', row)
for number = 3, head == '0' and 2 or 4 do
    redis.call('UNLINK', KEYS[number])
    redis.call('RENAME', KEYS[number + 2], KEYS[number])
    if expires > 0 then
        redis.call('PEXPIREAT', KEYS[number], expires)
    else
        redis.call('PERSIST', KEYS[number])
    end
end
return 1

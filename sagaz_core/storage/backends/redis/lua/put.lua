-- Stores a document if its version is the expected one.
-- KEYS: record. Returns whether it was stored; asked once more, by a caller who did not hear the
-- answer and so has the same token, it says so again.
local expected, packed, expires, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('HGET', KEYS[1], 'token') == token then
    return 1
end
if (redis.call('HGET', KEYS[1], 'version') or '0') ~= expected then
    return 0
end
redis.call('HSET', KEYS[1], 'version', string.format('%d', expected + 1), 'record', packed, 'token', token)
if expires ~= '' then
    redis.call('PEXPIREAT', KEYS[1], expires)
else
    redis.call('PERSIST', KEYS[1])
end
return 1

-- Hides an entry by its snapshot id.
-- KEYS: row, ids, hidden. Returns whether it was there and not hidden yet.
local seq = redis.call('HGET', KEYS[2], ARGV[1])
if not seq or redis.call('SADD', KEYS[3], seq) == 0 then
    return 0
end
local expires = redis.call('PEXPIRETIME', KEYS[1])
if expires > 0 then
    redis.call('PEXPIREAT', KEYS[3], expires)
end
return 1

-- Puts a wrapped key in place of the expected one; without a second argument none is expected.
-- KEYS: row. Returns whether it is there now.
local stored = redis.call('HMGET', KEYS[1], 'head', 'key')
if not stored[1] or ((stored[2] or nil) ~= ARGV[2] and stored[2] ~= ARGV[1]) then
    return 0
end
redis.call('HSET', KEYS[1], 'key', ARGV[1])
return 1

-- Puts a wrapped key in place of the expected one.
-- KEYS: row. Returns whether it is there now.
local stored = redis.call('HGET', KEYS[1], 'key')
if not stored or (stored ~= ARGV[2] and stored ~= ARGV[1]) then
    return 0
end
redis.call('HSET', KEYS[1], 'key', ARGV[1])
return 1

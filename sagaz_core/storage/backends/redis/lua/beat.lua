-- Extends a lease that is this fence's and was not given back.
-- KEYS: family, alive. Returns whether it was extended.
local held = redis.call('HMGET', KEYS[1], 'fence', 'held')
if held[1] ~= ARGV[1] or held[2] ~= '1' then
    return 0
end
if tonumber(ARGV[2]) > 0 then
    redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
end
return 1

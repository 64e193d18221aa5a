-- Gives a lease back, saying who recovered the family, or that nobody has any more.
-- KEYS: family, alive. Returns whether it was this fence's.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
    return 0
end
redis.call('DEL', KEYS[2])
redis.call('HDEL', KEYS[1], 'held')
if ARGV[3] ~= '' then
    redis.call('HDEL', KEYS[1], 'recovered_by')
end
if ARGV[2] ~= '' then
    redis.call('HSET', KEYS[1], 'recovered_by', ARGV[2])
end
return 1

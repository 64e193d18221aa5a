-- Takes a family's lease if nobody alive holds it and the fence is the expected one.
-- KEYS: family, alive. Returns whether it was taken; asked once more, by a caller who did not
-- hear the answer and so has the same token, it says so again.
local expected, owner, holder, term, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local fence = redis.call('HGET', KEYS[1], 'fence') or '0'
if redis.call('HGET', KEYS[1], 'token') == token then
    return 1
end
if redis.call('EXISTS', KEYS[2]) == 1 or fence ~= expected then
    return 0
end
if fence == '0' then
    -- Until the run's first entry says how long it stays, no longer than a day.
    redis.call('HSET', KEYS[1], 'fence', '0')
    if redis.call('PEXPIRETIME', KEYS[1]) == -1 and redis.call('HGET', KEYS[1], 'stays') ~= '1' then
        redis.call('PEXPIRE', KEYS[1], math.max(86400000, tonumber(term)))
    end
end
local now = redis.call('TIME')
redis.call('HSET', KEYS[1], 'fence', string.format('%d', fence + 1), 'owner', owner,
    'holder', holder, 'held', '1', 'token', token, 'acquired', now[1] .. string.format('%06d', now[2]))
if tonumber(term) > 0 then
    redis.call('SET', KEYS[2], fence + 1, 'PX', term)
end
return 1

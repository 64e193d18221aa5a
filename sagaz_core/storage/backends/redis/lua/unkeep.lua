-- Has a saga expire again, and what its family shares with it, unless it was written to since.
-- KEYS: family, members, row, entries, bodies, ids, touches, hidden.
-- ARGV: the head as it was read, and when it expires. Returns whether the head was still that.
if redis.call('HGET', KEYS[3], 'head') ~= ARGV[1] then
    return 0
end
-- First what is shared: with a time that has passed, the rest is gone at once.
if redis.call('HGET', KEYS[1], 'stays') ~= '1' then
    for number = 1, 2 do
        if redis.call('PEXPIRETIME', KEYS[number]) < tonumber(ARGV[2]) then
            redis.call('PEXPIREAT', KEYS[number], ARGV[2])
        end
    end
end
for number = 3, 8 do
    redis.call('PEXPIREAT', KEYS[number], ARGV[2])
end
return 1

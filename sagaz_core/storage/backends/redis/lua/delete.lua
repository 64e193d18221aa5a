-- Removes a saga, and its family with the last of it.
-- KEYS: family, alive, members, row, entries, bodies, ids, touches, hidden.
-- Returns how many entries went.
local gone = redis.call('XLEN', KEYS[5])
for number = 4, 9 do
    redis.call('UNLINK', KEYS[number])
end
-- One that was gone already takes no lease along that somebody has taken since.
if redis.call('SREM', KEYS[3], ARGV[1]) == 1 and redis.call('EXISTS', KEYS[3]) == 0 then
    redis.call('DEL', KEYS[1], KEYS[2])
end
return gone

-- Write what is missing of a session: what was typed since is never overwritten.
-- KEYS  1  the session's hash
-- ARGV  1  seconds to live;  then field, value, field, value, ...
-- Returns  how many fields were written
local written = 0
for i = 2, #ARGV, 2 do
  written = written + redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1])
end
if redis.call('TTL', KEYS[1]) == -1 then
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
return written

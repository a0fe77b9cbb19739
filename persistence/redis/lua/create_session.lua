-- Write a session unless it is there: what was typed since is never overwritten.
-- KEYS  1  the session's hash
-- ARGV  1  seconds to live;  then field, value, field, value, ...
-- Returns  1 when it was written, 0 when it was there
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1

-- Take people out of a bucket's slice, each only if they are there since the same moment.
-- KEYS  1  the bucket's sorted set
-- ARGV  score, member, score, member, ...
-- Returns  how many were taken out
local removed = 0
for i = 1, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i + 1])
  if score and tonumber(score) == tonumber(ARGV[i]) then
    removed = removed + redis.call('ZREM', KEYS[1], ARGV[i + 1])
  end
end
return removed

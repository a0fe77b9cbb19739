-- Take people into a bucket's slice, each at the moment given, and return its head.
-- KEYS  1  the bucket's sorted set
-- ARGV  1  how many of the oldest to return;  then score, member, score, member, ...
-- Returns  member, score, member, score, ..., oldest first
for i = 2, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1])
end
return redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1, 'WITHSCORES')

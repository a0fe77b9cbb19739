-- Publish, where anybody but the sender listens.
-- KEYS  1  the channel
-- ARGV  1  how many of those who listen the sender is;  2  the message
-- Returns  1 if it was published
if redis.call('PUBSUB', 'NUMSUB', KEYS[1])[2] <= tonumber(ARGV[1]) then
  return 0
end
redis.call('PUBLISH', KEYS[1], ARGV[2])
return 1

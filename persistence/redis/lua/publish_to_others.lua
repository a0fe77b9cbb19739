-- Publish where anybody but the sender listens.
-- KEYS  1  the channel
-- ARGV  1  how many subscriptions are the sender's own;  2  the message
-- Returns  1 if it was published
if redis.call('PUBSUB', 'NUMSUB', KEYS[1])[2] <= tonumber(ARGV[1]) then
  return 0
end
redis.call('PUBLISH', KEYS[1], ARGV[2])
return 1

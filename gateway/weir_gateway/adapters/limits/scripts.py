"""The scripts that count limits in Redis: all of a request's limits in one, by the server's clock.

A minute is a hash: an amount per second, their sum, the oldest second that may still be there and
the latest. A day is a hash of its number and the amount. Both are what domain/limits.py does.
"""

from typing import Final

from weir_gateway.adapters.redis.client import Script

_SHARED: Final = """
local clock = redis.call('TIME')
local now = tonumber(clock[1])

local function whole(number)
  return string.format('%.0f', number)
end

-- What a minute holds, and the second that counts as now; forgets what is over.
local function minute(key)
  local found = redis.call('HMGET', key, 'sum', 'oldest', 'last')
  if not found[3] then return 0, now end
  local sum, oldest, last = tonumber(found[1]), tonumber(found[2]), tonumber(found[3])
  local slot = math.max(now, last)
  if last < slot - 60 then
    redis.call('DEL', key)
    return 0, slot
  end
  if oldest < slot - 60 then
    for second = oldest, slot - 61 do
      local amount = redis.call('HGET', key, second)
      if amount then
        sum = sum - tonumber(amount)
        redis.call('HDEL', key, second)
      end
    end
    redis.call('HSET', key, 'sum', whole(sum), 'oldest', slot - 60)
  end
  return sum, slot
end

-- What a day holds, and the day that counts as today.
local function day(key)
  local today = math.floor(now / 86400)
  local found = redis.call('HMGET', key, 'day', 'sum')
  local last = tonumber(found[1] or 0)
  if last < today then return 0, today, true end
  return tonumber(found[2]), last, false
end

local function add_minute(key, slot, amount)
  if redis.call('HINCRBY', key, slot, amount) == tonumber(amount) then  -- a second begins
    redis.call('HSETNX', key, 'oldest', slot)
    redis.call('HSET', key, 'last', slot)
    redis.call('EXPIRE', key, math.max(slot - now, 0) + 122)
  end
  redis.call('HINCRBY', key, 'sum', amount)
end

local function add_day(key, slot, sum, amount, begins)
  redis.call('HSET', key, 'day', slot, 'sum', whole(sum + tonumber(amount)))
  if begins then redis.call('EXPIREAT', key, (slot + 2) * 86400) end
end
"""

# KEYS: a key per limit. ARGV: the time, in milliseconds, after which no caller waits and nothing
# is done (0: unknown); then per limit its window, the limit, the least, the most. Gives which is
# refused (-1: too late) and which is short (0: none), seconds to wait, the server's time in
# milliseconds, then of each limit used and slot.
TAKE: Final = Script(
    _SHARED
    + """
local millis = now * 1000 + math.floor(tonumber(clock[2]) / 1000)
if ARGV[1] ~= '0' and millis > tonumber(ARGV[1]) then return {-1, 0, 0, whole(millis)} end
local refused, short = 0, 0
local used, slots, begin = {}, {}, {}
for i = 1, #KEYS do
  local at = 4 * (i - 1) + 1
  if ARGV[at + 1] == 'day' then
    used[i], slots[i], begin[i] = day(KEYS[i])
  else
    used[i], slots[i] = minute(KEYS[i])
  end
  local limit, least, most = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  if refused == 0 and least > 0 and used[i] + least > limit then refused = i end
  if short == 0 and most > 0 and used[i] + most > limit then short = i end
end

local function wait(i)
  local at = 4 * (i - 1) + 1
  if ARGV[at + 1] == 'day' then return (slots[i] + 1) * 86400 - now end
  local over = used[i] + tonumber(ARGV[at + 3]) - tonumber(ARGV[at + 2])
  local seconds = {}
  for second = slots[i] - 60, slots[i] do seconds[#seconds + 1] = second end
  local amounts = redis.call('HMGET', KEYS[i], unpack(seconds))
  for n = 1, #seconds do
    over = over - tonumber(amounts[n] or 0)
    if over <= 0 then return math.max(seconds[n] + 61 - now, 0) end
  end
  return 60
end

local answer = {refused, short, 0, whole(millis)}
if refused > 0 then answer[3] = wait(refused) end
for i = 1, #KEYS do
  local at = 4 * (i - 1) + 1
  if refused == 0 then
    local amount = ARGV[at + (short == 0 and 4 or 3)]
    if amount ~= '0' then
      if ARGV[at + 1] == 'day' then
        add_day(KEYS[i], slots[i], used[i], amount, begin[i])
      else
        add_minute(KEYS[i], slots[i], amount)
      end
      used[i] = used[i] + tonumber(amount)
    end
  end
  answer[#answer + 1] = whole(used[i])
  answer[#answer + 1] = slots[i]
end
return answer
"""
)

# KEYS: the settler's last number, then a key per correction. ARGV: number, its expiry, then of each
# its window, the slot, and what comes to it. The same number again changes nothing.
SETTLE: Final = Script(
    _SHARED
    + """
if redis.call('GET', KEYS[1]) == ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
for i = 2, #KEYS do
  local at = 3 * (i - 2) + 2
  local slot, change = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  if ARGV[at + 1] == 'day' then
    local sum, today, begins = day(KEYS[i])
    if slot == today then add_day(KEYS[i], today, math.max(sum, -change), change, begins) end
  else
    local sum, last = minute(KEYS[i])
    if change > 0 then
      add_minute(KEYS[i], last, change)
    else
      local there = tonumber(redis.call('HGET', KEYS[i], slot) or 0)
      local given = math.max(change, -there)
      if given < 0 then
        redis.call('HINCRBY', KEYS[i], slot, whole(given))
        redis.call('HINCRBY', KEYS[i], 'sum', whole(given))
      end
    end
  end
end
return 1
"""
)

# KEYS: a key per day. ARGV of each: the day, and what it held at least. For a server that lost it.
RESTORE: Final = Script(
    _SHARED
    + """
for i = 1, #KEYS do
  local slot, least = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local sum, today, begins = day(KEYS[i])
  if slot == today and sum < least then add_day(KEYS[i], today, 0, least, begins) end
end
return #KEYS
"""
)

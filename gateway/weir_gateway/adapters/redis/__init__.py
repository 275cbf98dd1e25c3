"""The client of a Redis or Valkey that gateways share. Must not know what is stored there.

Users (limits, spend, answers) handle `errors.RedisUnavailable`.
"""

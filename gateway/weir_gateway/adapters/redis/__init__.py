"""A Redis or Valkey that several gateways share: reached by few connections, left alone when gone.

Whoever keeps something there (limits, spend, answers) asks `shared.Redis` and lives with
`errors.RedisUnavailable`. Must not know what is kept.
"""

"""Files and batches: what is kept of them, and who works through them.

Beside the way of a request and built on it: an item of a batch is decided, sent and accounted as
any request is, only later and in the company of many. Must not know who its clients are.
"""

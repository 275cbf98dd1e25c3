"""Files and batches: stores them, serves them to clients, and runs the batches in the background.

An item of a batch is decided, sent and accounted like any request, only later and together with
many others. `api` and `file_store` answer the HTTP endpoints; `runner` works through the batches;
`journal` records how far each item is, so that a restart neither loses nor repeats paid work.
"""

"""`weir eval`: how good routers are, on recorded outcomes or on feedback from clients."""

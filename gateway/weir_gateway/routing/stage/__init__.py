"""The router `stage`: where an agent's conversation stands decides which model goes on with it."""

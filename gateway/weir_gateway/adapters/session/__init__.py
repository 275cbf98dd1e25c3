"""Where sessions are remembered, in memory and in Redis, and the files of agents' weights."""

"""Where gateways share what `strongShare` has seen, and the task that exchanges it."""

"""The share of requests that `strongShare` asks for: thresholds that follow a policy's scores."""

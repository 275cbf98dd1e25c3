"""`weir import`: policies and backends from the configuration of other gateways."""

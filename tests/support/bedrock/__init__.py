"""Amazon Bedrock as a server: its API's own model checks requests, its framing writes streams."""

"""From texts to scores on one device.

Must not know gRPC, queues or a bundle's folder, so that a bundle scores in any process.
"""

"""The scorer's gRPC client: coalescing, the score cache, calibration and telemetry."""

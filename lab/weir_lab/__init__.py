"""The lab: train, evaluate, calibrate, profile and replay routers. Never imported by what ships."""

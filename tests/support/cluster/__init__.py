"""A real Kubernetes for tests: its programs, a control plane, fake nodes, kubectl and Helm."""

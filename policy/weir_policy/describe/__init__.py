"""The declarations as CRDs and documentation. Knows no field by name."""

"""The operator: turns RoutePolicy and ModelBackend resources into the gateways' route table.

Must not know how a gateway serves or how a scorer scores.
"""

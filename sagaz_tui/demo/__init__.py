"""A shop that fails in instructive ways: its sagas, its ledger, and a walk through both."""

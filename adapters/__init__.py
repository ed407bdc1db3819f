"""The systems that Shipbell delegates to: one folder a system, none knows another."""

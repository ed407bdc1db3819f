"""`shipbell demo`: a workspace in the browser, the unmodified bot connected to it, and a sample service that really runs.

Nothing is pretended: processes, builds, the proxy, the database are real. Only the people are invented.
"""

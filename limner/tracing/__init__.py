"""Tracing: the spans of a session, and the report of a run."""

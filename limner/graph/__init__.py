"""The state machines: evolve as a call, or as a LangGraph graph."""

"""Panels of expert agents, seated in roles, run on LangGraph, recorded and replayable."""

"""Scores of retrieval: rankings with ties, measures, tasks, second stage, code files; no torch."""

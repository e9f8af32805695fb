"""Answers to queries: their grammar, vectors, scores, receipts and history."""

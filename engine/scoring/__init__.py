"""Scores of pictures against a query, and what follows from them: order, counts, route."""

"""The two things that can be done about a query."""

RETRIEVE = "retrieve"
GENERATE = "generate"

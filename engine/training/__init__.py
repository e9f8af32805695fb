"""Trains matchers on frozen embeddings, and keeps those that do better than none."""

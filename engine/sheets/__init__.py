"""Prompt sheets: every prompt painted with every value of some axes, and scored."""

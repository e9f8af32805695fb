"""The screen of prompt sheets."""

"""What screens share: their frame, dialogs, help and lists."""

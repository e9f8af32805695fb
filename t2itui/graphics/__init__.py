"""Pictures inside the terminal: what it can show, and the widget that shows it."""

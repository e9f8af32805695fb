"""Sizes of the terminal at which screens show more, or less."""

HEIGHTS: list[tuple[int, str]] = [(0, "-short"), (18, "-tall")]
"""Lines: a short screen leaves out what only explains."""

WIDTHS: list[tuple[int, str]] = [(0, "-narrow"), (110, "-wide")]
"""Columns: a wide one has details beside the list."""

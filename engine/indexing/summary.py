"""Puts what an index run did into a sentence."""

from engine.results import IndexSummary


def sentence(summary: IndexSummary) -> str:
    """Say what was found and done, leaving out what did not happen."""
    parts = [
        _part(summary.added, "new"),
        _part(summary.reused, "moved, copied or embedded anew"),
        _part(summary.unchanged, "unchanged"),
        _part(summary.partial, "cut short and indexed in part"),
        _part(summary.failed, "unreadable and listed by `t2itui library --failures`"),
        _part(summary.known_bad, "known to be bad"),
        _part(summary.vanished, "vanished"),
    ]
    what = ", ".join(part for part in parts if part) or "no pictures"
    folders = summary.unreadable_folders
    blind = f"; {folders} folder{'s' * (folders != 1)} could not be read" if folders else ""
    files = f"{summary.found} file{'s' * (summary.found != 1)}"
    return f"{files} in {summary.seconds:.1f} s: {what}{blind}."


def _part(count: int, what: str) -> str:
    return f"{count} {what}" if count else ""

"""Pictures inside the terminal: what it can show (`detect`), and the widget that shows it."""

from t2itui.graphics.detection import Graphics, detect

__all__ = ["Graphics", "detect"]

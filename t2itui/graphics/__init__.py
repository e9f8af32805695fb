"""Pictures inside the terminal: what it can show (`detect`), and the widget that shows it."""

from t2itui.graphics.capability import Graphics
from t2itui.graphics.detection import detect

__all__ = ["Graphics", "detect"]

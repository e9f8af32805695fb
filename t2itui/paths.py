"""Where the program keeps what it keeps."""

import os
from pathlib import Path

import platformdirs

HOME_VARIABLE = "T2ITUI_HOME"


def home_folder(chosen: Path | None = None) -> Path:
    """The folder of the cache, settings and logs: `chosen`, `T2ITUI_HOME`, or the platform's."""
    if chosen is not None:
        return chosen.expanduser().absolute()
    if from_environment := os.environ.get(HOME_VARIABLE):
        return Path(from_environment).expanduser().absolute()
    return platformdirs.user_data_path("t2itui", appauthor=False)


def settings_file(home: Path) -> Path:
    """The settings that the app remembers and a person may edit."""
    return home / "settings.toml"

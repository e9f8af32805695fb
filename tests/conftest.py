"""What every test runs under: no network for models, one thread, an English UTF-8 terminal."""

import os

os.environ.update(
    HF_HUB_OFFLINE="1",
    OMP_NUM_THREADS="1",
    LC_ALL="C.UTF-8",
    COLUMNS="100",
    TZ="UTC",
)
for variable in ("NO_COLOR", "FORCE_COLOR", "T2ITUI_HOME", "TMUX", "TERM_PROGRAM"):
    os.environ.pop(variable, None)

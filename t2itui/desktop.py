"""Opening a folder in the person's file manager, where there is one."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path


def opener() -> str | None:
    """The program that opens folders here; None without a desktop, as over plain SSH."""
    if sys.platform == "darwin":
        return shutil.which("open")
    has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return shutil.which("xdg-open") if has_display else None


async def open_folder(folder: Path) -> bool:
    """Open `folder`; False where nothing can, or it refuses."""
    program = opener()
    if program is None:
        return False
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            str(folder),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    return await process.wait() == 0

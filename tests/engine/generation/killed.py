"""Paints a picture and is killed between its file and its row; run with a home folder."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from unittest.mock import patch

from sqlite_utils import Database

from cache.pictures import NewPicture
from cache.store import Cache
from engine.generation.request import GenerateRequest
from engine.settings import EngineSettings
from tests.engine.generation.studio import StudioKit


def die(db: Database, new: NewPicture) -> int:
    """Stand in the place of entering the picture."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


async def main(home: Path) -> None:
    """Paint until killed."""
    opened = await Cache.open(home)
    studio = StudioKit(opened, EngineSettings(home=home))
    await studio.jobs.recover()
    await studio.fill()
    job = await studio.generation.start(GenerateRequest(prompt="a red ball", seed=7))
    with patch("cache.generated.add_picture", die):
        await job.wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

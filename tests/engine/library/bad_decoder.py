"""A decoder process that crashes, hangs or is killed on files whose names ask for it."""

import os
import signal
import threading
from pathlib import Path

from engine.models.messages import Reply
from engine.workers.decoder import DecoderWorker
from engine.workers.loop import Call, serve


class BadDecoder(DecoderWorker):
    """Reads every other file as it should."""

    def read(self, call: Call) -> Reply:
        path = Path(call.request.text("path"))
        if "crash" in path.name:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "hang" in path.name:
            threading.Event().wait()
        mark = path.with_suffix(".mark")
        if "once" in path.name and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(call)


if __name__ == "__main__":
    decoder = BadDecoder()
    serve({"set up": decoder.set_up, "read": decoder.read})

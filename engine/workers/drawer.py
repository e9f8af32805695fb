"""A process that draws scenes of the storybook: `python -m engine.workers.drawer`.

It answers `blocks`, `describe` and `draw`. It loads no model: several of them start in a moment and
draw side by side.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.models.input_spec import read_input_spec
from engine.models.messages import Reply
from engine.storybook.training.drawn import Block, blocks
from engine.workers.loop import Call, serve


def count_blocks(call: Call) -> Reply:
    """How many blocks the set `name` with `count` whole pictures has."""
    return Reply(fields={"blocks": len(_set(call))})


def describe(call: Call) -> Reply:
    """What is said of a block's pictures, how many there are, and what tells this block."""
    block = _block(call)
    digest = block.digest(read_input_spec(Path(call.request.text("folder"))))
    return Reply(fields={"texts": block.texts, "size": len(block), "digest": digest})


def draw(call: Call) -> Reply:
    """The pictures `start` to `stop` of a block as the encoder in `folder` takes them."""
    asked, block = call.request, _block(call)
    spec = read_input_spec(Path(asked.text("folder")))
    drawn = []
    for number in range(asked.whole("start"), min(asked.whole("stop"), len(block))):
        call.check()
        drawn.append(block.pixels(number, number + 1, spec))
    return Reply(arrays=[np.concatenate(drawn)])


def _set(call: Call) -> tuple[Block, ...]:
    return blocks(call.request.text("name"), call.request.whole("count"))


def _block(call: Call) -> Block:
    return _set(call)[call.request.whole("number")]


def main() -> None:
    """Serve until the parent goes away."""
    serve({"blocks": count_blocks, "describe": describe, "draw": draw})


if __name__ == "__main__":
    main()

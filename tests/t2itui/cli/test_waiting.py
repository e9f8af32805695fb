from tests.t2itui.cli.test_follow import drawn_on_a_terminal

SCRIPT = """
import asyncio
from types import SimpleNamespace
from t2itui.cli.support import options as waiting

waiting.QUIET_S = {quiet}
asked = asyncio.Event()

def state():
    asked.set()
    return [SimpleNamespace(source="some/clip", state="loading")]

async def work():
    if waiting.QUIET_S == 0:
        await asked.wait()
    return 7

async def main():
    engine = SimpleNamespace(encoders=SimpleNamespace(state=state), patch_progress={patches})
    assert await waiting.waiting_for_models(engine, work()) == 7

asyncio.run(main())
"""


def test_a_model_that_loads_is_named_while_a_command_waits() -> None:
    assert "some/clip: loading" in drawn_on_a_terminal(SCRIPT.format(quiet=0, patches=None))


def test_how_far_the_patches_of_pictures_are_is_shown_while_a_command_waits() -> None:
    drawn = drawn_on_a_terminal(SCRIPT.format(quiet=0, patches=(16, 200)))
    assert "patches of 16 of 200 pictures" in drawn


def test_an_answer_that_comes_at_once_draws_nothing() -> None:
    assert drawn_on_a_terminal(SCRIPT.format(quiet=60, patches=None)) == ""

"""What became of a generation: in words, as pictures with their scores, as a copy elsewhere."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from engine.settings import DEFAULT_THRESHOLD
from t2itui.graphics.picture import Picture
from t2itui.screens.common.dialogs import WriteFile
from t2itui.screens.common.word_maps import Looked, WordBars
from t2itui.text.plain import plain
from t2itui.widgets.score_bar import score_line

if TYPE_CHECKING:
    from engine.events import GeneratedPicture
    from engine.generation.generation import GenerationDetails
    from engine.generation.request import GenerateRequest
    from t2itui.session import Session


def parameter_pairs(details: GenerationDetails) -> list[tuple[str, str]]:
    """What a job generates with, by name; what only its model could say is left out."""
    request, parameters = details.spec.request, details.parameters
    start = request.start_picture
    strength = request.usual_strength if request.strength is None else request.strength
    pairs = [
        ("prompt", request.prompt),
        ("not", request.negative),
        ("seed", str(details.spec.first_seed)),
    ]
    if parameters is not None:
        pairs += [
            ("steps", str(parameters.steps)),
            ("guidance", f"{parameters.guidance:g}"),
            ("size", f"{parameters.width}x{parameters.height}"),
            ("scheduler", parameters.scheduler),
        ]
    library = details.spec.library
    pairs += [
        ("pictures", f"{request.count}" if request.count > 1 else ""),
        ("model", details.source.rstrip("/").rpartition("/")[2]),
        ("LoRA", ", ".join(f"{lora.path.name} {lora.weight:g}" for lora in request.loras)),
        ("start", "" if start is None else start.name),
        ("anew", mask_words(request)),
        ("strength", "" if start is None else f"{strength:g}"),
        ("joins", f"the {library}" if library else "your own pictures"),
    ]
    return [(name, value) for name, value in pairs if value]


def mask_words(request: GenerateRequest) -> str:
    """The part of a start picture that is painted anew; empty where that is all of it."""
    if request.mask_word:
        return f"where {request.mask_word!r} is"
    if request.mask is not None:
        return f"by {request.mask.name}"
    return "" if request.mask_box is None else f"the box {request.mask_box}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The picture that a generated one is compared with."""

    title: str
    path: str
    picture_id: int | None
    """None where its file is shown."""
    match: float | None
    cosine: float | None


def beside(picture: GeneratedPicture) -> Beside | None:
    """What a picture started from; of others the best that was retrieved, where there is one."""
    if picture.start_path:
        before = picture.before
        return Beside(
            title=f"before: {picture.start_path.rpartition('/')[2]}",
            path=picture.start_path,
            picture_id=None,
            match=None if before is None else before.match,
            cosine=None if before is None else before.cosine,
        )
    best = None if picture.score is None else picture.score.best
    if best is None:
        return None
    return Beside(
        title=f"best retrieved: {best.path.rpartition('/')[2]}",
        path=best.path,
        picture_id=best.picture_id,
        match=best.match,
        cosine=best.cosine,
    )


def picture_words(picture: GeneratedPicture, index: int, count: int) -> str:
    """A finished picture in a line."""
    number = f"{index} of {count}, " if count > 1 else ""
    how = "from the cache" if picture.cached else f"{picture.seconds:.1f} s"
    return f"✎ painted: {number}{how}, {picture.width}x{picture.height}, seed {picture.seed}"


class SavePicture(WriteFile):
    """A file name that is not taken yet; the copy holds the recipe too."""

    HEADING = "Save a copy"
    GO = "Save (enter)"

    def __init__(self, source: Path, proposed: Path) -> None:
        super().__init__(None, proposed)
        self._source = source

    def help_words(self) -> str:
        return f"A PNG with its recipe; {self._source} stays."

    def command(self, answer: Path) -> str:
        return shlex.join(["cp", str(self._source), str(answer)])


class PicturePane(Vertical):
    """One of the two pictures that are compared."""

    DEFAULT_CSS = """
    PicturePane {
        width: 1fr;
        padding: 0 1;
        & > Picture { height: 1fr; }
        & > #about { height: 3; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """

    def __init__(
        self, session: Session, *, id: str, looked: Callable[[], Looked | None] = lambda: None
    ) -> None:
        """`looked` says which words can be looked for in the picture."""
        super().__init__(id=id)
        self.picture = Picture()
        self.bars = WordBars(session, self.picture, looked)
        self._words = Static(id="about")
        self._title = ""
        self._scores: tuple[float, float, float, float] | None = None

    def compose(self) -> ComposeResult:
        yield self.picture
        yield self.bars
        yield self._words

    def on_resize(self) -> None:
        self._show()

    def show_words(
        self,
        title: str,
        match: float | None = None,
        cosine: float | None = None,
        *,
        top: float = 1.0,
        threshold: float = DEFAULT_THRESHOLD,
    ) -> None:
        """Say what it is, with its scores where it has some; `top` is a full bar of cosine."""
        self._title = plain(title)
        self._scores = (
            (match, cosine, top, threshold) if match is not None and cosine is not None else None
        )
        self._show()

    def _show(self) -> None:
        width = self._words.size.width
        lines = [Content.styled(self._title, "bold").truncate(max(1, width), ellipsis=True)]
        if self._scores is not None:
            match, cosine, top, threshold = self._scores
            sign = " ✓ passes" if match >= threshold else " · below "
            room = max(8, width - len(sign))
            share = max(0.0, cosine) / top if top > 0 else 0.0
            lines.append(score_line("match ", match, match, room, "$success") + sign)
            lines.append(score_line("cosine", cosine, share, room, "$primary"))
        self._words.update(Content("\n").join(lines), layout=False)

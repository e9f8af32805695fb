"""The selected picture: large, with its file, both scores and ranks, and the receipt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from engine import disk
from engine.collections import BUILT_IN
from engine.picture_names import file_name, folder_name, is_address
from t2itui.graphics.picture import Picture
from t2itui.screens.common.word_maps import Looked, WordBars
from t2itui.screens.search.card import CardContent
from t2itui.text.plain import plain
from t2itui.text.words import size_words, when_words
from t2itui.widgets.score_bar import score_line

if TYPE_CHECKING:
    from engine.results import PictureTags, Receipt
    from t2itui.screens.search.listing import Listing, ThirdScore
    from t2itui.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailScores:
    """Both scores and ranks of the selected picture."""

    match: float
    match_rank: int
    """From 1; 0 where it is not known."""
    cosine: float
    cosine_rank: int
    cosine_share: float
    passes: bool
    threshold: float
    total: int
    third: ThirdScore | None = None
    """What else ranks."""

    @classmethod
    def of(cls, listing: Listing, index: int) -> DetailScores:
        """Read them off an answer."""
        return cls(
            match=float(listing.scores.match[index]),
            match_rank=listing.rank_in_library(index, "match"),
            cosine=float(listing.scores.cosine[index]),
            cosine_rank=listing.rank_in_library(index, "cosine"),
            cosine_share=listing.cosine_share(index),
            passes=listing.passes(index),
            threshold=listing.threshold,
            total=listing.total,
            third=listing.third_score(index),
        )


class Detail(Vertical):
    """Shows one picture with all that is known of it."""

    DEFAULT_CSS = """
    Detail {
        padding: 0 1;
        & > Picture { height: 1fr; min-height: 4; }
        & > #facts { height: auto; max-height: 70%; padding: 1 0 0 0; }
        &.-low > #facts { padding: 0; }
        &.-low.-maps > #facts { display: none; }
    }
    """

    def __init__(
        self, session: Session, looked: Callable[[], Looked | None], *, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._picture = Picture()
        self.bars = WordBars(session, self._picture, looked)
        self._facts = Static(id="facts")
        self._card: CardContent | None = None
        self._scores: DetailScores | None = None
        self._receipt: Receipt | None = None
        self._labels: Mapping[int, bool] = {}
        self._tags: PictureTags | None = None
        self._has_tags = False
        """The words are embedded: there is a line for tags from now on."""
        self._line_count = 0

    @property
    def content(self) -> CardContent | None:
        """What is shown; None until it was fetched."""
        return self._card

    @property
    def receipt(self) -> Receipt | None:
        """The stored decision shown; None while there is none."""
        return self._receipt

    def compose(self) -> ComposeResult:
        yield self._picture
        yield self.bars
        yield self._facts

    def on_resize(self) -> None:
        self.set_class(self.size.height < 24, "-low")
        self._show()

    def clear(self) -> None:
        """Show nothing: nothing is selected."""
        self._card = self._scores = None
        self.bars.maps.end()
        self._picture.show(None, alt="")
        self._show()

    def show_picture(self, content: CardContent | None) -> None:
        """Show another picture; None while it is being fetched."""
        self._card = content
        if content is not None:
            self._picture.show(content.thumbnail, alt=plain(file_name(content.shown.path)))
            self.bars.maps.follow()
        self._show()

    def show_scores(self, scores: DetailScores) -> None:
        """Show other figures."""
        if scores != self._scores:
            self._scores = scores
            self._show()

    def show_labels(self, labels: Mapping[int, bool]) -> None:
        """Show what a person said of the picture."""
        self._labels = dict(labels)
        self._show()

    def show_tags(self, tags: PictureTags | None) -> None:
        """Show what is true of the picture; None while that is not known."""
        self._tags = tags
        self._has_tags = self._has_tags or tags is not None
        self._show()

    def show_receipt(self, receipt: Receipt | None) -> None:
        """Show which stored decision the screen stands for; None while it is not stored yet."""
        self._receipt = receipt
        self._show()

    def _show(self) -> None:
        width = self.content_size.width
        lines = [*self._file_lines(), *self._score_lines(width), *self._tag_lines()]
        lines += self._receipt_lines()
        text = Content("\n").join([line.truncate(width, ellipsis=True) for line in lines])
        self._facts.update(text, layout=len(lines) != self._line_count)
        self._line_count = len(lines)

    def _file_lines(self) -> list[Content]:
        if self._card is None:
            return [Content("")] * 4
        shown = self._card.shown
        path = Path(shown.path)
        home = disk.expanded("~")
        is_elsewhere = is_address(shown.path)
        folder = folder_name(shown.path) if is_elsewhere else str(path.parent)
        ships = path.parent == BUILT_IN.folder
        if ships:
            folder = BUILT_IN.label
        elif path.parent.is_relative_to(home):
            folder = f"~/{path.parent.relative_to(home)}".removesuffix("/.")
        facts = [
            f"{shown.width}×{shown.height}" if shown.width else "",
            size_words(shown.size) if shown.size else "",
        ]
        states = [
            "" if shown.present else "✗ not on disk",
            "on other storage" if is_elsewhere else "",
            "✂ file is cut short" if shown.partial else "",
            "✎ painted" if shown.synthetic else "",
            "" if ships else when_words(shown.mtime),
        ]
        lines = [
            Content.styled(plain(file_name(shown.path)), "bold"),
            Content.styled(plain(folder) if folder != "." else "", "$foreground-muted"),
            Content("  ".join(filter(None, facts))),
            Content.styled("  ".join(filter(None, states)), "" if shown.present else "$warning"),
        ]
        # Always as many lines: another count would lay out the whole screen anew.
        return sorted(lines, key=lambda line: not len(line))

    def _score_lines(self, width: int) -> list[Content]:
        scores = self._scores
        if scores is None:
            return []
        ranks = [f" #{rank:,}" if rank else "" for rank in (scores.match_rank, scores.cosine_rank)]
        room = max(12, width - max(map(len, ranks)))
        sign = "✓ passes" if scores.passes else "· below"
        fits = self._labels.get(self._card.shown.picture_id) if self._card is not None else None
        of_all = f"  of {scores.total:,}"
        said = {None: of_all, True: "  you: fits", False: "  you: does not"}[fits]
        third = []
        if (more := scores.third) is not None:
            rank = f" #{more.rank:,}" if more.rank else ""
            third = [score_line(more.name, more.score, more.share, room, "$warning") + rank]
        return [
            score_line("match ", scores.match, scores.match, room, "$success") + ranks[0],
            score_line("cosine", scores.cosine, scores.cosine_share, room, "$primary") + ranks[1],
            *third,
            Content.styled(
                f"{sign} {scores.threshold:.2f}{said}",
                "$success" if scores.passes else "$foreground-muted",
            ),
        ]

    def _tag_lines(self) -> list[Content]:
        if not self._has_tags:
            return []
        if self._tags is None:
            return [Content("")]
        named = [f"{plain(tag.word)} {tag.match:.2f}" for tag in self._tags.tags]
        words = ", ".join(named) or "no word of the list"
        return [Content.assemble(("shows ", "$foreground-muted"), words)]

    def _receipt_lines(self) -> list[Content]:
        if self._receipt is None:
            waiting = ["receipt follows in a moment", "", ""]
            return [Content.styled(line, "$foreground-muted") for line in waiting]
        receipt = self._receipt
        encoder = plain(receipt.encoder.rpartition("/")[2])
        matcher = f"match: {plain(receipt.matcher)}"
        if len(matcher) > self.content_size.width:
            matcher = plain(receipt.matcher)
        lines = [f"receipt {receipt.id}", encoder, matcher]
        return [Content.styled(line, "$foreground-muted") for line in lines]

"""The Search screen: a description in, every picture of the library ranked, the route decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import ContentSwitcher, Input

from engine.errors import EmptyLibraryError, ModelMissingError, T2IError
from engine.events import JobFailed
from engine.requests import Filters
from engine.scoring.registry import scorer_after
from engine.states import ProcessState, Route, Synthetic
from t2itui.keys import bindings
from t2itui.screens.common.base import AppScreen, Waiting
from t2itui.screens.search.asking import SEARCHING, AskingController, EarlyLoader
from t2itui.screens.search.collection import CollectionController
from t2itui.screens.search.decision import DecisionController
from t2itui.screens.search.first_start import FirstStart
from t2itui.screens.search.generation import QueryGenerationController
from t2itui.screens.search.grid import ResultGrid
from t2itui.screens.search.labels import NOT_WHILE_LABELLING, WHILE_LABELLING, LabelController
from t2itui.screens.search.lines import GenerationLine, LabelLine, RouteLine, WarningsLine
from t2itui.screens.search.pictures import PictureController
from t2itui.screens.search.query_line import QueryInput, QueryLine
from t2itui.screens.search.results import FINE, Results
from t2itui.screens.search.suggestions import SuggestionStrip
from t2itui.screens.search.tags import TagController
from t2itui.session import (
    AskForFolder,
    EditRecipe,
    OpenEngine,
    OpenSearch,
    ReplayReceipt,
    ShowScreen,
)
from t2itui.text.words import counted, filter_words, patch_words
from t2itui.widgets.basics import Backdrop, Panel

if TYPE_CHECKING:
    from engine.events import JobEvent
    from engine.generation.request import GenerateRequest
    from t2itui.screens.search.listing import Listing
    from t2itui.session import Session

NEEDS_ANSWER = frozenset(
    {"threshold", "scorer", "hide", "like", "mark", "copy_path", "open_folder", "copy_command"}
    | {"generate", "recipe", "compare", "start_labelling", "tag", "copy_tags", "where", "numbers"}
)
LATEST = 6
"""Earlier queries in the greeting."""


class BodyPart(StrEnum):
    """What stands below the query."""

    PANEL = "panel"
    RESULTS = "results"
    FIRST_START = "first-start"


class SearchBody(ContentSwitcher, Backdrop):
    """A text, an answer, or the first steps."""


class SearchScreen(AppScreen):
    """Asks, shows, and lets the person move the decision; its controllers do the rest."""

    MODE = "search"
    BINDINGS: ClassVar[list[BindingType]] = bindings("search")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.pictures = PictureController(session, self)
        self.query_line, self.route_line = QueryLine(), RouteLine()
        self.generation_line, self.label_line = GenerationLine(), LabelLine()
        self.strip, self.warnings = SuggestionStrip(), WarningsLine()
        self.panel = Panel(id=BodyPart.PANEL)
        self.results = Results(session, self.pictures.fetch, id=BodyPart.RESULTS)
        self.first_start = FirstStart(session, id=BodyPart.FIRST_START)
        self.body = SearchBody(
            self.panel, self.results, self.first_start, initial=BodyPart.PANEL, id="body"
        )
        self.asking = AskingController(session, self)
        self.early = EarlyLoader(session, self)
        self.collection = CollectionController(session, self, self.asking, self.strip)
        self.decision = DecisionController(session, self, self.results, self.route_line)
        self.labels = LabelController(session, self, self.results, self.label_line)
        self.generation = QueryGenerationController(
            session, self, self.results, self.generation_line, ask_again=self.ask_again
        )
        self.tags = TagController(session, self, self.results)
        self.waiting = Waiting(self, self._show_waiting)
        self._asked_text = ""
        """What stood in the query line when it was asked; other text since means typing."""

    def compose_body(self) -> ComposeResult:
        yield self.query_line
        yield self.route_line
        yield self.generation_line
        yield self.strip
        yield self.warnings
        yield self.label_line
        yield self.body

    def on_mount(self) -> None:
        self.until_unmount(self.session.when_open(self.collection.begin))
        self.until_unmount(self.session.when_open(self.asking.follow_measuring))
        self.until_unmount(self.session.job_events.subscribe(self.follow_job))
        self.until_unmount(self.session.open_failed.subscribe(self.show_error))
        self.query_line.input.focus()

    def on_screen_resume(self) -> None:
        self.collection.look_again()

    def follow_job(self, event: JobEvent) -> None:
        """Take note of what jobs do to the answer and to the library."""
        self.generation.follow_event(event)
        self.collection.follow_event(event)
        if isinstance(event, JobFailed) and self.body.current == BodyPart.FIRST_START:
            self.first_start.say_failure(event.message, event.hint)

    def fulfil(self, intent: ShowScreen) -> None:
        """Answer a query, or show a stored answer, that another screen asks for."""
        match intent:
            case OpenSearch(query):
                self.search_for(query)
            case ReplayReceipt(receipt_id):
                self.asking.replay(receipt_id)
            case _:
                pass

    def take_request(self, request: GenerateRequest) -> bool:
        """Generate what the form asks for, for the decision on the screen if it is about that."""
        return self.generation.take_request(request)

    def take_another_seed(self) -> bool:
        """Repeat with another seed what was generated for this query."""
        return self.generation.take_another_seed()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what works now: most keys need an answer, and the query line must be left first."""
        if action in (NOT_WHILE_LABELLING if self.labels.is_labelling else WHILE_LABELLING):
            return False
        if action in NEEDS_ANSWER:
            return self.shows_answer
        is_offered = OFFERED.get(action)
        return is_offered is None or is_offered(self)

    # Asking

    @on(QueryLine.QuerySubmitted)
    def ask(self, message: QueryLine.QuerySubmitted) -> None:
        message.stop()
        self.early.stop()
        if message.query not in self.strip.queries:
            self.strip.close()
        self.search_for(message.query)

    @on(SuggestionStrip.SuggestionChosen)
    def try_chosen(self, message: SuggestionStrip.SuggestionChosen) -> None:
        message.stop()
        self.strip.point_at(message.query)
        self.search_for(message.query)

    @on(Input.Changed, "#query")
    def load_early(self, message: Input.Changed) -> None:
        is_new = self.query_line.is_new(message.value)
        self.early.follow_typing(message.value, self.asking.filters, is_new=is_new)

    @on(QueryInput.QueryLeft)
    def leave_query(self) -> None:
        if self.shows_answer:
            self.results.grid.focus()

    def search_for(self, query: str) -> None:
        """Answer a query as soon as the engine is there."""
        self.query_line.past.add(query)
        self.generation.expect_answer()
        self.asking.search(query)

    def ask_again(self) -> None:
        """Ask what is on the screen once more, under the threshold and scorer it has now."""
        if self.results.listing is not None:
            self.results.grid.forget_contents()
            self.asking.repeat(self.results.listing)

    def take_filters(self, filters: Filters | None) -> None:
        """Ask with other filters from now on, and what was asked at once."""
        if filters is None or filters == self.asking.filters:
            return
        was_asked = self.asking.ask_among(filters)
        self.collection.follow_filters()
        if not was_asked:
            self.route_line.show_hint(filter_words(filters))

    def command(self, filters: Filters) -> str:
        """The shell command for the query on the screen with these filters."""
        return self.asking.command(filters, self.results.listing)

    # What the controllers show

    @property
    def is_waiting(self) -> bool:
        """An answer was asked for and is not there yet."""
        return self.waiting.goes_on

    @property
    def has_answer(self) -> bool:
        """There is an answer, in sight or not."""
        return self.results.listing is not None

    @property
    def shows_answer(self) -> bool:
        """An answer is in sight."""
        return self.body.current == BodyPart.RESULTS

    def load_queries(self, queries: list[str]) -> None:
        """Take over earlier queries, the oldest first."""
        self.query_line.past.load(queries)

    def show_query(self, query: str) -> None:
        """Put a query into the line."""
        self.query_line.show_query(query)

    def show_asked(self) -> None:
        """Wait for an answer from now on."""
        text = self.query_line.input.value
        if text != self._asked_text:
            # The decision in sight is about another text.
            self.route_line.show_hint("")
        self._asked_text = text
        self.decision.stop_resting()
        self.waiting.begin()

    def _show_waiting(self, seconds: float) -> None:
        engine = self.session.engine
        what = "searching" if engine is not None else "opening the cache"
        if loading := self._loading():
            what = f"loading {loading}"
        elif self._has_first:
            work = patch_words(engine) or f"scoring by {self.session.settings.scorer}"
            what = f"by cosine so far; {work}"
        elif patches := patch_words(engine):
            what = patches
        self.route_line.show_waiting(what, seconds)

    def _loading(self) -> str:
        """The model that an answer waits for; empty where none has to be loaded."""
        engine = self.session.engine
        states = () if engine is None else engine.encoders.state()
        return next((each.source for each in states if each.state is ProcessState.LOADING), "")

    @property
    def _has_first(self) -> bool:
        """What is in sight stands in for the answer that is waited for."""
        listing = self.results.listing
        return self.is_waiting and listing is not None and listing.is_first

    @property
    def _moved_threshold(self) -> float | None:
        """Where the person put the threshold of what stands in; None where it stayed."""
        listing = self.results.listing if self._has_first else None
        if listing is None or listing.threshold == listing.result.receipt.threshold:
            return None
        return listing.threshold

    def show_first(self, listing: Listing) -> None:
        """Show the order by cosine while what was asked for is being computed."""
        if self.is_waiting:
            self.results.suit(self.body.size)
            self.results.show(listing)
            self.results.show_receipt(None)
            self.show_body(BodyPart.RESULTS)

    def show_answer(self, listing: Listing) -> None:
        """Show an answer with everything that belongs to it."""
        moved = self._moved_threshold
        self.waiting.stop()
        if self.query_line.input.value == self._asked_text:
            self._show_answered_query(listing)
        self.results.suit(self.body.size)
        self.results.show(listing)
        self.results.show_selection(self.session.selection.picture_ids)
        self.show_body(BodyPart.RESULTS)
        self.warnings.show(listing.result.warnings)
        self.route_line.show_decision(listing)
        self.labels.show_answer(listing)
        self.generation.follow(listing)
        self.collection.follow_filters()
        if moved is not None:
            self.results.move_threshold(moved)

    def _show_answered_query(self, listing: Listing) -> None:
        """Nobody has typed since: the keys go to the pictures, unless it is an example.

        They do as well for an example without a picture: the offer to paint it names keys.
        """
        self.query_line.show_query(listing.result.receipt.query)
        is_answered = listing.routing.route == Route.RETRIEVE
        if self.strip.is_open and self.query_line.input.has_focus and is_answered:
            self.query_line.input.action_select_all()
        else:
            self.call_after_refresh(self.results.grid.focus)

    def show_error(self, error: T2IError) -> None:
        """Say in the results' place what went wrong and what to do."""
        self.waiting.stop()
        self.warnings.show(())
        self.generation_line.clear()
        if isinstance(error, EmptyLibraryError) and not self.session.status.pictures:
            self.show_first_start()
            return
        keys = "r  tries again      /  edits the query"
        if isinstance(error, ModelMissingError):
            keys += "      5  Library: its Encoders tab downloads models"
        if self.asking.filters != Filters():
            keys += "      f  changes the filters"
        self.panel.show_error(_title(error), error.message, error.hint, keys)
        self.show_body(BodyPart.PANEL)
        self.route_line.show_hint(filter_words(self.asking.filters))
        if self.query_line.input.value == self._asked_text:
            self.set_focus(None)

    def show_greeting(self, pictures: int, queries: list[str]) -> None:
        """Wait for a query; where the pictures are one's own, say how many there are."""
        self.query_line.input.focus()
        if not pictures:
            return
        lines = [
            f"{counted(pictures, 'picture')} in the library. Type a description, then press Enter.",
            "",
            "a dog                               a description",
            '"a dog" + 0.5*"snow" - "grass"      a mix of descriptions',
        ]
        latest = list(dict.fromkeys(reversed(queries)))[:LATEST]
        if latest:
            lines += ["", "Lately asked (Up brings them back):", *(f"  {each}" for each in latest)]
        self.panel.show_text("What do you want to see?", tuple(lines))
        self.show_body(BodyPart.PANEL)

    def show_first_start(self) -> None:
        """Show what there is to do where there is no picture."""
        self.show_body(BodyPart.FIRST_START)
        self.route_line.show_hint("")
        self.first_start.open()

    def show_body(self, part: BodyPart) -> None:
        """Bring a text, an answer or the first steps to the front."""
        self.body.current = part
        self.refresh_bindings()

    def suggest_refresh(self, words: str) -> bool:
        """Say that another answer may be had, beside the one in sight; False if none is."""
        if self.shows_answer:
            self.warnings.suggest(words)
        return self.shows_answer

    def follow_library(self) -> None:
        """Offer other keys: another collection is searched from now on."""
        self.refresh_bindings()

    def follow_labelling(self) -> None:
        """Offer other keys: labelling has begun or ended."""
        if self.labels.is_labelling:
            self.results.grid.focus()
        self.refresh_bindings()

    @on(Results.DecisionChanged)
    def follow_decision(self, message: Results.DecisionChanged) -> None:
        message.stop()
        if self.results.listing is not None:
            self.decision.follow_change(self.results.listing)
            self.tags.follow()
            self.generation.follow(self.results.listing)

    @on(ResultGrid.PictureSelected)
    def follow_selected(self) -> None:
        """Find out what else is true of the selected picture."""
        self.tags.follow()

    @on(Results.Reopened)
    def reopen(self, message: Results.Reopened) -> None:
        message.stop()
        self.asking.reopen(message.threshold, message.scorer)

    @on(ResultGrid.PictureOpened)
    def view(self) -> None:
        self._view(finds_words=self.results.detail.bars.maps.is_on)

    def _view(self, *, finds_words: bool) -> None:
        from t2itui.screens.search.viewer import Viewer

        self.app.push_screen(Viewer(self.session, self.results, finds_words=finds_words))

    # Keys: the query

    def action_ask(self) -> None:
        """Go to the query line."""
        self.query_line.input.focus()
        self.query_line.input.action_end()

    def action_leave(self) -> None:
        """Stop waiting for an answer, leave off labelling, or leave the query line."""
        if self.is_waiting:
            self._stop_waiting()
        elif self.results.detail.bars.maps.stop():
            pass
        elif self.labels.is_labelling:
            self.labels.end()
        elif self.has_answer and self.shows_answer:
            self.results.grid.focus()
        else:
            self.query_line.input.blur()

    def _stop_waiting(self, why: str = "cancelled") -> None:
        self.workers.cancel_group(self, SEARCHING)
        self.waiting.stop()
        if self.results.listing is not None:
            self.route_line.show_decision(self.results.listing)
        else:
            self.route_line.show_hint(why)

    def follow_failed_work(self, group: str) -> None:
        if group == SEARCHING and self.is_waiting:
            self._stop_waiting("not answered")

    def action_again(self) -> None:
        """Search again, over the library as it is now; open it where that failed before."""
        if self.session.engine is None:
            self.session.send(OpenEngine())
        self.results.grid.forget_contents()
        self.asking.repeat()

    def action_filter(self) -> None:
        """Ask which pictures take part, and search again among them."""
        from t2itui.screens.search.filter_form import FilterForm

        self.app.push_screen(FilterForm(self.asking.filters, self.command), self.take_filters)

    def action_synthetic(self) -> None:
        """Let generated pictures take part, leave them out, or show them alone."""
        choices = tuple(Synthetic)
        at = choices.index(Synthetic(self.asking.filters.synthetic))
        chosen = choices[(at + 1) % len(choices)]
        self.session.remember(synthetic=chosen)
        self.take_filters(replace(self.asking.filters, synthetic=chosen))

    def action_suggest(self) -> None:
        """Answer the next suggestion."""
        self.collection.suggest()

    def action_switch_collection(self) -> None:
        """Search the built-in collection, or the person's own pictures again."""
        self.take_filters(self.collection.other_filters)

    def action_copy_command(self) -> None:
        """Copy the shell command that repeats the screen."""
        command = self.command(self.asking.filters)
        if command:
            self.copy(command, "Command copied")

    def action_add(self) -> None:
        """Ask for a folder of the person's own pictures and index it."""
        self.session.send(AskForFolder())

    # Keys: the decision

    def action_threshold(self, steps: int) -> None:
        """Move the threshold by hundredths."""
        self.results.step_threshold(steps * FINE)

    def action_scorer(self) -> None:
        """Rank by the other scorer."""
        if self.results.listing is not None:
            self.results.rank_by(scorer_after(self.results.listing.scorer))

    def action_hide(self) -> None:
        """Hide what is below the threshold, or dim it."""
        if self.results.listing is not None:
            self.results.hide_below(not self.results.listing.hide_below)

    def action_generate(self) -> None:
        """Generate what the query says, with the generator's own defaults."""
        self.generation.generate()

    def action_decline(self) -> None:
        """Have nothing generated for this decision."""
        self.generation.decline()

    # Keys: labels

    def action_start_labelling(self) -> None:
        """Have y and n say of one picture after the other whether the description fits."""
        self.labels.start()

    def action_label(self, fits: bool) -> None:
        """Say whether the selected picture fits, and go to the next."""
        self.labels.give(fits=fits)

    def action_undo_label(self) -> None:
        """Take the last label back and go to its picture."""
        self.labels.undo()

    def action_copy_label(self) -> None:
        """Copy the command of the last label, or the one that lists them."""
        self.copy(self.labels.command, "Command copied")

    # Keys: the selected picture

    def action_like(self) -> None:
        """Rank the library by likeness to the selected picture."""
        if self.results.content is not None:
            self.asking.like(self.results.content.shown.picture_id)

    def action_where(self) -> None:
        """Show where in the selected picture the next word of the description is."""
        if self.results.detail.display:
            self.results.detail.bars.maps.step()
        else:
            self._view(finds_words=True)

    def action_numbers(self) -> None:
        """Show where words are as numbers, or over the picture."""
        self.results.detail.bars.turn_numbers()

    def action_tag(self) -> None:
        """Say which everyday words are true of the selected picture."""
        self.tags.tag()

    def action_copy_tags(self) -> None:
        """Copy the command that tags the selected picture."""
        if self.tags.command:
            self.copy(self.tags.command, "Command copied")

    def action_recipe(self) -> None:
        """Read how the selected picture was generated into the form."""
        if self.results.content is not None:
            self.session.send(EditRecipe(self.results.content.shown.picture_id))

    def action_mark(self) -> None:
        """Mark the selected picture, or unmark it."""
        self.pictures.mark(self.results)

    def action_marked(self) -> None:
        """List the marked pictures."""
        from t2itui.screens.search.viewer import MarkedScreen

        selection = self.session.selection
        self.app.push_screen(
            MarkedScreen(selection), lambda _: self.results.show_selection(selection.picture_ids)
        )

    def action_compare(self) -> None:
        """Compare the marked pictures, or else the selected one, with what the query says."""
        self.pictures.compare(self.results)

    def action_copy_path(self) -> None:
        """Copy the path of the selected picture."""
        self.pictures.copy_path(self.results.content)

    def action_open_folder(self) -> None:
        """Open the folder of the selected picture, or say where it is."""
        self.pictures.open_folder(self.results.content)


OFFERED: dict[str, Callable[[SearchScreen], bool]] = {
    "suggest": lambda screen: screen.collection.has_suggestions,
    "switch_collection": lambda screen: screen.collection.has_both,
    "filter": lambda screen: screen.body.current != BodyPart.FIRST_START,
    "add": lambda screen: screen.body.current != BodyPart.FIRST_START,
    "decline": lambda screen: screen.generation_line.is_asking,
    "ask": lambda screen: not screen.query_line.input.has_focus,
}
"""When each action can be offered; those that are not named always can."""


def _title(error: T2IError) -> str:
    """The kind of an error in words: ModelMissingError is 'Model missing'."""
    name = type(error).__name__.removesuffix("Error")
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return words.strip().capitalize()

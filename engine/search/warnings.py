"""What a person should know about an answer."""

from collections.abc import Mapping, Sequence

from cache.embeddings import EncoderRecord
from cache.mapped import AbsentFolder
from cache.texts import TextRecord
from engine.language import CHINESE, NAMES, unread
from engine.results import Scores, SearchWarning
from engine.scoring.decision import ENOUGH
from engine.scoring.match import MatchContext
from engine.search.zeros import FoundZero
from engine.settings import CHINESE_ENCODER
from engine.states import ZeroState


def of_languages(texts: Sequence[str], encoder: EncoderRecord) -> tuple[SearchWarning, ...]:
    """Name the languages that the encoder does not read, and what adds one that does."""
    return tuple(
        SearchWarning(
            message=f"{encoder.id} does not read {NAMES[language]}: its ranking means little.",
            hint=f"t2itui models get {CHINESE_ENCODER}, then"
            f" t2itui index DIR --encoder {CHINESE_ENCODER}"
            if language == CHINESE
            else "Ask in English.",
        )
        for language in unread(texts, encoder.languages)
    )


def of_cut_texts(texts: Mapping[str, TextRecord]) -> tuple[SearchWarning, ...]:
    """Tell which words were beyond what the text tower takes."""
    return tuple(
        SearchWarning(
            message=f"The encoder read the first part only; it lost: {record.lost}",
            hint="Say the same in fewer words.",
        )
        for record in texts.values()
        if record.lost
    )


def of_coverage(encoder: EncoderRecord, embedded: int, pictures: int) -> tuple[SearchWarning, ...]:
    """Tell how many pictures took no part because the encoder has not seen them."""
    if embedded >= pictures:
        return ()
    return (
        SearchWarning(
            message=f"{pictures - embedded:,} of {pictures:,} pictures are not indexed with"
            f" {encoder.id} and took no part.",
            hint=f"t2itui index DIR --encoder {encoder.source or encoder.id}",
        ),
    )


def of_absent(absent: Sequence[AbsentFolder]) -> tuple[SearchWarning, ...]:
    """Tell which attached folders took no part because they are not there now."""
    return tuple(
        SearchWarning(
            message=f"{each.pictures:,} pictures of {each.folder} took no part: it is not there.",
            hint="Mount its disk and ask again; t2itui library detach leaves it out.",
        )
        for each in absent
        if each.pictures
    )


def of_lost_parts(lost: Sequence[str], pictures: int) -> tuple[SearchWarning, ...]:
    """Tell which parts of a cluster's library an answer does not cover."""
    if not lost:
        return ()
    named = ", ".join(lost[:3]) + (" and others" if len(lost) > 3 else "")
    return (
        SearchWarning(
            message=f"{pictures:,} pictures took no part: a machine was lost with {named}.",
            hint="Another machine reads them; ask again then.",
        ),
    )


def of_rough_match(context: MatchContext) -> tuple[SearchWarning, ...]:
    """Tell that `match` is no more than a guess for want of a background."""
    known = len(context.background().vectors)
    return (
        SearchWarning(
            message=f"match is rough: it needs {ENOUGH} texts or pictures to compare with,"
            f" and {known} are known.",
            hint="Rank by cosine, or let the encoder's model run once.",
        ),
    )


def of_patches(context: MatchContext) -> tuple[SearchWarning, ...]:
    """Tell of pictures that the matcher sees by their embeddings, though it reads patches."""
    left = context.matrix.count - context.with_patches
    if context.own_pictures is None or not left:
        return ()
    return (
        SearchWarning(
            message=f"match sees {left:,} of {context.matrix.count:,} pictures without their"
            " patches.",
            hint="They are looked at, as far as their files are there, at the end of t2itui index.",
        ),
    )


def of_narrow(scores: Scores) -> tuple[SearchWarning, ...]:
    """Tell that not every picture was scored, and how much is found all the same."""
    if not scores.candidates or scores.recall is None:
        return ()
    return (
        SearchWarning(
            message=f"The best {scores.candidates:,} of {len(scores.picture_ids):,} by a narrow"
            f" first pass are scored exactly (recall@100 {scores.recall:.2f} here), the others"
            " told from a sample.",
            hint="--exact, or exact = true in settings.toml, scores all of them.",
        ),
    )


def of_zero(
    found: FoundZero | None, pictures: int, *, is_lasting: bool
) -> tuple[SearchWarning, ...]:
    """Tell that the decision rests on less than the library as it is, and will be another."""
    if found is None or not found.comes:
        return ()
    zero = found.zero
    said = {
        ZeroState.OLDER: f"measured at {zero.pictures:,} pictures, and there are {pictures:,} now",
        ZeroState.QUICK: f"measured on {zero.sampled:,} of {pictures:,} pictures",
        ZeroState.LABEL_FREE: "not measured for the matcher yet: the label-free match decided",
    }
    return (
        SearchWarning(
            message=f"What is reached by chance is {said[found.state]}.",
            hint="It is being measured; ask again then."
            if is_lasting
            else "It is measured at the end of t2itui index, and while the app is open.",
        ),
    )


def of_unkept_receipt(reason: str) -> tuple[SearchWarning, ...]:
    """Tell that the answer could not be stored."""
    return (SearchWarning(message=f"No receipt was kept: {reason}"),)

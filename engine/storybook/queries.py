"""Queries of a gallery, and claims to measure with, whose right answer is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from engine.states import QueryKind
from engine.storybook.captions import FOREIGN_THINGS, claim_of, foreign_caption, partial_claim
from engine.storybook.claims import Claim, Subject, is_true, swapped
from engine.storybook.scenes import UNSEEN_PAIRS, Scene
from engine.storybook.suggestions import SUGGESTIONS
from engine.storybook.vocabulary import ACTIONS, ANIMALS, COLOURS, PLACES
from engine.storybook.wording import Caption, Language, write

COUNTS = {QueryKind.SATISFIED: 150, QueryKind.ABSENT: 100, QueryKind.FOREIGN: 50}


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """A query, what it states, and what is known of its answers."""

    caption: Caption
    kind: QueryKind

    @property
    def answered(self) -> bool:
        """Whether some picture of the gallery satisfies it."""
        return self.kind is QueryKind.SATISFIED


def routing_queries(scenes: Sequence[Scene]) -> list[Query]:
    """The queries for a gallery of these scenes, half of them in each language."""
    rng = Random("queries")
    return [*_satisfied(scenes, rng), *_absent(scenes, rng), *_foreign(rng)]


def _language(number: int) -> Language:
    return list(Language)[number % 2]


def _satisfied(scenes: Sequence[Scene], rng: Random) -> list[Query]:
    queries = []
    for number in range(COUNTS[QueryKind.SATISFIED]):
        scene = rng.choice(scenes)
        level2 = claim_of(scene, 2, rng)
        claim = rng.choice((level2, level2, claim_of(scene, 1, rng), partial_claim(scene, rng)))
        caption = write(claim, _language(number), rng)
        queries.append(Query(caption=caption, kind=QueryKind.SATISFIED))
    return queries


def _absent(scenes: Sequence[Scene], rng: Random) -> list[Query]:
    """Combinations of known words that no picture has; first those kept from training."""
    claims = [Claim(subjects=(Subject(animal=a, colour=c),)) for a, c in sorted(UNSEEN_PAIRS)]
    while len(claims) < COUNTS[QueryKind.ABSENT]:
        subject = Subject(
            animal=rng.choice(ANIMALS),
            colour=rng.choice(COLOURS),
            action=rng.choice((*ACTIONS, None)),
        )
        claim = Claim(subjects=(subject,), place=rng.choice((*PLACES, None, None)))
        if claim not in claims and not any(is_true(claim, scene) for scene in scenes):
            claims.append(claim)
    return [
        Query(caption=write(claim, _language(number), rng), kind=QueryKind.ABSENT)
        for number, claim in enumerate(claims)
    ]


def _foreign(rng: Random) -> list[Query]:
    fixed = [
        Caption(text=text, language=language, claim=suggestion.claim)
        for suggestion in SUGGESTIONS
        if suggestion.claim.foreign
        for language, text in (
            (Language.ENGLISH, suggestion.english),
            (Language.CHINESE, suggestion.chinese),
        )
    ]
    fixed.append(Caption(text="一座火山", language=Language.CHINESE, claim=Claim(foreign=True)))
    more = []
    for number in range(COUNTS[QueryKind.FOREIGN] - len(fixed)):
        language = _language(number)
        more.append(foreign_caption(rng.choice(FOREIGN_THINGS[language]), language, rng))
    return [Query(caption=caption, kind=QueryKind.FOREIGN) for caption in (*fixed, *more)]


def swapped_claims(scenes: Sequence[Scene]) -> tuple[list[Claim], list[Claim]]:
    """For each scene a level-2 claim, then for each a full one, and the same with one swap."""
    true, false = [], []
    for level in (2, 3):
        for scene in scenes:
            rng = Random(f"{scene.seed}:swap:{level}")
            while True:
                claim = claim_of(scene, level, rng)
                pair = swapped(claim, scene, rng)
                if pair is not None:
                    break
            true.append(claim)
            false.append(pair[0])
    return true, false

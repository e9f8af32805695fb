"""The collections that come with the program, each known everywhere else by its entry here.

A collection is a folder of pictures with an encoder, a matcher and a generator of its own. A cache
takes it in on a first start; beside a person's own pictures it is searched where it is named.
"""

from dataclasses import dataclass
from pathlib import Path, PurePath

_FILES = Path(__file__).parent / "storybook" / "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """Where the files of a collection lie, and what is said of it."""

    name: str
    """Stands for its folder, its encoder and its generator wherever one of them is asked for."""
    folder: Path
    """Its pictures and their records."""
    records: str
    """The file in that folder with a line of JSON for each picture."""
    vectors: Path
    """Unit vectors of the pictures, in the order of the records, and of first queries."""
    thumbnails: Path
    """Thumbnails of the pictures, with their hashes and sizes."""
    masks: Path
    """Where the things of each picture are: runs of masks, as safetensors."""
    encoder: Path
    """A transformers folder."""
    matcher: Path
    """The matcher of that encoder, a safetensors file."""
    zeros: Path
    """What background texts reach among its pictures by that matcher: rows of the cache, as JSON;
    without the file, or with another matcher, it is measured."""
    words: Path
    """Nouns that its encoder knows, one a line, in each language behind a tab."""
    generator: Path
    """A diffusers folder."""
    languages: tuple[str, ...]
    """Of its encoder's texts and of its own captions."""
    summary: str
    """What it is, to follow 'take back the storybook, '."""
    encoder_note: str
    generator_note: str
    generator_hint: str
    """What the generator is good for, in a sentence."""
    limits: str
    """What becomes of other pictures under its encoder."""

    @property
    def title(self) -> str:
        """The name as a heading."""
        return self.name.capitalize()

    @property
    def label(self) -> str:
        """What stands in lists of folders in place of a long path."""
        return f"{self.name} (built in)"

    @property
    def matcher_name(self) -> str:
        """What its matcher is called among those that have numbers."""
        return f"{self.name}'s matcher"

    @property
    def take_back(self) -> str:
        """The command that takes it back where it was left out."""
        return f"t2itui library --{self.name} on"

    @property
    def leave_out(self) -> str:
        """The command that leaves it out."""
        return f"t2itui library --{self.name} off"

    @property
    def instead(self) -> str:
        """What to do where an encoder is wanted and only this one is here."""
        return f"{self.limits}\nTo try it all the same: t2itui index DIR --encoder {self.name}"

    def holds(self, path: PurePath | str) -> bool:
        """Whether a path is that of one of its pictures."""
        return PurePath(path).parent == self.folder

    def short_name(self, path: str) -> str:
        """What stands for a path on every machine: `NAME/0004.webp`; other paths as they are."""
        return f"{self.name}/{PurePath(path).name}" if self.holds(path) else path

    def long_name(self, name: str) -> str:
        """The path that `short_name` stands for; other names as they are."""
        path = PurePath(name)
        return str(self.folder / path.name) if str(path.parent) == self.name else name


BUILT_IN = Collection(
    name="storybook",
    folder=_FILES / "gallery",
    records="scenes.jsonl",
    vectors=_FILES / "gallery.safetensors",
    thumbnails=_FILES / "thumbnails.safetensors",
    masks=_FILES / "masks.safetensors",
    encoder=_FILES / "clip-storybook",
    matcher=_FILES / "matcher.safetensors",
    zeros=_FILES / "zeros.json",
    words=_FILES / "words.tsv",
    generator=_FILES / "painter-storybook",
    languages=("en", "zh"),
    summary="600 drawn pictures that need no model",
    encoder_note="built in; knows ten drawn animals, not photographs",
    generator_note="built in; paints the storybook's animals, not photographs",
    generator_hint="The built-in painter draws simple animals",
    limits=(
        "The storybook's encoder knows its own drawings: ten animals with their colours, actions"
        " and places. On photographs its ranking means little."
    ),
)
"""The one that a cache takes in by itself."""

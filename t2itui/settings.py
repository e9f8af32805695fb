"""Where the program keeps what it keeps."""

import math
import os
import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import platformdirs
import tomli_w

from engine import disk, numbers
from engine.errors import RequestError, T2IError
from engine.home_files import unreadable, write_file
from engine.models.devices import read_devices
from engine.scoring.registry import DEFAULT_SCORER, search_scorers
from engine.settings import (
    DEFAULT_ENCODER,
    DEFAULT_GENERATOR,
    DEFAULT_IDLE_SECONDS,
    DEFAULT_RERANKED,
    DEFAULT_STATES_GIB,
    DEFAULT_THRESHOLD,
    EngineSettings,
)
from engine.states import Device, GenerateMode, NumberFormat, Synthetic
from engine.untrusted.documents import read_text

HOME_VARIABLE = "T2ITUI_HOME"


def home_folder(chosen: Path | None = None) -> Path:
    """The folder of the cache, settings and logs: `chosen`, `T2ITUI_HOME`, or the platform's.

    Raises:
        T2IError: a `~` in it stands for nobody's folder; there may be no person with a home here.
    """
    named = chosen or os.environ.get(HOME_VARIABLE)
    try:
        home = disk.expanded(named or platformdirs.user_data_path("t2itui", appauthor=False))
    except RuntimeError:
        home = Path("~")
    if str(home).startswith("~"):
        who = f"nobody here has the home folder {home.parts[0]}" if named else "HOME is not set"
        raise T2IError(
            f"there is no place to keep the library: {who}",
            hint=f"Name a folder with --home or {HOME_VARIABLE}.",
        )
    return disk.from_root(home)


def settings_file(home: Path) -> Path:
    """The settings that the app remembers and a person may edit."""
    return home / "settings.toml"


CHOICES = {
    "scorer": search_scorers(),
    "graphics": ("auto", "kitty", "sixel", "halfcell", "text"),
    "device": tuple(device.value for device in Device),
    # int8 makes another encoder of a model, and has a setting of its own.
    "dtype": tuple(each.value for each in NumberFormat if each is not NumberFormat.INT8),
    "generate": tuple(each.value for each in GenerateMode),
    "synthetic": tuple(each.value for each in Synthetic),
}


class SettingsError(Exception):
    """The settings file cannot be used; the message names the file and the line at fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettings:
    """The settings with their defaults; each can stand in `settings.toml` under its name."""

    theme: str = "textual-dark"
    """Any of Textual's themes."""
    threshold: float = DEFAULT_THRESHOLD
    """The probability at which `match` counts as an answer."""
    scorer: str = DEFAULT_SCORER
    """What ranks results: match, cosine or maxsim."""
    graphics: str = "auto"
    """auto, kitty, sixel, halfcell or text."""
    hide_below: bool = False
    """Hide results below the threshold instead of dimming them."""
    top: int = 100
    """Results that a receipt of the app keeps."""
    encoder: str = DEFAULT_ENCODER
    """Hub id or folder of the encoder for new pictures."""
    generator: str = DEFAULT_GENERATOR
    """Hub id, folder or `.safetensors` file of what paints for one's own library."""
    taesd: str = ""
    """Folder of a tiny decoder (TAESD, diffusers format) for finer previews; empty without."""
    previews: bool = True
    """What is being painted is shown as it comes about."""
    generate: str = GenerateMode.ASK
    """What the app does where nothing passes: ask whether to paint, paint now, or never."""
    synthetic: str = Synthetic.SHOW
    """Whether painted pictures take part in searches: show, hide, or only they."""
    device: str = Device.AUTO
    devices: str = ""
    """Several for indexing and sheets, as `0,1` for two GPUs; empty leaves it to `device`."""
    dtype: str = NumberFormat.AUTO
    int8: bool = False
    """Index in int8 where that is measured to be faster on this CPU; an encoder of its own."""
    idle_seconds: float = DEFAULT_IDLE_SECONDS
    """A model without work for so long gives its memory back; 0 keeps it."""
    states_gib: float = DEFAULT_STATES_GIB
    """What the states of patches, by which words are found in pictures, may take in the cache."""
    rerank: int = DEFAULT_RERANKED
    """So many pictures, those with the highest cosines, are compared by maxsim."""
    exact: bool = False
    """Score every picture, however many there are, where half a million would get a first pass."""
    paint_cluster: str = ""
    """Address of a Ray cluster that paints; empty paints here."""
    cluster: str = ""
    """Address of a Ray cluster that searches attached shards; empty searches them here."""
    jobs_go_on: bool = False
    """Where the app's terminal goes, its jobs are seen through without one."""
    keys: dict[str, str] = field(default_factory=dict)
    """Keys of one's own by the id of what they do: the table `[keys]`, see t2itui/keys.py."""

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}")
        _check_devices(self.devices)
        if not 0 <= self.threshold <= 1:
            raise ValueError("threshold must lie between 0 and 1")
        if not 1 <= self.top <= numbers.LARGEST:
            raise ValueError(f"top must lie between 1 and {numbers.LARGEST}")
        if not 1 <= self.rerank <= numbers.LARGEST:
            raise ValueError(f"rerank must lie between 1 and {numbers.LARGEST}")
        if not 0 <= self.idle_seconds < math.inf:
            raise ValueError("idle_seconds must be a number that is not negative")
        if not 0 <= self.states_gib < math.inf:
            raise ValueError("states_gib must be a number that is not negative")
        if self.keys:
            from t2itui.keys import check_keymap

            check_keymap(self.keys)

    def engine(self, home: Path) -> EngineSettings:
        """The part that the engine needs."""
        return EngineSettings(
            home=home,
            encoder=self.encoder,
            generator=self.generator,
            taesd=disk.expanded(self.taesd) if self.taesd else None,
            device=self.device,
            devices=read_devices(self.devices),
            dtype=self.dtype,
            int8=self.int8,
            idle_seconds=self.idle_seconds,
            states_gib=self.states_gib,
            rerank=self.rerank,
            exact=self.exact,
            paint_cluster=self.paint_cluster,
            cluster=self.cluster,
        )


def _check_devices(devices: str) -> None:
    try:
        read_devices(devices)
    except RequestError as error:
        raise ValueError(f"devices: {error.message}") from error


def load(home: Path) -> AppSettings:
    """Read the settings, or the defaults where there is no file.

    Raises:
        HomeError: the file may not be read.
        SettingsError: the file is no TOML, or holds an unknown name or an impossible value.
    """
    path = settings_file(home)
    try:
        values = tomllib.loads(read_text(path))
    except FileNotFoundError:
        return AppSettings()
    except OSError as error:
        raise unreadable(error, path) from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    try:
        for name, value in values.items():
            _check_type(name, value)
        return AppSettings(**values)
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from error


def save(home: Path, settings: AppSettings) -> None:
    """Write what differs from the defaults, in one step, so that no reader sees half a file."""
    defaults = asdict(AppSettings())
    chosen = {name: value for name, value in asdict(settings).items() if value != defaults[name]}
    write_file(home, settings_file(home).name, data=tomli_w.dumps(chosen).encode())


def _check_type(name: str, value: object) -> None:
    """Hold a value from the file against the type of its field; 1 may stand for 1.0."""
    types = {each.name: each.type for each in fields(AppSettings)}
    if name not in types:
        raise ValueError(f"unknown setting {name!r}")
    if name == "keys":
        _check_keys(value)
        return
    wanted = (int, float) if types[name] is float else (types[name],)
    if type(value) not in wanted:
        raise ValueError(f"{name} must be of type {getattr(types[name], '__name__', types[name])}")


def _check_keys(value: object) -> None:
    """The table of keys holds text by name."""
    if not isinstance(value, dict):
        raise ValueError("keys must be a table: [keys]")
    for name, keys in value.items():
        if not isinstance(keys, str):
            raise ValueError(f'[keys] needs text for {name}: "{name}" = "ctrl+l"')

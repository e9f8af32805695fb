"""The shell commands that start the same job, forget the same folder or replay the same receipt."""

import shlex
from pathlib import Path

from engine.generation.saved import Order
from engine.requests import ExportRequest, ImportRequest, IndexRequest
from engine.training.request import TrainRequest
from t2itui.paths import home_folder


def program(home: Path | None, *words: str) -> str:
    """Return a command line; the home is named where the shell would take another one."""
    place = [] if home is None or home == home_folder() else ["--home", str(home)]
    return shlex.join(["t2itui", *place, *words])


def index_command(home: Path | None, request: IndexRequest) -> str:
    """Return the command that indexes the same folders in the same way."""
    words = ["--encoder", request.encoder] if request.encoder is not None else []
    if request.per_class is not None:
        words += ["--per-class", str(request.per_class), "--seed", str(request.seed)]
    return program(home, "index", *words, *map(str, request.folders))


def import_command(home: Path | None, request: ImportRequest) -> str:
    """Return the command that imports the same vectors."""
    words = ["cache", "import", "--encoder", request.encoder_id]
    for option, path in (
        ("--pictures", request.pictures),
        ("--texts", request.texts),
        ("--root", request.root),
    ):
        words += [option, str(path)] if path is not None else []
    if request.logit_scale != 100.0:
        words += ["--logit-scale", f"{request.logit_scale:g}"]
    if request.languages != ("en",):
        words += [word for language in request.languages for word in ("--language", language)]
    return program(home, *words)


def export_command(home: Path | None, request: ExportRequest) -> str:
    """Return the command that exports the same vectors."""
    words = ["cache", "export", "--encoder", request.encoder_id]
    words += ["--layout", request.layout] if request.layout != "npz" else []
    return program(home, *words, str(request.target))


def download_command(home: Path | None, model_id: str) -> str:
    """Return the command that downloads a model."""
    return program(home, "models", "get", model_id)


def generate_command(home: Path | None, order: Order) -> str:
    """Return the command that paints the same pictures."""
    request = order.request
    seed = order.drawn if request.seed is None and order.fresh else request.seed
    size = f"{request.width}x{request.height}" if request.width and request.height else None
    options: list[tuple[str, object]] = [
        ("--negative", request.negative or None),
        ("--seed", seed),
        ("--steps", request.steps),
        ("--guidance", None if request.guidance is None else f"{request.guidance:g}"),
        ("--size", size),
        ("--scheduler", request.scheduler),
        ("--count", request.count if request.count > 1 else None),
        ("--model", request.model),
        *(("--lora", f"{lora.path}:{lora.weight:g}") for lora in request.loras),
        ("--start", request.start_picture),
        ("--strength", f"{request.strength:g}" if request.start_picture else None),
        ("--in", order.library or None),
    ]
    words = [word for name, value in options if value is not None for word in (name, str(value))]
    words += ["--"] if request.prompt.startswith("-") else []
    return program(home, "generate", *words, *([request.prompt] if request.prompt else []))


def train_command(home: Path | None, request: TrainRequest) -> str:
    """Return the command that trains the same matcher, or goes on with it."""
    usual = TrainRequest(data=request.data)
    options: list[tuple[str, str, object]] = [
        ("--images", "images", request.images),
        ("--encoder", "encoder", request.encoder),
        ("--queries", "queries", request.queries),
        ("--words", "words", request.words),
        ("--split", "split", request.split),
        ("--language", "language", request.language),
        ("--limit", "limit", request.limit),
        ("--seed", "seed", request.seed),
        ("--hidden", "hidden", request.hidden),
        ("--epochs", "epochs", request.epochs),
    ]
    words = [
        word
        for option, name, value in options
        if value != getattr(usual, name)
        for word in (option, str(value))
    ]
    words += ["--two-branch"] if request.with_two_branch else []
    words += ["--force"] if request.force else []
    words += ["--offline"] if request.offline else []
    return program(
        home, "train", *words, *(["--"] if request.data.startswith("-") else []), request.data
    )


def models_command(home: Path | None) -> str:
    """Return the command that lists matchers with their reports."""
    return program(home, "models")


def export_matcher_command(home: Path | None, matcher_id: int, target: Path) -> str:
    """Return the command that writes a matcher to a file."""
    return program(home, "models", "export", str(matcher_id), str(target))


def import_matcher_command(home: Path | None, source: Path) -> str:
    """Return the command that takes a matcher in from a file."""
    return program(home, "models", "import", str(source))


def remove_matcher_command(home: Path | None, matcher_id: int) -> str:
    """Return the command that deletes a matcher."""
    return program(home, "models", "remove", str(matcher_id))


def label_command(
    home: Path | None, text: str, picture: str, encoder_id: str, *, fits: bool | None
) -> str:
    """Return the command that says whether a text fits a picture, or takes that back (None)."""
    said = "--undo" if fits is None else "--yes" if fits else "--no"
    return program(home, "label", said, "--encoder", encoder_id, "--", text, picture)


def labels_command(home: Path | None, encoder_id: str) -> str:
    """Return the command that lists the labels of an encoder."""
    return program(home, "label", "--list", "--encoder", encoder_id)


def forget_labels_command(home: Path | None, encoder_id: str) -> str:
    """Return the command that takes all labels of an encoder back."""
    return program(home, "label", "--forget", "--encoder", encoder_id)


def forget_command(home: Path | None, folder: Path) -> str:
    """Return the command that forgets a folder."""
    return program(home, "library", "--forget", str(folder))


def storybook_command(home: Path | None, *, on: bool) -> str:
    """Return the command that takes the storybook in or leaves it out."""
    return program(home, "library", "--storybook", "on" if on else "off")


def failures_command(home: Path | None) -> str:
    """Return the command that lists what could not be read."""
    return program(home, "library", "--failures")


def vanished_command(home: Path | None) -> str:
    """Return the command that lists the files that are gone."""
    return program(home, "library", "--vanished")


def library_command(home: Path | None) -> str:
    """Return the command that shows what the library holds."""
    return program(home, "library")


def replay_command(home: Path | None, receipt_id: str) -> str:
    """Return the command that replays a receipt."""
    return program(home, "history", receipt_id)


def forget_receipt_command(home: Path | None, receipt_id: str) -> str:
    """Return the command that deletes a receipt."""
    return program(home, "history", "--forget", receipt_id)

"""Options of the commands that take data whose truth is known."""

from pathlib import Path

import click

images_option = click.option(
    "--images",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the pictures of DATA lie, if not beside it.",
)
encoder_option = click.option(
    "--encoder", metavar="ID", help="Default: the one that knows most of the pictures."
)
words_option = click.option(
    "--words",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The class words, one a line; default: the imported texts.",
)
language_option = click.option(
    "--language", type=click.Choice(["en", "zh"]), help="Of the storybook; default: both."
)
limit_option = click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="N pictures, at random."
)
seed_option = click.option("--seed", type=int, default=0, show_default=True)

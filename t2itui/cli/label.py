"""`t2itui label`: say whether a text fits a picture, and so calibrate `match`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from t2itui.cli.support.context import Context, Exit, Output, pass_context

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.search.labels import LabelSummary, RelevanceLabel


FITS = {"yes": True, "no": False, "undo": None}
"""What an option says of a text and a picture; None takes back what was said."""


@click.command()
@click.argument("text", required=False)
@click.argument("picture", required=False)
@click.option("--yes", "said", flag_value="yes", help="TEXT fits PICTURE.")
@click.option("--no", "said", flag_value="no", help="TEXT does not fit PICTURE.")
@click.option("--undo", "said", flag_value="undo", help="Take back what was said of the two.")
@click.option("--list", "lists", is_flag=True, help="List labels and what they did to match.")
@click.option("--forget", is_flag=True, help="Take back every label of --encoder, which is needed.")
@click.option(
    "--encoder", metavar="ID", help="Whose match it is about; default: the one a search takes."
)
@click.option("--offline", is_flag=True, help="Never start a model; fail if one is needed.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines.")
@pass_context
def command(
    context: Context,
    text: str | None,
    picture: str | None,
    said: str | None,
    lists: bool,
    forget: bool,
    encoder: str | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Say whether TEXT fits PICTURE, a path in the library.

    All labels of an encoder together calibrate the match that it has now: a scale and a shift of
    the log odds, held near to none while there are few labels. Cosine and the order stay.
    """
    is_label = text is not None and picture is not None and said is not None
    if [is_label, lists, forget].count(True) != 1:
        raise click.UsageError(
            "give TEXT and PICTURE with --yes, --no or --undo; or --list; or --forget --encoder ID"
        )
    if forget and encoder is None:
        raise click.UsageError("--forget needs --encoder ID")
    output = Output(as_json=as_json)

    async def work(engine: Engine) -> Exit:
        labels = engine.searcher.labels
        if lists:
            entries = await labels.entries(encoder)
            states = [await labels.state(each) for each in _encoders(entries)]
            write_labels(entries, states, output)
            return Exit.ANSWERED
        if forget:
            dropped = await labels.forget(encoder or "")
            write_forgotten(encoder or "", dropped, output)
            return Exit.ANSWERED if dropped else Exit.NOTHING_PASSED
        picture_id = await labels.picture(picture or "")
        case = await labels.resolve(text or "", picture_id, encoder_id=encoder, offline=offline)
        asked, encoder_id, fits = case.texts[0], case.encoder.id, FITS[said or ""]
        if fits is None:
            state = await labels.drop(asked, picture_id, encoder_id=encoder_id)
        else:
            state = await labels.put(asked, picture_id, fits=fits, encoder_id=encoder_id)
        write_state(state, output)
        return Exit.ANSWERED

    context.run(output, work)


def _encoders(entries: list[RelevanceLabel]) -> list[str]:
    return list(dict.fromkeys(each.encoder_id for each in entries))


def write_labels(entries: list[RelevanceLabel], states: list[LabelSummary], output: Output) -> None:
    """Write labels, one a line, oldest first, and then what they did to `match`."""
    if not entries:
        output.say("no labels yet: t2itui label TEXT PICTURE --yes makes one, or l in the app")
    rows = []
    for each in entries:
        if output.as_json:
            values = {
                "text": each.text,
                "path": each.path,
                "fits": each.fits,
                "encoder": each.encoder_id,
                "created_at": each.created_at,
            }
            output.record("label", values)
            continue
        said = "fits" if each.fits else "does not fit"
        rows.append((said, each.text, each.encoder_id, each.path))
    if rows:
        output.table(("label", "text", "encoder", "picture"), rows, left="label text encoder")
    for state in states:
        write_state(state, output)


def write_state(state: LabelSummary, output: Output) -> None:
    """Write how many labels an encoder has and what they did to its scorers."""
    if output.as_json:
        values = {
            "encoder": state.encoder_id,
            "fitting": state.fitting,
            "not_fitting": state.not_fitting,
            "calibrations": [
                {
                    "scorer": each.scorer,
                    "scale": each.scale,
                    "shift": each.shift,
                    "labels": each.labels,
                }
                for each in state.calibrations
            ],
        }
        output.record("labelled", values)
        return
    output.line(
        f"{state.encoder_id}: {state.count:,} labels, {state.fitting:,} fit and"
        f" {state.not_fitting:,} do not",
        bold=True,
    )
    for each in state.calibrations:
        output.line(
            f"  {each.scorer}: log odds x {each.scale:.3f} {each.shift:+.3f},"
            f" by {each.labels:,} of them"
        )


def write_forgotten(encoder_id: str, dropped: int, output: Output) -> None:
    """Write how many labels are gone."""
    if output.as_json:
        output.record("forgotten", {"encoder": encoder_id, "labels": dropped})
    else:
        output.line(f"{dropped:,} labels of {encoder_id} are forgotten")

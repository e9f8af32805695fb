"""`t2itui history`: earlier decisions, replayed without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from t2itui.cli.support.context import Context, Exit, Output, pass_context
from t2itui.cli.support.options import Whole
from t2itui.cli.support.receipts import write_answer, write_json, write_receipts

if TYPE_CHECKING:
    from engine.engine import Engine


@click.command()
@click.argument("receipt_id", required=False, metavar="[ID]")
@click.option("--limit", type=Whole(min=1), default=20, show_default=True)
@click.option("--containing", default="", metavar="TEXT", help="Only queries that contain TEXT.")
@click.option("--forget", is_flag=True, help="Delete the receipt with this ID.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines.")
@pass_context
def command(
    context: Context,
    receipt_id: str | None,
    limit: int,
    containing: str,
    forget: bool,
    as_json: bool,
) -> None:
    """List earlier decisions, newest first, or replay the one with this ID.

    A replay is read from its receipt: no model takes part, and the pictures need not be there.
    """
    if forget and receipt_id is None:
        raise click.UsageError("--forget needs the ID of a receipt")
    output = Output(as_json=as_json)

    async def work(engine: Engine) -> Exit:
        if receipt_id is None:
            entries = await engine.history.entries(limit, 0, containing)
            write_receipts(entries, output)
            return Exit.ANSWERED
        if forget:
            await engine.history.forget([receipt_id])
            return Exit.ANSWERED
        result = await engine.history.replay(receipt_id)
        (write_json if as_json else write_answer)(result, output)
        return Exit.ANSWERED if result.receipt.passed else Exit.NOTHING_PASSED

    context.run(output, work)

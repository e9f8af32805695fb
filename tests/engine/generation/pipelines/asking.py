"""One picture of a generator process, from the request on."""

from engine.events import GenerationProgress, JobEvent, Report
from engine.generation.request import GenerateRequest, resolve
from engine.models.generator_messages import EventBridge, GeneratedImage
from engine.models.generators import Generators
from engine.states import GenerationPhase


async def generate(
    generators: Generators, request: GenerateRequest, seed: int, report: Report | None = None
) -> GeneratedImage:
    """Resolve a request by its model's files, and have the picture generated."""
    source = request.model or generators.configured
    parameters = resolve(request, await generators.describe(source))
    bridge = None if report is None else EventBridge(report=report)
    return await generators.generate(
        source, parameters, seed, preview=request.preview, bridge=bridge
    )


def phase_of(event: JobEvent) -> GenerationPhase | None:
    """What a generation is at; None for other news."""
    return event.phase if isinstance(event, GenerationProgress) else None

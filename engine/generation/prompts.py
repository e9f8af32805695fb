"""What to paint for a query."""

from engine.errors import RequestError
from engine.indexing.walk import SUFFIXES
from engine.search.pictures import BY_CONTENT
from engine.search.query import Term, parse


def prompts_of(query: str) -> tuple[str, str]:
    """The prompt and the negative prompt: the texts that a query adds, and those it takes away.

    Pictures that a mix names have no words. Raises RequestError where no text is left to paint.
    """
    terms = [term for term in parse(query).terms if not _is_picture(term)]
    prompt = ", ".join(term.text for term in terms if term.weight > 0)
    negative = ", ".join(term.text for term in terms if term.weight < 0)
    if not prompt:
        raise RequestError(
            "the query names no text that could be painted", hint="Say in words what to paint."
        )
    return prompt, negative


def texts_of(query: str) -> tuple[str, ...]:
    """The texts that a query adds, each alone; none where it names pictures only."""
    terms = [term for term in parse(query).terms if not _is_picture(term)]
    return tuple(term.text for term in terms if term.weight > 0)


def _is_picture(term: Term) -> bool:
    raw = term.raw.lower()
    return raw.startswith(BY_CONTENT) or raw.endswith(tuple(SUFFIXES))

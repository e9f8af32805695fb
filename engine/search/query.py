"""The language of queries: plain text, or a weighted mix of quoted texts and pictures.

    mix  = term { ("+" | "-") term }
    term = [ number "*" ] '"' text or path of a picture '"'

A query is a mix when it starts like one; everything else is text as it stands. Inside quotes, a
backslash lets a quote or a backslash through. The first term may carry a sign too.
"""

import re
import unicodedata
from dataclasses import dataclass

from engine.errors import RequestError
from engine.file_types import SUFFIXES
from engine.language import fold_widths

MAX_LENGTH = 10_000
MAX_TERMS = 32

BY_CONTENT = "sha256:"
"""Starts a term that names a picture of the library by the first digits of its hash."""

BY_FILE = "file:/"
"""Starts a term that names a file by its path whatever its suffix; %XX stands for a byte of it."""

# Each sign has a twin of full width, which input methods write.
_QUOTES = '"“”＂'
_POINT = "[.．]"
_NUMBER = rf"(?:\d+(?:{_POINT}\d*)?|{_POINT}\d+)"
_TIMES = r"\s*[*×＊]\s*"
_SIGNS = {"+": 1.0, "＋": 1.0, "-": -1.0, "−": -1.0, "－": -1.0}
_START = re.compile(rf"\s*[{re.escape(''.join(_SIGNS))}]?\s*(?:{_NUMBER}{_TIMES})?[{_QUOTES}]")
_WEIGHT = re.compile(rf"({_NUMBER}){_TIMES}")
_QUOTED = re.compile(rf"[{_QUOTES}]((?:[^{_QUOTES}\\]|\\.)*)[{_QUOTES}]")
_SPACES = re.compile(r"\s*")
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One part of a query."""

    weight: float
    raw: str
    """As it was written: a path must keep its spaces."""
    column: int
    """Where it starts in the query, from 1."""
    quoted: bool

    @property
    def text(self) -> str:
        """As an encoder gets it: NFC, of plain width, single spaces."""
        return normalise(self.raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedQuery:
    """A query that was understood."""

    terms: tuple[Term, ...]

    def __str__(self) -> str:
        """The one spelling of this query, which parses to the same terms."""
        if not self.terms[0].quoted:
            return self.terms[0].text
        first, *rest = self.terms
        parts = [("- " if first.weight < 0 else "") + _spell(first)]
        parts += [("- " if term.weight < 0 else "+ ") + _spell(term) for term in rest]
        return " ".join(parts)


def parse(query: str) -> ParsedQuery:
    """Understand a query. Raises RequestError that points at the column at fault, from 1."""
    if len(query) > MAX_LENGTH:
        raise RequestError(
            f"the query has {len(query):,} characters: at most {MAX_LENGTH:,} will do",
            field="query",
        )
    for column, character in enumerate(query, 1):
        if _is_forbidden(character):
            raise RequestError(
                f"column {column}: a control character, U+{ord(character):04X}", field="query"
            )
    if not query.strip():
        raise RequestError(
            "the query is empty", hint='Describe a picture, such as "a dog".', field="query"
        )
    if not _START.match(query):
        return plain_text(query)
    return ParsedQuery(terms=_terms(query))


def plain_text(text: str) -> ParsedQuery:
    """A query for a text as it stands."""
    return ParsedQuery(terms=(Term(weight=1.0, raw=text, column=1, quoted=False),))


def quote(text: str) -> str:
    """A text or path as a term of a mix."""
    return '"' + re.sub(rf"([{_QUOTES}\\])", r"\\\1", text) + '"'


def normalise(text: str) -> str:
    """NFC, of plain width, with single spaces inside and none around."""
    return " ".join(fold_widths(unicodedata.normalize("NFC", text)).split())


def _terms(query: str) -> tuple[Term, ...]:
    terms: list[Term] = []
    at = _skip(query, 0)
    while at < len(query):
        sign = _SIGNS.get(query[at])
        if sign is not None:
            at = _skip(query, at + 1)
        elif terms:
            raise RequestError(
                f"column {at + 1}: expected + or - before the next term",
                hint="To search for the words as they stand, leave the quotes out.",
                field="query",
            )
        term, at = _term(query, at, 1.0 if sign is None else sign)
        terms.append(term)
        if len(terms) > MAX_TERMS:
            raise RequestError(f"column {term.column}: more than {MAX_TERMS} terms", field="query")
        at = _skip(query, at)
    return tuple(terms)


def prompts_of(query: str) -> tuple[str, str]:
    """The prompt and the negative prompt: the texts that a query adds, and those it takes away.

    Pictures that a mix names have no words. Raises RequestError where no text is left to paint.
    """
    terms = [term for term in parse(query).terms if not _is_picture(term)]
    prompt = ", ".join(term.text for term in terms if term.weight > 0)
    negative = ", ".join(term.text for term in terms if term.weight < 0)
    if not prompt:
        raise RequestError(
            "the query names no text that could be painted",
            hint="Say in words what to paint.",
            field="query",
        )
    return prompt, negative


def texts_of(query: str) -> tuple[str, ...]:
    """The texts that a query adds, each alone; none where it names pictures only."""
    terms = [term for term in parse(query).terms if not _is_picture(term)]
    return tuple(term.text for term in terms if term.weight > 0)


def _is_picture(term: Term) -> bool:
    raw = term.raw.lower()
    return raw.startswith((BY_CONTENT, BY_FILE)) or raw.endswith(tuple(SUFFIXES))


def _term(query: str, at: int, sign: float) -> tuple[Term, int]:
    """The term that starts at an index, and the index after it."""
    weight = 1.0
    if number := _WEIGHT.match(query, at):
        weight, at = float(number[1].replace("．", ".")), number.end()
        if not 0.001 <= weight <= 1000:
            raise RequestError(
                f"column {number.start() + 1}: a weight must lie between 0.001 and 1000",
                field="query",
            )
    if at >= len(query) or query[at] not in _QUOTES:
        raise RequestError(
            f"column {at + 1}: expected a quoted text or picture",
            hint='A mix looks like this: "a dog" + 0.5*"snow" - "grass"',
            field="query",
        )
    quoted = _QUOTED.match(query, at)
    if quoted is None:
        raise RequestError(f"column {at + 1}: this quote is not closed", field="query")
    raw = re.sub(r"\\(.)", r"\1", quoted[1])
    if not raw.strip():
        raise RequestError(f"column {at + 1}: nothing between the quotes", field="query")
    return Term(weight=sign * weight, raw=raw, column=at + 1, quoted=True), quoted.end()


def _spell(term: Term) -> str:
    weight = abs(term.weight)
    number = "" if weight == 1 else f"{weight:.6f}".rstrip("0").rstrip(".") + "*"
    return number + quote(term.raw)


def _skip(query: str, at: int) -> int:
    match = _SPACES.match(query, at)
    return match.end() if match else at


def _is_forbidden(character: str) -> bool:
    if character in "\t\n\r":
        return False
    return unicodedata.category(character) in ("Cc", "Cs") or character in _REORDERING

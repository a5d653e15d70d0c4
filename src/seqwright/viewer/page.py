"""The page that shows attention: records, a small program and a style in one file that loads nothing.

The program is plain JavaScript modules in ``static``; ``static/README.md`` says what each does and what a page holds. The page's
content security policy lets that program run and no other, and keeps any browser from the network.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from seqwright.core.errors import SeqwrightError, reason
from seqwright.core.files import write_atomically
from seqwright.viewer.patterns import measures
from seqwright.viewer.quantise import packed, packed_weights, squeezed
from seqwright.viewer.record import Array, AttentionRecord, Kind

STATIC = Path(__file__).parent / "static"
MOST_WEIGHTS = 170_000_000
"""So many weights a page holds at most: 12 × 12 heads over a little more than 1,024 tokens."""
THUMBNAIL = 24
"""Rows and columns of a head's small picture, at most."""
MOST_PROJECTED = 3_000_000
"""So many numbers of queries, keys, values and scores a page holds at most; more are left out, and it says so."""


@dataclass(frozen=True, eq=False)
class Pass:
    """What a model attended to while it read once (or generated): a record of each kind of attention that it has.

    Attributes:
        name: what tells it from the pass it is compared with.
        records: at most one of each kind.
        model: which model it was.
        note: why something is not here, such as projections that cannot be read.
    """

    name: str
    records: tuple[AttentionRecord, ...]
    model: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        kinds = [record.kind for record in self.records]
        if len(set(kinds)) < len(kinds):
            raise SeqwrightError(f"a pass has one record of a kind, and these are {kinds}", fix="make a pass of each")

    def of(self, kind: Kind) -> AttentionRecord:
        """The record of this kind.

        Raises:
            SeqwrightError: there is none.
        """
        for record in self.records:
            if record.kind == kind:
                return record
        kinds = ", ".join(record.kind for record in self.records)
        raise SeqwrightError(f"there is no attention of kind {kind!r}", fix=f"there is: {kinds}")

    def html(self, path: str | Path, *, title: str = "") -> Path:
        """Write the page that shows it; see :meth:`Page.write`."""
        return AttentionPage((self,), title).write(path)

    def _repr_html_(self) -> str:
        return AttentionPage((self,)).frame()


@dataclass(frozen=True, eq=False)
class AttentionPage:
    """One pass to look at, or two to compare.

    Raises:
        SeqwrightError: there is none, or a pass has no record.
    """

    passes: tuple[Pass, ...]
    title: str = ""

    def __post_init__(self) -> None:
        if not 1 <= len(self.passes) <= 2 or not all(each.records for each in self.passes):
            raise SeqwrightError(
                f"{len(self.passes)} passes with {[len(each.records) for each in self.passes]} records make no page",
                fix="give one pass, or two to compare, each with a record",
            )

    def html(self) -> str:
        """The page as one file's text.

        Raises:
            SeqwrightError: there are more weights than a page holds.
        """
        within_reach(*(record.weights.shape for one in self.passes for record in one.records))
        chunks: dict[str, str] = {}
        index = {"title": self.title or _title(self.passes), "passes": [_pass(p, one, chunks) for p, one in enumerate(self.passes)]}  # fmt: skip
        program, style = _program(), (STATIC / "page.css").read_text(encoding="utf-8")
        policy = f"default-src 'none'; script-src '{_digest(program)}'; style-src 'unsafe-inline'; img-src data: blob:"
        data = "\n".join(f'<script type="text/plain" id="{name}">{chunk}</script>' for name, chunk in chunks.items())
        parts = {
            "policy": policy,
            "title": html.escape(index["title"]),
            "style": style,
            "index": _json(index),
            "data": data,
            "program": program,
        }
        template = (STATIC / "page.html").read_text(encoding="utf-8")
        text = re.sub(r"\{\{ (\w+) \}\}", lambda found: parts[found[1]], template)
        return text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text

    def write(self, path: str | Path) -> Path:
        """Write the page.

        Raises:
            SeqwrightError: the same, or the file cannot be written.
        """
        path = Path(path)
        text = self.html()
        try:
            write_atomically(path, text)
        except OSError as error:
            raise SeqwrightError(
                f"the page cannot be written: {reason(error)}", where=str(path), fix="name another file with -o"
            ) from error
        return path

    def frame(self, height: int = 780) -> str:
        """The page inside a frame of its own, for notebooks."""
        inside = html.escape(self.html(), quote=True)
        return f'<iframe srcdoc="{inside}" sandbox="allow-scripts allow-downloads" style="width: 100%; height: {height}px; border: 0" title="attention"></iframe>'

    def _repr_html_(self) -> str:
        return self.frame()


def within_reach(*shapes: tuple[int, ...]) -> None:
    """Whether a page can hold weights of these shapes ``[layers heads queries keys]``; asked before they are computed.

    Raises:
        SeqwrightError: it cannot; says what it would weigh, and how many heads it could hold.
    """
    weights = sum(map(prod, shapes))
    if weights > MOST_WEIGHTS:
        held = max(1, MOST_WEIGHTS // sum(queries * keys for *_, queries, keys in shapes))
        told = " and ".join(
            f"{layers} layers × {heads} heads × {queries} × {keys} tokens" for layers, heads, queries, keys in shapes
        )
        raise SeqwrightError(
            f"{told} are {weights:,} weights, a page of about {weights * 0.6 / 1e6:,.0f} MB, "
            f"and one of {MOST_WEIGHTS:,} is the most that can be looked at",
            fix=f"choose up to {held} heads with --layers and --heads (layers=, heads=), or give a shorter text",
        )


def _title(passes: tuple[Pass, ...]) -> str:
    return " and ".join(one.name for one in passes if one.name) or "Attention"


def _pass(number: int, one: Pass, chunks: dict[str, str]) -> dict[str, Any]:
    records = [_record(f"p{number}-{record.kind}", record, chunks) for record in one.records]
    return {"name": one.name, "model": one.model, "note": one.note, "records": records}


def _record(name: str, record: AttentionRecord, chunks: dict[str, str]) -> dict[str, Any]:
    """What the page's index says of a record; its weights go to chunks of their own, one a head."""
    small = [thumbnail(head) for layer in record.weights for head in layer]
    kept = record.projections
    held = kept is not None and sum(each.size for each in (kept.queries, kept.keys, kept.values, kept.scores)) <= MOST_PROJECTED  # fmt: skip
    for layer in range(len(record.layers)):
        for head in range(len(record.heads)):
            chunks[f"{name}-w-{layer}-{head}"] = packed_weights(record.weights[layer, head])
            if kept is not None and held:
                parts = (kept.queries, kept.keys, kept.values, kept.scores)
                chunks[f"{name}-q-{layer}-{head}"] = packed(*(each[layer, head].astype(np.float16) for each in parts))
    return {
        "id": name,
        "kind": record.kind,
        "tokens": record.tokens,
        "special": sorted(record.special),
        "words": record.words,
        "columns": record.source_tokens,
        "columnSpecial": sorted(record.column_special),
        "columnWords": record.column_words,
        "layers": record.layers,
        "heads": record.heads,
        "steps": record.steps,
        "thumbnails": {"rows": small[0].shape[0], "columns": small[0].shape[1], "data": packed(*small)},
        "measures": {
            measure: np.round(np.nan_to_num(found), 4).tolist() for measure, found in measures(record).items()
        },
        "projections": None
        if kept is None or not held
        else {"width": kept.queries.shape[-1], "valueWidth": kept.values.shape[-1], "scale": kept.scale},
        "projectionsMissing": _missing(kept is not None),
    }


def _missing(kept: bool) -> str:
    if kept:
        return "Queries, keys and values of so many heads and tokens would make the page too large: choose fewer with --layers and --heads."
    return "Queries, keys and values were not recorded for this model."


def thumbnail(weights: Array) -> Array:
    """A head's matrix in at most ``THUMBNAIL`` rows and columns, each cell the greatest of those it stands for.

    >>> thumbnail(np.eye(48, dtype=np.float32)).shape
    (24, 24)
    """
    shares = squeezed(weights / max(float(weights.max()), 1e-30)).shares
    greatest = np.rint(255 * weights.max(-1) / max(float(weights.max()), 1e-30))
    shares = np.rint(shares * (greatest[:, None] / 255)).astype(np.uint8)
    edges = [np.linspace(0, size, min(size, THUMBNAIL), endpoint=False).astype(int) for size in shares.shape]
    return np.maximum.reduceat(np.maximum.reduceat(shares, edges[0], axis=0), edges[1], axis=1)


def _json(index: dict[str, Any]) -> str:
    """JSON that can stand inside a script element: no text in it can end the element or be a control character."""
    text = json.dumps(msgspec.to_builtins(index), ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\x7f", "\\u007f")


def _program() -> str:
    """The modules as one, in the order in which they build on one another; what they say of imports is left out."""
    names = re.findall(r"^- `(\w+\.js)`", (STATIC / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    modules = [(STATIC / name).read_text(encoding="utf-8") for name in names]
    text = "\n".join(re.sub(r"^import [^;]*;\n", "", module, flags=re.MULTILINE) for module in modules)
    return "\n" + re.sub(r"^export ", "", text, flags=re.MULTILINE)


def _digest(program: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(program.encode()).digest()).decode()

"""A page that shows attention: records, a program and a style sheet in one HTML file that loads nothing.

The program consists of the JavaScript modules in ``static``; ``static/README.md`` describes them and the data of a page. The
page's content security policy permits that program alone and no access to the network.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from seqwright.core.errors import SeqwrightError, reason
from seqwright.core.files import write_atomically
from seqwright.viewer.limits import check_page_size
from seqwright.viewer.patterns import measures
from seqwright.viewer.quantise import encode, encode_weights, quantise
from seqwright.viewer.record import Array, AttentionRecord, Kind

STATIC = Path(__file__).parent / "static"
THUMBNAIL = 24
"""Rows and columns of a thumbnail, at most."""
MAX_PROJECTED = 3_000_000
"""Numbers of queries, keys, values and scores that a page holds at most; where there are more, it holds none and explains why."""
TOO_LARGE = "Queries, keys and values of so many heads and tokens would make the page too large: choose fewer with --layers and --heads."
NOT_RECORDED = "Queries, keys and values were not recorded for this model."


@dataclass(frozen=True, eq=False)
class Pass:
    """The attention of one forward pass or generation: one record for each kind of attention.

    Attributes:
        name: its name beside another pass.
        records: at most one of each kind.
        model: the name of the model.
        note: a remark, such as why projections are missing.

    Raises:
        SeqwrightError: Two records are of one kind.
    """

    name: str
    records: tuple[AttentionRecord, ...]
    model: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        kinds = [record.kind for record in self.records]
        if len(set(kinds)) < len(kinds):
            raise SeqwrightError(f"a pass has one record of each kind, not {kinds}", fix="make a pass of each")

    def of(self, kind: Kind) -> AttentionRecord:
        """Return the record of this kind.

        Raises:
            SeqwrightError: There is none.
        """
        records = {record.kind: record for record in self.records}
        if kind not in records:
            raise SeqwrightError(f"there is no attention of kind {kind!r}", fix=f"there is: {', '.join(records)}")
        return records[kind]

    def html(self, path: str | Path, *, title: str = "") -> Path:
        """Write a page that shows this pass; see :meth:`AttentionPage.write`."""
        return AttentionPage((self,), title).write(path)

    def _repr_html_(self) -> str:
        return AttentionPage((self,)).frame()


@dataclass(frozen=True, eq=False)
class AttentionPage:
    """A page with one pass, or two to compare.

    Raises:
        SeqwrightError: There are more passes or none, or a pass has no record.
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
        """Return the page as HTML.

        Raises:
            SeqwrightError: There are more weights than a page holds.
        """
        check_page_size(*(record.weights.shape for one in self.passes for record in one.records))
        chunks: dict[str, str] = {}
        passes = [
            {"name": one.name, "model": one.model, "note": one.note,
             "records": [_record(f"p{number}-{record.kind}", record, chunks) for record in one.records]}
            for number, one in enumerate(self.passes)
        ]  # fmt: skip
        names = " and ".join(one.name for one in self.passes if one.name)
        index = {"title": self.title or names or "Attention", "passes": passes}
        program = _program()
        digest = "sha256-" + base64.b64encode(hashlib.sha256(program.encode()).digest()).decode()
        parts = {
            "policy": f"default-src 'none'; script-src '{digest}'; style-src 'unsafe-inline'; img-src data: blob:",
            "title": html.escape(index["title"]),
            "style": _static("page.css"),
            "index": _json(index),
            "data": "\n".join(
                f'<script type="text/plain" id="{name}">{each}</script>' for name, each in chunks.items()
            ),
            "program": program,
        }
        text = re.sub(r"\{\{ (\w+) \}\}", lambda found: parts[found[1]], _static("page.html"))
        return text.encode("utf-8", "replace").decode()  # lone surrogates cannot be encoded

    def write(self, path: str | Path) -> Path:
        """Write the page to a file.

        Raises:
            SeqwrightError: There are more weights than a page holds, or the file cannot be written.
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
        """Return the page inside a frame, for notebooks."""
        inside = html.escape(self.html(), quote=True)
        return f'<iframe srcdoc="{inside}" sandbox="allow-scripts allow-downloads" style="width: 100%; height: {height}px; border: 0" title="attention"></iframe>'

    def _repr_html_(self) -> str:
        return self.frame()


def _record(name: str, record: AttentionRecord, chunks: dict[str, str]) -> dict[str, Any]:
    """Return a record's entry in the index, and add the numbers of each head to the chunks."""
    thumbnails = [thumbnail(head) for layer in record.weights for head in layer]
    made = record.projections
    parts = () if made is None else (made.queries, made.keys, made.values, made.scores)
    shown = 0 < sum(part.size for part in parts) <= MAX_PROJECTED
    for layer, head in np.ndindex(record.weights.shape[:2]):
        chunks[f"{name}-w-{layer}-{head}"] = encode_weights(record.weights[layer, head])
        if shown:
            chunks[f"{name}-q-{layer}-{head}"] = encode(*(part[layer, head].astype(np.float16) for part in parts))
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
        "thumbnails": {"rows": thumbnails[0].shape[0], "columns": thumbnails[0].shape[1], "data": encode(*thumbnails)},
        "measures": {rule: np.round(np.nan_to_num(found), 4).tolist() for rule, found in measures(record).items()},
        "projections": {"width": made.queries.shape[-1], "valueWidth": made.values.shape[-1], "scale": made.scale}
        if made is not None and shown
        else None,
        "projectionsMissing": TOO_LARGE if parts else NOT_RECORDED,
    }


def thumbnail(weights: Array) -> Array:
    """Shrink a head's weights to at most ``THUMBNAIL`` rows and columns, each cell the greatest of those it covers.

    >>> thumbnail(np.eye(48, dtype=np.float32)).shape
    (24, 24)
    """
    quantised = quantise(weights / max(float(weights.max()), 1e-30))
    shares = np.rint(quantised.shares * (np.rint(255 * quantised.greatest)[:, None] / 255)).astype(np.uint8)
    edges = [np.linspace(0, size, min(size, THUMBNAIL), endpoint=False).astype(int) for size in shares.shape]
    return np.maximum.reduceat(np.maximum.reduceat(shares, edges[0], axis=0), edges[1], axis=1)


def _json(index: dict[str, Any]) -> str:
    """Return JSON without characters that could end a script element."""
    text = json.dumps(msgspec.to_builtins(index), ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\x7f", "\\u007f")


def _program() -> str:
    """Return all modules as one program, in the order of the README, without imports and documentation."""
    text = "\n" + "\n".join(map(_static, re.findall(r"^- `(\w+\.js)`", _static("README.md"), re.MULTILINE)))
    text = re.sub(r"^ *(//[^\n]*|/\*\*.*?\*/)\n", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^(import [^;]*;\n|export (?=\w))", "", text, flags=re.MULTILINE)


def _static(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")

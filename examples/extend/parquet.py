r"""A data format: Parquet files, read through pyarrow (``pip install pyarrow``).

    seqwright --import examples/extend/parquet.py train words.parquet --source-column word --target-column sound --out sounds
    seqwright --import examples/extend/parquet.py evaluate sounds test.parquet

The ending of a file's name chooses the format, and a run remembers it with its columns.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec
from seqwright.data.formats import Format, RawRow


class Parquet(Spec, Format):
    """A table of columns in a Parquet file; ``source`` and ``target`` are the names of the two."""

    suffixes = (".parquet",)
    source: str = "source"
    target: str = "target"

    def rows(self, path: Path | str) -> Iterator[RawRow]:
        try:
            with parquet.ParquetFile(path) as file:
                missing = [name for name in (self.source, self.target) if name not in file.schema_arrow.names]
                if missing:
                    names = ", ".join(file.schema_arrow.names)
                    raise SeqwrightError(
                        f"there is no column {missing[0]}", where=str(path), fix=f"name one of {names}"
                    )
                yield from self._texts(file, str(path))
        except pa.ArrowInvalid as error:
            raise SeqwrightError(f"this is not a Parquet file: {error}", where=str(path), fix="name another") from error

    def _texts(self, file: parquet.ParquetFile, path: str) -> Iterator[RawRow]:
        number = 0
        for batch in file.iter_batches(columns=[self.source, self.target]):  # a part of the file at a time
            sources, targets = (batch[name].cast(pa.string()).to_pylist() for name in (self.source, self.target))
            for source, target in zip(sources, targets, strict=True):
                number += 1
                yield RawRow(source or "", target or "", (), f"{path}:{number}")  # a side that is empty is an error

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import msgspec
import pytest

import seqwright
from examples.extend.band_mask import BandMask
from seqwright.core.errors import SeqwrightError
from seqwright.core.model import build
from seqwright.core.place import Place, kinds, rooms_of
from seqwright.core.spec import Spec, diff, vary
from seqwright.models.transformer import TransformerSpec
from seqwright.nn.mask import CausalMask, NoMask
from seqwright.studies.ladder.rungs import MASKED, PADDING, TOKEN


def test_a_rung_is_the_one_below_and_its_part():
    assert diff(TOKEN, MASKED) == {"decoder.blocks.mixer.mask": ("NoMask", "CausalMask")}


def test_varying_there_and_back_changes_nothing():
    there = vary(MASKED, {"decoder.blocks.mixer.mask": NoMask()})
    assert there == TOKEN
    assert vary(there, {"decoder.blocks.mixer.mask": CausalMask()}) == MASKED


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("decoder.depth", 2, "StackSpec has no part 'depth'"),
        ("width.x", 2, "int has no part 'x'"),
        ("width", "eight", "Expected `int`"),
        ("decoder.position", CausalMask(), "CausalMask"),
        ("decoder.blocks.dropout", 1.0, "< 1.0"),
        ("encoder.layers", 0, ">= 1"),
    ],
)
def test_an_edit_that_does_not_fit_is_refused(path: str, value: object, told: str):
    with pytest.raises(SeqwrightError, match=told):
        vary(PADDING, {path: value})


def test_a_spec_that_cannot_be_built_is_refused():
    with pytest.raises(SeqwrightError, match="3 heads"):
        build(vary(PADDING, {"decoder.blocks.mixer.heads": 3}))
    with pytest.raises(SeqwrightError, match="< 1"):
        build(msgspec.structs.replace(PADDING, decoder=msgspec.structs.replace(PADDING.decoder, embedding_dropout=2.0)))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type":"Other"}', '{"type":"TransformerSpec","width":8}', b"\xff"])
def test_text_that_is_no_spec_is_refused(text: str | bytes):
    with pytest.raises(SeqwrightError, match="not a TransformerSpec"):
        TransformerSpec.from_json(text)


def test_a_part_from_outside_takes_its_place():
    spec = vary(MASKED, {"encoder.blocks.mixer.mask": BandMask(width=3)})
    assert TransformerSpec.from_json(spec.to_json()) == spec
    assert diff(MASKED, spec)["encoder.blocks.mixer.mask"] == ("NoMask", "BandMask")
    build(spec)


def test_an_unknown_kind_is_answered_with_those_that_there_are():
    text = MASKED.to_json().replace('"CausalMask"', '"CasualMask"')
    with pytest.raises(
        SeqwrightError, match=r"no Mask called CasualMask.*choose one of: .*CausalMask \(The causal"
    ) as caught:
        TransformerSpec.from_json(text)
    assert "$.decoder.blocks.mixer.mask" in str(caught.value)


def test_the_path_of_a_misfit_inside_a_part_is_whole():
    with pytest.raises(SeqwrightError, match=r"\$\.encoder\.blocks\.mixer\.mask\.width"):
        TransformerSpec.from_json(
            vary(MASKED, {"encoder.blocks.mixer.mask": BandMask(width=3)}).to_json().replace('"width":3', '"width":"x"')
        )


def test_members_of_a_tuple_have_numbers_in_their_paths():
    block = MASKED.encoder.each()[0]
    spec = vary(MASKED, {"encoder.blocks": (block, block)})
    other = vary(spec, {"encoder.blocks.1.feedforward.inner": 5})
    assert diff(spec, other) == {"encoder.blocks.1.feedforward.inner": (8, 5)}
    with pytest.raises(SeqwrightError, match="tuple has no part '2'"):
        vary(spec, {"encoder.blocks.2.feedforward.inner": 5})


def _places(above: type[Place] = Place) -> Iterator[type[Place]]:
    for place in above.__subclasses__():
        if place.__module__.startswith("seqwright.") and not issubclass(place, Spec):
            yield from (place, *_places(place))


def test_every_kind_of_a_place_is_found_by_name_before_anybody_has_imported_it():
    for module in walk_packages(seqwright.__path__, "seqwright."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    found = list(_places())
    assert len(found) > 30
    for place in found:
        for kind in kinds(place).values():
            if kind.__module__.startswith("seqwright."):
                assert kind.__module__.rpartition(".")[0] in rooms_of(place), (place, kind)

"""The doctor's exam: sequence models with one fault each, and healthy ones that look odd."""

from . import (
    bert,
    gpt2,
    gpt_losses,
    gpt_masks,
    gpt_parts,
    gpt_places,
    healthy,
    native,
    recurrent,
    t5,
    torch_encoder,
    torch_transformer,
)
from .case import Case, Subject

FAULTY: tuple[Case, ...] = (
    *native.CASES,
    *torch_transformer.CASES,
    *torch_encoder.CASES,
    *gpt_masks.CASES,
    *gpt_places.CASES,
    *gpt_parts.CASES,
    *gpt_losses.CASES,
    *gpt2.CASES,
    *bert.CASES,
    *t5.CASES,
    *recurrent.CASES,
)
CASES: tuple[Case, ...] = FAULTY + healthy.CASES

__all__ = ["CASES", "FAULTY", "Case", "Subject"]

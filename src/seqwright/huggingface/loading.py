"""Models and tokenizers of the ``transformers`` library, from a folder, a package or the local cache."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from seqwright.core.errors import SeqwrightError


def transformers() -> Any:
    """Import and return the library.

    Raises:
        SeqwrightError: It is not installed.
    """
    try:
        import transformers
    except ImportError as error:
        raise SeqwrightError(
            "Hugging Face models need the transformers package", fix="pip install 'seqwright[huggingface]'"
        ) from error
    transformers.utils.logging.disable_progress_bar()
    return transformers


def folder_of(name: str | Path) -> str:
    """Return the folder of a model, also one inside an installed package; a name that is neither is returned as it is.

    No code of the package is executed.
    """
    if Path(name).is_dir() or not str(name).isidentifier():
        return str(name)
    found = find_spec(str(name))
    for path in found.submodule_search_locations or () if found else ():
        for folder in (Path(path), Path(path) / "model"):
            if (folder / "config.json").exists():
                return str(folder)
    return str(name)


def load_model(name: str | Path) -> Any:
    """Load the model that a folder's configuration names, in eval mode; weights are read from safetensors, never unpickled.

    Args:
        name: a folder, an installed package that contains one, or the name of a model in the local cache.

    Raises:
        SeqwrightError: There is no model, or its weights cannot be read.
    """
    library, folder = transformers(), folder_of(name)
    try:
        config = library.AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise SeqwrightError(
            "there is no run and no Hugging Face model in this folder, and none of this name in the local cache",
            where=str(name),
            fix="give a folder with a run.json or a config.json",
        ) from error
    names = config.architectures or ["AutoModel"]
    kind = getattr(library, names[0], library.AutoModel)
    try:
        model = kind.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
    except (OSError, ValueError, SafetensorError) as error:
        problem = f"the weights cannot be read: {_first_line(error)}"
        raise SeqwrightError(problem, where=str(name), fix="give a folder with model.safetensors") from error
    model.config.name_or_path = str(name)  # the name that the page shows
    return model


def load_tokenizer(name: str | Path) -> Any:
    """Load the tokenizer of a folder.

    Raises:
        SeqwrightError: There is none.
    """
    try:
        return transformers().AutoTokenizer.from_pretrained(folder_of(name), local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        fix = "save the tokenizer beside the model (tokenizer.save_pretrained)"
        raise SeqwrightError(f"there is no tokenizer: {_first_line(error)}", where=str(name), fix=fix) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

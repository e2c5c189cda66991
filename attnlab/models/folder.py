"""A saved model on disk, looked at before anything is loaded: every way it can be wrong has its own sentence."""

import hashlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

from attnlab.words import InputError

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model", "*.spm", "tekken.json", "tokenizer.model.*")
HEADER = 8  # a safetensors file begins with the length of its header, eight bytes


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a folder. Raises InputError where there is none or where it is not JSON."""
    file = folder / "config.json"
    if not file.is_file():
        raise InputError("error.no_config", folder=folder)
    try:
        config = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise InputError("error.broken_config", file=file, reason=error) from None
    if not isinstance(config, dict):
        raise InputError("error.broken_config", file=file, reason="not an object")
    return config


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder, each of them whole. Raises InputError that says what is wrong."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        pickled = sorted(file.name for kind in PICKLES for file in folder.glob(kind))
        if pickled:
            raise InputError("error.pickled", folder=folder, files=", ".join(pickled))
        raise InputError("error.no_weights", folder=folder)
    for file in files:
        read_header(file)
    return files


def read_header(file: Path) -> dict[str, Any]:
    """Names, types, shapes and places of a safetensors file's tensors. Raises InputError for a file that was cut short."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(HEADER), "little")
        try:
            if HEADER + length > size:
                raise ValueError("the header is cut short")
            header = json.loads(stream.read(length))
            header.pop("__metadata__", None)
            end = max((tensor["data_offsets"][1] for tensor in header.values()), default=0)
        except (ValueError, KeyError, TypeError, AttributeError, MemoryError):
            raise InputError("error.broken_weights", file=file, size=size) from None
    if HEADER + length + end != size:
        raise InputError("error.broken_weights", file=file, size=size)
    return header


def check_tokenizer(folder: Path) -> None:
    """Raises InputError when a folder holds no tokenizer at all (transformers would make up an empty one)."""
    if not any(next(folder.glob(name), None) for name in TOKENIZERS):
        raise InputError("error.no_tokenizer", folder=folder)


def fingerprint(files: list[Path]) -> str:
    """sha256 over the files, in hexadecimal."""
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 22):
                total.update(chunk)
    return total.hexdigest()


def open_tokenizer(transformers: ModuleType, folder: Path) -> Any:
    try:
        return transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # whatever a stranger's file makes the tokenizer library raise
        raise InputError("error.broken_tokenizer", folder=folder, reason=first_line(error)) from error


def open_module(transformers: ModuleType, folder: Path, family: str) -> Any:
    """The weights in float32, through our attention function where the family knows such functions."""
    safe = {"trust_remote_code": False, "local_files_only": True}
    try:
        config = transformers.AutoConfig.from_pretrained(folder, **safe)
        kind = transformers.AutoModelForSeq2SeqLM if config.is_encoder_decoder else transformers.AutoModel
        how = {"attn_implementation": "eager", "dtype": "float32", "use_safetensors": True, "output_loading_info": True}
        module, info = kind.from_pretrained(folder, config=config, **how, **safe)
    except Exception as error:  # whatever a stranger's configuration makes transformers raise
        raise InputError("error.cannot_load", folder=folder, family=family, reason=first_line(error)) from error
    missing = sorted(key for key in info["missing_keys"] if "pooler" not in key)
    if missing:  # transformers would fill them with random numbers
        raise InputError("error.missing_weights", folder=folder, n=len(missing), first=missing[0])
    return module


def first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)

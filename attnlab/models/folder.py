"""A saved model on disk, looked at before anything is loaded: every way it can be wrong has its own sentence."""

import hashlib
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any

from attnlab.untrusted import first_line, parsing, read_json, sizes_in, tensors_in
from attnlab.words import InputError

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model", "*.spm", "tekken.json", "tokenizer.model.*")
CONFIG, TOKENIZER = 2 * 2**20, 64 * 2**20  # bytes of a config.json and of a tokenizer.json
TURNS, GROWTH = ("normalizer", "pre_tokenizer"), 64  # rules that change a text, and how many times as long it may become
LAYER_NAMES = ("(n|num)_(.+_)?layers?", "(.+_)?layers", "depth")  # what families call their number of layers
WIDTH_NAMES = ("vocab_size", "(d|n)_(model|embd|inner|ff)", "(.+_)?(hidden|intermediate)_size", "(.+_)?ffn_dim", "d_kv", "head_dim")
SIZE = 2**31  # of any number in a config.json


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a folder. Raises InputError where there is none or where it is not JSON."""
    file = folder / "config.json"
    if not file.is_file():
        raise InputError("error.no_config", folder=folder)
    with parsing(lambda reason: InputError("error.broken_config", file=file, reason=reason)), file.open("rb") as stream:
        config = read_json(stream.read(CONFIG + 1).decode("utf-8"), most=CONFIG)
    if not isinstance(config, dict):
        raise InputError("error.broken_config", file=file, reason="not an object")
    return config


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder, each of them whole. Raises InputError that says what is wrong."""
    files = sorted(file for file in folder.glob("*.safetensors") if file.is_file())
    if not files:
        pickled = sorted(file.name for kind in PICKLES for file in folder.glob(kind))
        if pickled:
            raise InputError("error.pickled", folder=folder, files=", ".join(pickled))
        raise InputError("error.no_weights", folder=folder)
    for file in files:
        read_header(file)
    return files


def read_header(file: Path) -> dict[str, Any]:
    """Names, types, shapes and places of a safetensors file's tensors. Raises InputError for a file that was cut short or made up."""
    size = file.stat().st_size if file.is_file() else 0
    with parsing(lambda _: InputError("error.broken_weights", file=file, size=size)):
        return tensors_in(file)


def check_tokenizer(folder: Path) -> None:
    """Raises InputError when a folder holds no tokenizer at all (transformers would make up an empty one)."""
    if not any(next(folder.glob(name), None) for name in TOKENIZERS):
        raise InputError("error.no_tokenizer", folder=folder)


def judge_tokenizer(folder: Path) -> None:
    """Raises InputError for a tokenizer.json whose rules, one after the other, can make a text endlessly long."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        return
    with parsing(lambda reason: InputError("error.broken_tokenizer", folder=folder, reason=reason)), file.open("rb") as stream:
        said = read_json(stream.read(TOKENIZER + 1), most=TOKENIZER)
        growth = prod(max(1, len(content)) for section in TURNS for content in texts_put_in(said.get(section)))
        if growth > GROWTH:
            raise ValueError("its rules can make a text endlessly long")


def texts_put_in(said: Any) -> list[str]:
    """What a tokenizer's rules put in the place of something else, or before it."""
    found, inside = [], [said]
    while inside:
        each = inside.pop()
        if isinstance(each, dict):
            found += [str(each.get({"Replace": "content", "Prepend": "prepend"}.get(str(each.get("type")), "")) or "")]
        if isinstance(each, dict | list):
            inside += list(each.values() if isinstance(each, dict) else each)
    return found


def judge_config(folder: Path, config: dict[str, Any], files: list[Path]) -> None:
    """Raises InputError for a configuration that asks for far more than its weights hold. Nothing is allocated."""
    headers = [read_header(file) for file in files]
    tensors, stored = sum(map(len, headers)), sum(prod(tensor["shape"]) for header in headers for tensor in header.values())
    largest, layers = sizes_in(config, [".+"]), sizes_in(config, LAYER_NAMES)
    if layers > tensors or largest > SIZE or any(sizes_in(config, [name]) > stored for name in WIDTH_NAMES):
        reason = f"its config.json asks for more than its {tensors} tensors hold"
        raise InputError("error.cannot_load", folder=folder, family=str(config.get("model_type", "?"))[:60], reason=reason)


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


def open_module(transformers: ModuleType, folder: Path, family: str, dtype: str = "float32") -> Any:
    """The weights in this precision, with the output for next or hidden tokens where the folder says that there is one."""
    safe = {"trust_remote_code": False, "local_files_only": True}
    try:
        config = transformers.AutoConfig.from_pretrained(folder, **safe)
        kind = kind_of(transformers, config)
        how = {"attn_implementation": "eager", "dtype": dtype, "use_safetensors": True, "output_loading_info": True}
        module, info = kind.from_pretrained(folder, config=config, **how, **safe)
    except Exception as error:  # whatever a stranger's configuration makes transformers raise
        raise InputError("error.cannot_load", folder=folder, family=family, reason=first_line(error)) from error
    missing = sorted(key for key in info["missing_keys"] if "pooler" not in key)
    if missing:  # transformers would fill them with random numbers
        raise InputError("error.missing_weights", folder=folder, n=len(missing), first=missing[0])
    return module


def kind_of(transformers: ModuleType, config: Any) -> Any:
    """The class that a configuration was saved from, as far as it matters here: with which output."""
    if config.is_encoder_decoder:
        return transformers.AutoModelForSeq2SeqLM
    saved = (config.architectures or [""])[0]
    if saved.endswith(("ForCausalLM", "LMHeadModel")):
        return transformers.AutoModelForCausalLM
    return transformers.AutoModelForMaskedLM if saved.endswith("ForMaskedLM") else transformers.AutoModel

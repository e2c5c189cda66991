"""An in-house model on disk: config.json, tokenizer.json and model.safetensors, and every way in which they can be wrong."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from math import prod
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch
from safetensors.torch import load_file, save
from tokenizers import Tokenizer

from attnlab.core.trace import Stack
from attnlab.files import make_folder, write
from attnlab.models.folder import fingerprint, judge_tokenizer, read_config, read_header
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.models.spec import Shape, Spec
from attnlab.untrusted import parsing
from attnlab.words import InputError

FORMAT = "attnlab-1"
WEIGHTS = "model.safetensors"
NAMES = {"pad": ("[PAD]",), "bos": ("[BOS]", "[CLS]"), "eos": ("[EOS]", "[SEP]"), "unk": ("[UNK]",)}
Precision = Literal["float16", "bfloat16", "float32"]
AT_MOST = 2**24  # of any number in a configuration
AT_LEAST = {"encoder_layers": 0, "decoder_layers": 0, "target_vocab": 0, "classes": 0, "segments": 0}  # every other number: 1


@dataclass(frozen=True)
class About:
    """config.json: the shape of the model and what its numbers mean.

    labels: the names of the classes; specials: ids of pad, bos, eos and unk; source and licence: of the weights, to be shown.
    """

    config: Config
    specials: Mapping[str, int]
    labels: tuple[str, ...] = ()
    source: str = ""
    licence: str = ""

    def to_json(self) -> str:
        rest = {"specials": dict(self.specials), "labels": list(self.labels), "source": self.source, "licence": self.licence}
        return json.dumps({"format": FORMAT, **asdict(self.config), **rest}, ensure_ascii=False, indent=1) + "\n"


def read_about(folder: Path) -> About:
    """config.json, checked. Raises InputError for another format, and for a field that is missing or cannot be."""
    file, said = folder / "config.json", read_config(folder)
    if said.get("format") != FORMAT:
        raise InputError("error.format", folder=folder, given=said.get("format"), known=FORMAT)
    config = read_fields(file, said)
    specials = said.get("specials", {name: i for i, name in enumerate(NAMES)})
    good = isinstance(specials, dict) and set(specials) == set(NAMES)
    if not good or not all(type(i) is int and 0 <= i < (config.target_vocab or config.vocab) for i in specials.values()):
        raise InputError("error.config_field", file=file, field="specials", given=specials)
    labels = said.get("labels", [])
    named = isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    if not named or (config.task == "classify" and len(labels) != config.classes):
        raise InputError("error.config_field", file=file, field="labels", given=labels)
    return About(config, specials, tuple(labels), str(said.get("source", "")), str(said.get("licence", "")))


def read_fields(file: Path, said: Mapping[str, Any]) -> Config:
    """The Config in a config.json. Raises InputError that names the first field that is wrong."""
    hints, given = get_type_hints(Config), {}
    for field in fields(Config):
        value = said.get(field.name, field.default)
        if value is MISSING or not fits(value, hints[field.name], AT_LEAST.get(field.name, 1)):
            raise InputError("error.config_field", file=file, field=field.name, given="nothing" if value is MISSING else value)
        given[field.name] = value
    config = Config(**given)
    stacks = stacks_of(config)
    if any(shape.layers < 1 for shape in stacks.values()):
        raise InputError("error.config_field", file=file, field="encoder_layers, decoder_layers", given=[s.layers for s in stacks.values()])
    return config


def fits(value: object, kind: Any, least: int) -> bool:
    """Whether a value from JSON is one that a field of this type can have."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1
    return type(value) is kind and (kind is bool or least <= value <= AT_MOST)  # type: ignore[operator]


def stacks_of(config: Config) -> dict[Stack, Shape]:
    """The attention stacks that a configuration has."""
    found: dict[Stack, Shape] = {}
    if config.task != "generate":
        found["encoder"] = Shape(config.encoder_layers, config.n_heads)
    if config.task in ("translate", "generate"):
        found["decoder"] = Shape(config.decoder_layers, config.n_heads)
    if config.task == "translate":
        found["cross"] = Shape(config.decoder_layers, config.n_heads)
    return found


def read_spec(folder: Path, name: str) -> Spec:
    """The facts of a saved model, from its configuration and the header of its weights."""
    about, file = read_about(folder), weights_file(folder)
    parameters = sum(prod(tensor["shape"]) for tensor in read_header(file).values())
    return describe(about, name, fingerprint([file])[:8], parameters)


def describe(about: About, name: str, revision: str, parameters: int) -> Spec:
    config = about.config
    return Spec(
        name,
        revision,
        "attnlab",
        config.task,
        stacks_of(config),
        config.d_model,
        config.d_head,
        config.d_ff,
        config.vocab,
        config.max_tokens,
        config.positions,
        parameters,
        source=about.source,
        licence=about.licence,
        predicts={"generate": "next", "fill": "hole"}.get(config.task),  # type: ignore[arg-type]
    )


def weights_file(folder: Path) -> Path:
    """Where the weights are. Raises InputError where they are not."""
    if not (folder / WEIGHTS).is_file():
        raise InputError("error.no_weights", folder=folder)
    return folder / WEIGHTS


def read_tokenizer(folder: Path, about: About) -> Tokenizer:
    """The tokenizer, which reads "[EOS]" as the text it is. Raises InputError for one that is missing, broken or too big."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise InputError("error.no_tokenizer", folder=folder)
    judge_tokenizer(folder)
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises plain Exception
        raise InputError("error.broken_tokenizer", folder=folder, reason=str(error).splitlines()[0]) from None
    largest, known = max(tokenizer.get_vocab().values(), default=0), about.config.target_vocab or about.config.vocab
    if largest >= min(about.config.vocab, known):
        raise InputError("error.tokenizer_vocab", folder=folder, given=largest + 1, known=min(about.config.vocab, known))
    return literal(tokenizer)


def literal(tokenizer: Tokenizer) -> Tokenizer:
    """A copy that neither pads nor truncates, and for which "[PAD]" in a text is a text."""
    tokenizer = Tokenizer.from_str(tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return tokenizer


def read_module(folder: Path, about: About) -> Transformer:
    """The weights in float32. Nothing is allocated before the file is known to hold what the configuration says.

    Raises InputError for weights that are missing, cut short, of another shape, or not finite.
    """
    file = weights_file(folder)
    there = {name: tuple(tensor["shape"]) for name, tensor in read_header(file).items()}
    config = about.config
    if 4 * (config.encoder_layers + config.decoder_layers) > len(there):  # every layer has more than four tensors
        raise InputError("error.shapes", file=file, name="layers", given=len(there), wanted="more")
    with parsing(lambda why: InputError("error.shapes", file=file, name="config.json", given=why, wanted="less")), torch.device("meta"):
        module = Transformer(config, pad=about.specials["pad"])
    wanted = {name: tuple(tensor.shape) for name, tensor in module.named_parameters()}
    for name in [*wanted, *there]:
        if wanted.get(name) != there.get(name):
            raise InputError("error.shapes", file=file, name=name, given=there.get(name), wanted=wanted.get(name))
    try:
        tensors = load_file(file)
    except Exception:  # the library's own kinds
        raise InputError("error.broken_weights", file=file, size=file.stat().st_size) from None
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or not bool(tensor.isfinite().all()):
            raise InputError("error.not_finite", file=file, name=name)
    module.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, strict=False, assign=True)
    module.tie()
    return module.eval().requires_grad_(False)


def write_model(folder: Path, about: About, module: Transformer, tokenizer: Tokenizer, precision: Precision) -> None:
    """Write all three files, each at once or not at all, config.json last.

    Raises InputError for weights that are not finite, and for a folder that cannot be written.
    """
    tensors = {name: tensor.detach().to("cpu", getattr(torch, precision)).contiguous() for name, tensor in module.named_parameters()}
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise InputError("error.not_finite", file=folder / WEIGHTS, name=name)
    make_folder(folder)
    write(folder / WEIGHTS, save(tensors, {"format": FORMAT}), force=True)
    write(folder / "tokenizer.json", tokenizer.to_str(pretty=False).encode(), force=True)
    write(folder / "config.json", about.to_json().encode(), force=True)

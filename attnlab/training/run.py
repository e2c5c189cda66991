"""One training from a plan to a model folder: what the command line and the Train page both call."""

import json
import re
from collections.abc import Generator, Sequence
from dataclasses import asdict
from pathlib import Path

from torch import nn

from attnlab.files import make_folder, sole_writer, write
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.training.births import inherit, watch
from attnlab.training.checkpoint import NAME, kept_name, load_checkpoint, load_fork, save_checkpoint
from attnlab.training.data import Batch
from attnlab.training.distillation import Teacher
from attnlab.training.loop import Progress, Scores, Trainer
from attnlab.training.loss import cross_entropy
from attnlab.training.material import Material, prepare
from attnlab.training.plan import Plan
from attnlab.training.snapshots import snapshot
from attnlab.words import InputError

BY_LOSS = ("translate", "generate", "write", "fill")  # tasks whose best state is that of the lowest loss; of the others the most right

TEACHER = "teacher"  # where the folder of a student has its teacher's maps
ALWAYS = ("encoder_norm.", "decoder_norm.", "pool.", "out.")  # what learns even where no layer does


def validate(module: nn.Module, valid: Sequence[Batch], teacher: Teacher | None = None) -> Scores:
    """Mean loss and accuracy per wanted token (or per sentence for a classifier) on held-out batches; and the distance to a teacher."""
    loss = hits = tokens = distance = 0.0
    for batch in valid:
        x = module.hidden(batch.source, batch.target)  # type: ignore[operator]
        loss += float(cross_entropy(x, module.out, batch.wanted))  # type: ignore[arg-type]
        said = module.out(x).argmax(-1).view(batch.wanted.shape)  # type: ignore[operator]
        hits += float((said == batch.wanted).sum())
        tokens += batch.tokens
        distance += 0.0 if teacher is None else float(teacher.distance(module, batch))
    return {"loss": loss / tokens, "accuracy": hits / tokens} | ({} if teacher is None else {"distance": distance / tokens})


def run(
    wanted: Plan,
    folder: Path,
    *,
    resume: bool = False,
    material: Material | None = None,
    keep: int = 0,
    fork: tuple[Path, int] | None = None,
) -> Generator[Progress]:
    """Train and leave a model in `folder`: weights, config, tokenizer, checkpoint, snapshots. Yields after every step.

    Stopping early (closing the generator) saves a checkpoint; resume goes on from it to the very weights of an uninterrupted run.
    keep: leave the state of every so many-th validated step too (0: of none). fork: begin as another training's folder stood at a step
    that it kept; with the same plan the rest is that training's, to the last bit. What a decoder's heads learn is written down, see
    `births`.
    """
    check_folder(folder, resume=resume)
    make_folder(folder)
    with sole_writer(folder):
        yield from train(wanted, folder, resume=resume, material=material, keep=keep, fork=fork)


def check_folder(folder: Path, *, resume: bool) -> None:
    """Raises InputError for a folder that cannot be one, and for one with a training that is not to go on."""
    if folder.exists() and not folder.is_dir():
        raise InputError("error.unwritable", file=folder)
    if (folder / NAME).exists() and not resume:
        raise InputError("error.run_exists", folder=folder)


def train(
    wanted: Plan, folder: Path, *, resume: bool, material: Material | None, keep: int, fork: tuple[Path, int] | None
) -> Generator[Progress]:
    """The training itself. A checkpoint is left whenever it ends, even before its first step."""
    here = prepare(wanted) if material is None else material
    better = "-loss" if wanted.kind in BY_LOSS else "accuracy"
    trainer = Trainer(here.module, wanted.recipe, better=better, still=still(here.module, wanted.last))
    if resume:
        load_checkpoint(folder, trainer)
    elif fork is not None:
        load_fork(fork[0], trainer, fork[1])
        inherit(fork[0], folder, fork[1])
    trainer.silent = [way_out(here.module.config, head) for head in wanted.without]
    trainer.silence()
    probes = wanted.probes or here.probes
    if here.teacher is not None:
        snapshot(folder / TEACHER, 0, InHouse(here.teacher, here.tokenizer), probes)
        trainer.teacher = Teacher(here.teacher.to(trainer.parameters[0].dtype), wanted.temperature)
    write(folder / "plan.json", json.dumps(asdict(wanted), default=str, indent=1).encode(), force=True)
    saved = trainer.step

    def save() -> None:
        nonlocal saved
        save_checkpoint(folder, trainer)
        saved = trainer.step

    try:
        if trainer.step == 0 or not resume:
            snapshot(folder, trainer.step, finished(trainer, here, wanted), probes)
        for progress in trainer.run(here.from_step(trainer.step), lambda module: validate(module, here.valid, trainer.teacher)):
            if progress.scores:
                save()
                if keep and -(-trainer.step // wanted.recipe.validate_every) % keep == 0:
                    save_checkpoint(folder, trainer, file=kept_name(trainer.step))
                model = finished(trainer, here, wanted)
                snapshot(folder, progress.step, model, probes)
                if wanted.kind == "write":
                    watch(folder, progress.step, model.module)
                if progress.better:
                    model.save(folder)
            yield progress
    finally:
        if trainer.step > saved or not (folder / NAME).exists():
            save()
    if not wanted.recipe.patience:  # without early stopping the last weights (or their mean) are the result, not the best
        finished(trainer, here, wanted).save(folder)


def still(module: Transformer, last: int | None) -> tuple[str, ...]:
    """The weights that do not learn when only so many of the last layers of each stack do, beside norms after them, pooling and output."""
    if last is None:
        return ()
    layers = {"encoder": module.config.encoder_layers, "decoder": module.config.decoder_layers}
    learns = [f"{stack}.{i}." for stack, n in layers.items() for i in range(max(0, n - last), n)]
    return tuple(name for name, _ in module.named_parameters() if not name.startswith((*learns, *ALWAYS)))


def way_out(config: Config, head: str) -> tuple[str, slice]:
    """Where a head such as "L0H2" writes: the name of its matrix, and its columns there. Of a translator a head of the decoder.

    Raises InputError for a head that the model has not.
    """
    stack = "decoder" if config.task in ("translate", "generate") else "encoder"
    layers = getattr(config, f"{stack}_layers")
    found = re.fullmatch(r"L(\d+)H(\d+)", head)
    layer, number = map(int, found.groups()) if found else (layers, 0)
    if layer >= layers or number >= config.n_heads:
        raise InputError("error.without", given=head, last=f"L{layers - 1}H{config.n_heads - 1}")
    return f"{stack}.{layer}.attention.w_o.weight", slice(number * config.d_head, (number + 1) * config.d_head)


def finished(trainer: Trainer, here: Material, wanted: Plan) -> InHouse:
    """The model as it would be kept now, in float32 and on its own weights."""
    module = Transformer(here.module.config, pad=here.module.pad)
    module.load_state_dict(trainer.result(), strict=False)
    return InHouse(module, here.tokenizer, labels=here.labels, source=wanted.source, licence=wanted.licence)

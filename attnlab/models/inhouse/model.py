"""The in-house Transformer as a model like any other: text in, trace out; and what it was trained for, translating to filling holes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from weakref import ref

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from attnlab.core.edits import Edit
from attnlab.core.trace import Array, Tokens, Trace
from attnlab.models.edits import check_tokens, interventions
from attnlab.models.filling import MASK
from attnlab.models.folder import fingerprint
from attnlab.models.inhouse import saved
from attnlab.models.inhouse.decoding import Decoded, Ids, Rules, beam_search
from attnlab.models.inhouse.pieces import groups, joined, padded, trimmed, word_numbers
from attnlab.models.inhouse.sampling import sample
from attnlab.models.inhouse.saved import NAMES, WEIGHTS, About, Precision
from attnlab.models.inhouse.stepping import Stepper
from attnlab.models.inhouse.transformer import Task, Transformer
from attnlab.models.inhouse.writing import Draft, begin
from attnlab.models.recorder import Call, Intervention, Shared, intervening, one, recording, sublayer
from attnlab.models.spec import BEAM, PENALTY, Pass, PositionChange, Spec
from attnlab.models.tokens import Alphabets, check_text, encode_fast
from attnlab.words import InputError


@dataclass(frozen=True, eq=False)
class TargetLoss:
    """What a translation costs the model, token by token, its end included. losses: -log p in nats [m]."""

    tokens: tuple[str, ...]
    losses: Array

    @property
    def loss(self) -> float:
        return float(self.losses.mean())

    @property
    def perplexity(self) -> float:
        return math.exp(self.loss)


class InHouse:
    """A Transformer with its tokenizer. Nothing on it changes after loading, so threads may share it."""

    def __init__(
        self,
        module: Transformer,
        tokenizer: Tokenizer,
        *,
        name: str = "new",
        revision: str = "new",
        labels: Sequence[str] = (),
        source: str = "",
        licence: str = "",
    ) -> None:
        self.module = module.float().eval().requires_grad_(False)
        self.tokenizer = saved.literal(tokenizer)
        known = self.tokenizer.get_vocab()
        specials = {key: next((known[n] for n in names if n in known), i) for i, (key, names) in enumerate(NAMES.items())}
        named = tuple(labels) or tuple(map(str, range(module.config.classes)))
        self._set(About(module.config, specials, named, source, licence), name, revision)

    def _set(self, about: About, name: str, revision: str) -> None:
        self.about, self.labels = about, about.labels
        self.pad, self.bos, self.eos, self.unk = (about.specials[key] for key in NAMES)
        self.spec = saved.describe(about, name, revision, sum(p.numel() for p in self.module.parameters()))
        self.mask = self.tokenizer.token_to_id(MASK) if self.spec.task == "fill" else None
        marked = "Metaspace" in str(self.tokenizer.decoder)
        self._alphabet = Alphabets("spaces" if marked else "plain", frozenset((self.pad, self.bos, self.eos)))

    @property
    def editable(self) -> frozenset[tuple[str, str]]:
        """See attnlab.models.spec.Model."""
        both = frozenset((s, p) for s in self.spec.stacks for p in ("before", "attention", "feed_forward", "embedding") if s != "cross")
        return both | {("decoder", "cross")} if "cross" in self.spec.stacks else both

    @classmethod
    def load(cls, folder: Path, name: str) -> "InHouse":
        """A model that `save` wrote. Raises InputError that says which file is wrong and how."""
        about = saved.read_about(folder)
        model = cls(saved.read_module(folder, about), saved.read_tokenizer(folder, about), name=name)
        model._set(about, name, fingerprint([folder / WEIGHTS])[:8])
        return model

    @staticmethod
    def read_spec(folder: Path, name: str) -> Spec:
        """The facts of a saved model without its weights."""
        return saved.read_spec(folder, name)

    def save(self, folder: Path, *, precision: Precision = "float16") -> None:
        """Write weights, configuration and tokenizer. Raises InputError where that cannot be done, or weights are not finite."""
        saved.write_model(folder, self.about, self.module, self.tokenizer, precision)

    # Text in

    def tokenize(self, text: str, pair: str | None = None) -> Tokens:
        """The tokens that the encoder, or a decoder alone, reads. Raises InputError for no text, and for a second one."""
        if pair is not None:
            raise InputError("error.no_pair", model=self.spec.name)
        tokens = self._pieces(text)
        if self.spec.task == "generate":
            return joined(self._special(self.bos), tokens)
        if self.spec.task == "tag" or any(tokens.special):
            return tokens
        ended = joined(tokens, self._special(self.eos))
        return joined(self._special(self.bos), ended) if self.spec.task == "fill" else ended

    def read(self, text: str) -> Tokens:
        """The same, when it is not too long. Raises InputError with both numbers when it is."""
        return self._short(self.tokenize(text))

    def read_target(self, text: str) -> Tokens:
        """A target as the decoder reads it: a start token, then its pieces. Raises InputError for no text or too much."""
        self._must("translate")
        return self._short(joined(self._special(self.bos), self._pieces(text)))

    def target_ids(self, text: str) -> tuple[int, ...]:
        """The pieces of a target without start and end: what `decode` can be forced to begin with."""
        return self.read_target(text).ids[1:] if text.strip() else ()

    def target_of(self, ids: Sequence[int]) -> Tokens:
        """Written ids as the decoder reads them. Offsets are places in `text_of(ids)`, None where its pieces were others."""
        text = self.text_of(ids)
        if text:
            again = self._pieces(text)
            if again.ids == tuple(ids):
                return joined(self._special(self.bos), again)
        raw = [self.tokenizer.id_to_token(i) or f"⟨#{i}⟩" for i in ids]
        special = tuple(i in self._alphabet.specials for i in ids)
        words = word_numbers(raw, special, marked=self._alphabet.kind == "spaces")
        shown = tuple(map(self.show, ids))
        return joined(self._special(self.bos), Tokens(shown, tuple(ids), special, words, (None,) * len(ids), (0,) * len(ids)))

    def show(self, i: int) -> str:
        """A piece by its id, as text that can be read."""
        piece = self.tokenizer.id_to_token(i) or f"⟨#{i}⟩"
        return piece if i in self._alphabet.specials else self._alphabet.show(piece)

    def text_of(self, ids: Sequence[int]) -> str:
        """Pieces as a sentence, without padding, start and end; what the vocabulary has not is [UNK]."""
        said = [i for i in ids if i not in self._alphabet.specials]
        return str(self.tokenizer.decode(said, skip_special_tokens=False)).strip()

    def _pieces(self, text: str) -> Tokens:
        tokens = encode_fast(self.tokenizer, self._alphabet, [check_text(text)])
        if all(tokens.special):
            raise InputError("error.empty")
        spans = tuple(None if span is None else trimmed(text, *span) for span in tokens.offsets)
        return Tokens(tokens.pieces, tokens.ids, tokens.special, tokens.words, spans, tokens.segments)

    def _special(self, i: int) -> Tokens:
        return Tokens((self.tokenizer.id_to_token(i) or f"⟨#{i}⟩",), (i,), (True,), (None,), (None,), (0,))

    def _short(self, tokens: Tokens) -> Tokens:
        if len(tokens) > self.module.config.max_tokens:
            raise InputError("error.too_long", n=len(tokens), limit=self.module.config.max_tokens)
        return tokens

    def _must(self, *tasks: Task) -> None:
        if self.spec.task not in tasks:
            raise InputError("error.not_task", model=self.spec.name, wanted=tasks[0], task=self.spec.task)

    # Trace out

    def trace(
        self,
        text: str,
        pair: str | None = None,
        *,
        target: str | None = None,
        positions: PositionChange = None,
        edits: Sequence[Edit] = (),
        written: Sequence[int] | None = None,
    ) -> Trace:
        """One forward pass, recorded. See attnlab.models.spec.Model. written: the target as ids, where `decode` has made them."""
        source = self._short(self.tokenize(text, pair))
        at, changes = self._checked(positions, len(source)), interventions(self, edits)
        if self.spec.task != "translate":
            if target is not None or written is not None:
                raise InputError("error.no_target", model=self.spec.name, task=self.spec.task)
            n = len(source)
            check_tokens(edits, dict.fromkeys(self.spec.stacks, (n, n)))
            return self._edited([text], [source], None, at, edits, changes)
        if target is not None:
            wrote = self.read_target(target)
        elif written is not None:
            wrote = self._short(self.target_of(tuple(written)))
        else:
            with intervening(changes):
                wrote = self._short(self.target_of(self._decode([source], keep=False)[0].best.ids))
        n, m = len(source), len(wrote)
        check_tokens(edits, {"encoder": (n, n), "decoder": (m, m), "cross": (m, n)})
        return self._edited([text], [source], [wrote], at, edits, changes, given=target)

    def _edited(
        self,
        texts: Sequence[str],
        sources: Sequence[Tokens],
        targets: Sequence[Tokens] | None,
        at: PositionChange,
        edits: Sequence[Edit],
        changes: Sequence[Intervention],
        given: str | None = None,
    ) -> Trace:
        """One trace under edits, which it says."""
        with intervening(changes):
            trace = self._traces(texts, sources, targets, at, given)[0]
        return replace(trace, edits=tuple(edits)) if edits else trace

    def traces(self, texts: Sequence[str]) -> list[Trace]:
        """One trace per text, in padded batches of sentences of similar length; padding is cut off again."""
        sources = [self.read(text) for text in texts]
        done: dict[int, Trace] = {}
        for chosen in groups(sources):
            some = [sources[i] for i in chosen]
            targets = None
            if self.spec.task == "translate":
                targets = [self.target_of(decoded.best.ids) for decoded in self._decode(some, keep=False)]
            done |= zip(chosen, self._traces([texts[i] for i in chosen], some, targets, None), strict=True)
        return [done[i] for i in range(len(texts))]

    def calls(self, batch: Sequence[Tokens]) -> Sequence[Call]:
        """See attnlab.models.spec.Model. The pass ends with the last of them."""
        with torch.inference_mode(), recording(most=sum(shape.layers for shape in self.spec.stacks.values())) as recorder:
            self.module.hidden(torch.tensor([tokens.ids for tokens in batch]))
        return recorder.calls

    def _checked(self, positions: PositionChange, n: int) -> PositionChange:
        """Positions that this model can be given. Raises InputError where it adds none, or for ids that cannot be."""
        if positions is None:
            return None
        if self.spec.positions not in ("learned", "sinusoidal"):
            raise InputError("error.no_position_table", model=self.spec.name, positions=self.spec.positions)
        if isinstance(positions, str):
            return "none"
        last = self.module.config.max_tokens - 1
        if len(positions) != n or not all(isinstance(p, int | np.integer) and 0 <= p <= last for p in positions):
            raise InputError("error.position_ids", n=n, last=last)
        return [int(p) for p in positions]

    def _traces(
        self,
        texts: Sequence[str],
        sources: Sequence[Tokens],
        targets: Sequence[Tokens] | None,
        at: PositionChange,
        given: str | None = None,
    ) -> list[Trace]:
        """One forward pass of a batch, taken apart again. given: the target's text, when it was not the model's own."""
        ids = padded(self.pad, [tokens.ids for tokens in sources])
        target_ids = None if targets is None else padded(self.pad, [tokens.ids for tokens in targets])
        with torch.inference_mode(), recording() as recorder:
            said = self._forward(ids, target_ids, at)
        per_token = ("pooling",) if self.spec.task == "classify" else ("logits",)
        shared = Shared()
        traces = []
        for row, (text, source) in enumerate(zip(texts, sources, strict=True)):
            target = None if targets is None else targets[row]
            wrote = target or source
            sides = {"encoder": (source, source), "decoder": (wrote, wrote), "cross": (wrote, source)}
            lengths = {stack: len(queries) for stack, (queries, _) in sides.items()}
            spoken = lengths["encoder" if target is None else "decoder"]
            traces.append(
                Trace(
                    self.spec.name,
                    self.spec.revision,
                    text,
                    source,
                    tuple(
                        sublayer(call, call.where["stack"], call.where["layer"], row, *sides[call.where["stack"]], shared)
                        for call in recorder.calls
                    ),
                    target_text=None if target is None else self.text_of(target.ids) if given is None else given,
                    target=target,
                    made=None if target is None else "decoded" if given is None else "given",
                    made_by=ref(self),
                    residual={
                        stack: tuple(one(x, row, slice(lengths[stack])) for x in layers) for stack, layers in recorder.residual.items()
                    },
                    positions=None if at is None else "none" if isinstance(at, str) else tuple(at),
                    outputs={name: one(x, row, slice(spoken if name in per_token else None)) for name, x in said.items()},
                )
            )
        return traces

    def again(self, trace: Trace, changes: Sequence[Intervention] = (), *, copies: int = 1) -> Pass:
        """See attnlab.models.spec.Model."""
        ids = torch.tensor([trace.source.ids] * copies)
        target = None if trace.target is None else torch.tensor([trace.target.ids] * copies)
        every = [*interventions(self, trace.edits), *changes]
        with recording() as recorder, intervening(every):
            logits = self._forward(ids, target, trace.positions)["logits"]
        return Pass(logits, recorder.residual["encoder" if target is None and self.spec.task != "generate" else "decoder"][-1])

    def _forward(self, ids: Tensor, target: Tensor | None, at: PositionChange) -> dict[str, Tensor]:
        """What the model says to a padded batch: logits, and for classes probabilities and pooling weights."""
        module = self.module
        if self.spec.task == "generate":
            return {"logits": module.out(module.decode(ids, at=at))}  # [b n v]
        x = module.encode(ids, at=at)  # [b n d]
        if target is not None:
            return {"logits": module.out(module.decode(target, x, module.seen(ids)))}  # [b m v]
        if self.spec.task in ("tag", "fill"):
            return {"logits": module.out(x)}  # [b n v]
        pooled, weights = module.pool(x, ids != self.pad)  # [b d], [b n]
        logits = module.out(pooled)  # [b classes]
        return {"logits": logits, "probabilities": logits.softmax(-1), "pooling": weights}

    # What it was trained for

    def decode(
        self, text: str, *, beam: int = BEAM, length_penalty: float = PENALTY, forced: Sequence[int] = (), keep: bool = True
    ) -> Decoded:
        """What the model writes for a text, greedily when beam is 1, with every step. forced: ids that it must begin with."""
        return self._decode([self.read(text)], beam=beam, length_penalty=length_penalty, forced=tuple(forced), keep=keep)[0]

    def sample(
        self, text: str, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0, seed: int = 0, forced: Sequence[int] = ()
    ) -> Decoded:
        """What the model writes when every token is drawn, with every step. See attnlab.models.sampling.narrowed."""
        source, longest, begins = self._start([self.read(text)], tuple(forced))
        how = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
        return sample(self.module, source, self._rules(keep=True), longest=longest, forced=begins, **how)[0]  # type: ignore[arg-type]

    def translate(self, lines: Sequence[str], *, beam: int = BEAM, length_penalty: float = PENALTY) -> list[str]:
        """One translation per line, an empty one for an empty line. Raises InputError for a line that is too long."""
        self._must("translate")
        sources = {i: self.read(line) for i, line in enumerate(lines) if line.strip()}
        places, tokens, done = list(sources), list(sources.values()), [""] * len(lines)
        for chosen in groups(tokens):
            written = self._decode([tokens[i] for i in chosen], beam=beam, length_penalty=length_penalty, keep=False)
            for i, decoded in zip(chosen, written, strict=True):
                done[places[i]] = self.text_of(decoded.best.ids)
        return done

    def classify(self, lines: Sequence[str]) -> list[tuple[str, float]]:
        """The likeliest label of each line and its probability. Raises InputError for a line that is empty or too long."""
        self._must("classify")
        return [(self.labels[int(p.argmax())], float(p.max())) for p in self._each(lines, "probabilities")]

    def tag(self, lines: Sequence[str]) -> list[tuple[str, ...]]:
        """The model's answer to each line, one piece per token. Raises InputError for a line that is empty or too long."""
        self._must("tag")
        return [tuple(map(self.show, logits.argmax(-1).tolist())) for logits in self._each(lines, "logits")]

    def score(self, source: str, target: str) -> TargetLoss:
        """How surprised the model is by each token of a translation, and by its end."""
        read, wanted = self.read(source), self.read_target(target)
        with torch.inference_mode():
            logits = self._forward(torch.tensor([read.ids]), torch.tensor([wanted.ids]), None)["logits"][0]  # [m v]
            goal = torch.tensor([*wanted.ids[1:], self.eos])
            losses = torch.nn.functional.cross_entropy(logits, goal, reduction="none")  # [m]
        return TargetLoss((*wanted.pieces[1:], self._special(self.eos).pieces[0]), losses.numpy())

    def begin(self, text: str = "") -> Draft:
        """A text to go on with, token by token; nothing but the start token when it is empty. A long one is read from its last part."""
        self._must("generate")
        return begin(self.writer, (self.bos, *(self._pieces(text).ids if text.strip() else ())))

    @cached_property
    def writer(self) -> Stepper:
        """The decoder, prepared for one token at a time."""
        return Stepper(self.module, start=(self.bos,))

    @property
    def unwritten(self) -> Ids:
        """Tokens that are never written: padding, start, and what stands for unknown characters."""
        return (self.pad, self.bos, self.unk)

    @property
    def mask_text(self) -> str:
        """How a hole is written in a text."""
        return MASK

    def predict(self, ids: Tensor) -> Tensor:
        """What could stand at every place of whole sentences, log-probabilities. [b n] -> [b n v]"""
        self._must("fill")
        with torch.inference_mode():
            return self._forward(ids, None, None)["logits"].float().log_softmax(-1)

    def _each(self, lines: Sequence[str], output: str) -> list[Tensor]:
        """One output for every line, computed in padded batches, without its padding."""
        sources = [self.read(line) for line in lines]
        done: dict[int, Tensor] = {}
        for chosen in groups(sources):
            with torch.inference_mode():
                said = self._forward(padded(self.pad, [sources[i].ids for i in chosen]), None, None)[output]
            done |= {i: row[: len(sources[i])] if row.dim() > 1 else row for i, row in zip(chosen, said, strict=True)}
        return [done[i] for i in range(len(lines))]

    def _rules(self, *, keep: bool) -> Rules:
        return Rules(self.bos, self.eos, self.unwritten, keep)

    def _start(self, sources: Sequence[Tokens], forced: tuple[int, ...]) -> tuple[Tensor | None, list[int], list[tuple[int, ...]]]:
        """Where decoding begins: padded source ids, how many tokens each may have, and how each begins."""
        self._must("translate", "generate")
        limit = self.module.config.max_tokens
        begins = [forced if self.spec.task == "translate" else (*tokens.ids[1:], *forced) for tokens in sources]
        most = max(map(len, begins))
        if most > limit:
            raise InputError("error.too_long", n=most, limit=limit)
        room = [min(limit, max(2 * len(tokens), len(begin) + len(tokens)) + 10) for tokens, begin in zip(sources, begins, strict=True)]
        return padded(self.pad, [tokens.ids for tokens in sources]) if self.spec.task == "translate" else None, room, begins

    def _decode(
        self,
        sources: Sequence[Tokens],
        *,
        beam: int = BEAM,
        length_penalty: float = PENALTY,
        forced: tuple[int, ...] = (),
        keep: bool,
    ) -> list[Decoded]:
        source, longest, begins = self._start(sources, forced)
        rules = self._rules(keep=keep)
        return beam_search(self.module, source, rules, longest=longest, forced=begins, width=beam, alpha=length_penalty)

"""Any transformers model as attnlab sees one: text in, trace out. Hugging Face's names stop at the door of this file."""

import ctypes
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache, cached_property
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import ref

import numpy as np
import torch
from torch import Tensor

from attnlab.core.edits import Edit
from attnlab.core.trace import Array, Attention, Later, Stack, Tokens, Trace
from attnlab.models.device import USUAL, Device, check_room
from attnlab.models.edits import check_tokens, interventions, lengths_of
from attnlab.models.folder import (
    check_tokenizer,
    fingerprint,
    judge_config,
    judge_tokenizer,
    open_module,
    open_tokenizer,
    read_config,
    read_header,
    weight_files,
)
from attnlab.models.inhouse.decoding import Ids
from attnlab.models.inhouse.writing import Draft, begin
from attnlab.models.pretrained import capture
from attnlab.models.pretrained.hooks import hook
from attnlab.models.pretrained.layout import Sublayer, layout_of, spec_of, stored
from attnlab.models.pretrained.writing import Continuing
from attnlab.models.recorder import Call, Intervention, Recorder, Shared, here, intervening, recording, sublayer
from attnlab.models.spec import Pass, PositionChange
from attnlab.models.tokens import Alphabets, encode, from_ids
from attnlab.models.weights import position_embedding
from attnlab.words import InputError

BATCH = 32
LONG = 1024  # longer texts keep neither v nor the residual stream; they are made again when somebody reads them
WRITTEN = 512  # how far an encoder-decoder may write when no target is given

_lock = threading.RLock()


@contextmanager
def transformers_alone() -> Iterator[ModuleType]:
    """transformers, for one thread at a time: it imports its parts when they are first touched, and two threads in there crash."""
    with _lock:
        import transformers

        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        capture.register()
        yield transformers


@cache
def give_back() -> None:
    """Have dropped buffers of 4 MiB and more go back to the system at once. glibc alone knows how; by itself it keeps them in its heap,
    where q and k, which stay, leave holes between them: a long trace then takes twice the memory."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(-3, 4 << 20)  # M_MMAP_THRESHOLD


class Pretrained:
    """A loaded transformers model. Nothing on it changes after loading, so threads may share it."""

    def __init__(self, module: Any, tokenizer: Any, *, name: str, revision: str, source: str = "", licence: str = "") -> None:
        """module: with or without an output over its vocabulary, which is only asked for what could stand somewhere."""
        give_back()
        whole = module.eval().requires_grad_(False)
        self.module = whole if whole.config.is_encoder_decoder else whole.base_model
        self.whole = None if self.module is whole or whole.config.is_encoder_decoder else whole
        module = self.module
        self.module.set_attn_implementation(capture.NAME)  # families that do not go through attention functions stay as they are
        self.tokenizer = tokenizer
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is not None:  # both would be applied silently, and calls that change them are not safe between threads
            backend.no_padding()
            backend.no_truncation()
        self._slow = threading.Lock() if backend is None else None
        self._alphabet = Alphabets.of(tokenizer)
        self._accepts = set(signature(module.forward).parameters)
        self._keep_stream()
        self._places: dict[int, list[Sublayer]] = {}
        recorder, said = self._answer()
        self._layout = layout_of(module.config, recorder, said)
        for place, call in zip(self._layout.calls, recorder.calls, strict=False):
            self._places.setdefault(id(call.where["module"]), []).append(place)
        self.editable = hook(module, self._layout, recorder)
        about = {"name": name, "revision": revision, "source": source, "licence": licence}
        self.spec = spec_of(module, tokenizer, self._layout, **about, speaks=self.whole is not None)

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        name: str,
        revision: str | None = None,
        source: str = "",
        licence: str = "",
        device: Device = USUAL,
    ) -> "Pretrained":
        """A model saved by transformers. Raises InputError that says which part of the folder is missing or broken, and for no room."""
        config = read_config(folder)
        files = weight_files(folder)
        judge_config(folder, config, files)
        check_room([read_header(file) for file in files], device)
        check_tokenizer(folder)
        judge_tokenizer(folder)
        with transformers_alone() as transformers:
            tokenizer = open_tokenizer(transformers, folder)
            module = open_module(transformers, folder, str(config.get("model_type", "?")), device.dtype).to(device.kind)
            revision = fingerprint(files)[:8] if revision is None else revision
            return cls(module, tokenizer, name=name, revision=revision, source=source or str(folder), licence=licence)

    def tokenize(self, text: str, pair: str | None = None) -> Tokens:
        """The tokens that the encoder, or a decoder-only model, reads. Raises InputError for text that holds none."""
        if self._slow is None:
            return encode(self.tokenizer, self._alphabet, text, pair)
        with self._slow:
            return encode(self.tokenizer, self._alphabet, text, pair)

    def trace(
        self,
        text: str,
        pair: str | None = None,
        *,
        target: str | None = None,
        positions: PositionChange = None,
        edits: Sequence[Edit] = (),
    ) -> Trace:
        """One forward pass, recorded. See attnlab.models.spec.Model."""
        changes = interventions(self, edits)
        trace = self._trace(text, pair, target, positions, changes)
        if edits:
            check_tokens(edits, lengths_of(trace))
        return replace(trace, edits=tuple(edits)) if edits else trace

    def _trace(self, text: str, pair: str | None, target: str | None, positions: PositionChange, changes: Sequence[Intervention]) -> Trace:
        source = self._checked(self.tokenize(text, pair))
        ids = torch.tensor([source.ids])
        given = self._read(ids, [(text, pair)])
        if positions is not None:
            with intervening(changes, self._places):
                given["inputs_embeds"] = self._moved(given.pop("input_ids"), positions)
        if "cross" not in self.spec.stacks:
            return self._traces([text], [pair], [source], given, positions=positions, changes=changes)[0]
        written = self._given_target(target) if target is not None else self._decoded(ids, changes)
        given["decoder_input_ids"] = torch.tensor([written.ids])
        trace = self._traces([text], [pair], [source], given, written, positions=positions, changes=changes)[0]
        if target is None:
            return replace(trace, made="decoded", target_text=self._text_of(written))
        return replace(trace, made="given", target_text=target)

    def traces(self, texts: Sequence[str]) -> list[Trace]:
        """One trace per text, in padded batches of sentences of similar length; padding is cut off again."""
        if "cross" in self.spec.stacks:
            return [self.trace(text) for text in texts]
        tokens = [self._checked(self.tokenize(text)) for text in texts]
        order = sorted(range(len(texts)), key=lambda i: len(tokens[i]))
        done: dict[int, Trace] = {}
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            some = [tokens[i] for i in chosen]
            given = self._read(self._padded(some), [(texts[i], None) for i in chosen], some)
            done |= zip(chosen, self._traces([texts[i] for i in chosen], [None] * len(chosen), some, given), strict=True)
        return [done[i] for i in range(len(texts))]

    def calls(self, batch: Sequence[Tokens]) -> Sequence[Call]:
        """See attnlab.models.spec.Model. The pass ends with the last of them."""
        ids = torch.tensor([tokens.ids for tokens in batch])
        given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if "token_type_ids" in self._accepts & set(self.tokenizer.model_input_names):
            given["token_type_ids"] = torch.zeros_like(ids)
        how = {"use_cache": False} if "use_cache" in self._accepts else {}
        with torch.inference_mode(), recording(most=len(self._layout.calls)) as recorder:
            self.module(**self._there(given), **how, return_dict=True)
        return recorder.calls

    # What the model is given

    def _there(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        """The same where the model is."""
        return {name: x.to(self.module.device) for name, x in given.items()}

    def _checked(self, tokens: Tokens) -> Tokens:
        limit = self.spec.max_tokens
        if limit is not None and len(tokens) > limit:
            raise InputError("error.too_long", n=len(tokens), limit=limit)
        return tokens

    def _padded(self, batch: Sequence[Tokens]) -> Tensor:
        """Ids of several texts, filled up on the right. [b n]"""
        pad = self.tokenizer.pad_token_id or 0
        longest = max(map(len, batch))
        return torch.tensor([[*tokens.ids, *[pad] * (longest - len(tokens))] for tokens in batch])

    def _read(self, ids: Tensor, texts: Sequence[tuple[str, str | None]], batch: Sequence[Tokens] | None = None) -> dict[str, Tensor]:
        """Ids, which of them are no padding, and the model's own idea of segments where it has one."""
        given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        for row, tokens in enumerate(batch or ()):
            given["attention_mask"][row, len(tokens) :] = 0
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if "token_type_ids" in self._accepts & set(self.tokenizer.model_input_names) and backend is not None:
            types = torch.zeros_like(ids)
            for row, (text, pair) in enumerate(texts):
                found = (backend.encode(text) if pair is None else backend.encode(text, pair)).type_ids
                types[row, : len(found)] = torch.tensor(found)
            given["token_type_ids"] = types
        return given

    def _moved(self, ids: Tensor, positions: PositionChange) -> Tensor:
        """Word vectors that carry the difference between the wanted positions and the usual ones. [1 n] -> [1 n d]"""
        table = position_embedding(self)
        n = ids.shape[1]
        if table is None:
            raise InputError("error.no_position_table", model=self.spec.name, positions=self.spec.positions)
        first = 0 if table.padding_idx is None else table.padding_idx + 1  # RoBERTa counts from there
        words = self.module.get_input_embeddings()(ids.to(self.module.device))
        usual = table.weight[first : first + n]
        if positions == "none":
            return words - usual
        wanted = list(positions or ())
        limit = table.num_embeddings - first
        if len(wanted) != n or not all(isinstance(p, int | np.integer) and 0 <= p < limit for p in wanted):
            raise InputError("error.position_ids", n=n, last=limit - 1)
        return words - usual + table.weight[torch.tensor(wanted) + first]

    def _given_target(self, target: str) -> Tokens:
        """What the decoder reads when it is made to write a target: a start token, then the target without its end."""
        if self._slow is None:
            tokens = encode(self.tokenizer, self._alphabet, target)
        else:
            with self._slow:
                ids = self.tokenizer(text_target=target, verbose=False)["input_ids"]
            tokens = from_ids(self.tokenizer, self._alphabet, ids)
        last = len(tokens) - (tokens.special[-1] and tokens.ids[-1] == self.tokenizer.eos_token_id)
        start = int(self.module.config.decoder_start_token_id)
        piece = self.tokenizer.convert_ids_to_tokens(start)
        return self._checked(
            Tokens(
                (piece, *tokens.pieces[:last]),
                (start, *tokens.ids[:last]),
                (True, *tokens.special[:last]),
                (None, *tokens.words[:last]),
                (None, *tokens.offsets[:last]),
                (0,) * (last + 1),
            )
        )

    def _decoded(self, ids: Tensor, changes: Sequence[Intervention]) -> Tokens:
        """What the model writes by itself, always taking the likeliest token; without the end token, which it never reads."""
        room = min(WRITTEN, self.spec.max_tokens or WRITTEN, 2 * ids.shape[1] + 32) - 1
        how = {"num_beams": 1, "do_sample": False, "max_new_tokens": max(room, 1), "max_length": None}
        ids = ids.to(self.module.device)
        with intervening(changes, self._places):
            written = self.module.generate(input_ids=ids, attention_mask=torch.ones_like(ids), **how)[0].tolist()
        if len(written) > 1 and written[-1] == self.tokenizer.eos_token_id:
            written.pop()
        return from_ids(self.tokenizer, self._alphabet, written)

    def _text_of(self, tokens: Tokens) -> str:
        return str(self.tokenizer.decode([i for i, hidden in zip(tokens.ids, tokens.special, strict=True) if not hidden])).strip()

    # What comes out

    def _traces(
        self,
        texts: Sequence[str],
        pairs: Sequence[str | None],
        batch: Sequence[Tokens],
        given: dict[str, Tensor],
        target: Tokens | None = None,
        *,
        positions: PositionChange = None,
        changes: Sequence[Intervention] = (),
    ) -> list[Trace]:
        """One forward pass of a batch, taken apart again. A target makes sense for a batch of one."""
        later = len(batch) == 1 and self.spec.records and len(batch[0]) > LONG
        recorder, said = self._forward(given, stream=not later, long=later, changes=changes)
        values = self._values_later(given, changes) if later else None
        shared = Shared()
        weights = None if recorder.calls else stored(self._layout.alone, said)
        done = []
        for row, (text, pair, tokens) in enumerate(zip(texts, pairs, batch, strict=True)):
            done.append(
                Trace(
                    self.spec.name,
                    self.spec.revision,
                    text,
                    tokens,
                    self._sublayers(recorder, weights, row, tokens, target, shared, values),
                    pair=pair,
                    target=target,
                    made_by=ref(self),
                    dtype=self.spec.dtype,
                    positions=positions if positions is None or isinstance(positions, str) else tuple(positions),
                    residual=self._stream_later(given, tokens, target, changes)
                    if later
                    else self._stream(said, row, tokens, target, recorder),
                    outputs={} if target is None else {"logits": said["logits"][row].float().cpu().numpy()},
                )
            )
        return done

    def again(self, trace: Trace, changes: Sequence[Intervention] = (), *, copies: int = 1) -> Pass:
        """See attnlab.models.spec.Model."""
        given = self._read(torch.tensor([trace.source.ids] * copies), [(trace.text, trace.pair)] * copies)
        every = [*interventions(self, trace.edits), *changes]
        if trace.positions is not None:
            with intervening(every, self._places):
                given["inputs_embeds"] = self._moved(given.pop("input_ids"), trace.positions)
        if trace.target is not None:
            given["decoder_input_ids"] = torch.tensor([trace.target.ids] * copies)
        how: dict[str, Any] = {"output_hidden_states": True, "return_dict": True}
        if "use_cache" in self._accepts:
            how["use_cache"] = False
        with intervening(every, self._places):
            said = self.module(**self._there(given), **how)
        streams = said["hidden_states" if trace.target is None else "decoder_hidden_states"]
        return Pass(None if trace.target is None else here(said["logits"]), here(streams[-1]))

    def _forward(
        self, given: dict[str, Tensor], *, stream: bool = True, long: bool = False, changes: Sequence[Intervention] = ()
    ) -> tuple[Recorder, Any]:
        """Run the module under a recorder of its own."""
        how: dict[str, Any] = {"output_hidden_states": stream, "return_dict": True}
        if self.module.config._attn_implementation != capture.NAME:
            how["output_attentions"] = True
        if "use_cache" in self._accepts:
            how["use_cache"] = False
        with torch.inference_mode(), recording(long=long) as recorder, intervening(changes, self._places):
            return recorder, self.module(**self._there(given), **how)

    def _sublayers(
        self,
        recorder: Recorder,
        weights: list[tuple[Stack, int, Tensor]] | None,
        row: int,
        source: Tokens,
        target: Tokens | None,
        shared: Any,
        values: Later | None,
    ) -> tuple[Attention, ...]:
        def sides(stack: Stack) -> tuple[Tokens, Tokens]:
            own = source if target is None or stack == "encoder" else target
            return own, source if stack == "cross" else own

        if weights is not None:
            sized = [(stack, layer, w, *sides(stack)) for stack, layer, w in weights]
            return tuple(
                Attention(stack, layer, q, k, None, None, None, stored=here(w[row, :, : len(q), : len(k)]).numpy().copy())
                for stack, layer, w, q, k in sized
            )
        named = zip(self._layout.calls, recorder.calls, strict=True)
        return tuple(sublayer(call, stack, layer, row, *sides(stack), shared, values) for (stack, layer), call in named)

    def _stream(
        self, said: Any, row: int, source: Tokens, target: Tokens | None, recorder: Recorder | None = None
    ) -> dict[str, tuple[Array, ...]]:
        """The residual stream of one sentence, per stack; under edits as the layers read it. Each [n d]"""
        streams: dict[str, tuple[Array, ...]] = {}
        for stack, name in self._layout.streams.items():
            if recorder is not None and stack in recorder.residual:
                said = {**said, name: recorder.residual[stack]}
            n = len(source if stack == "encoder" or target is None else target)
            alone = said[name][0].shape[0] == 1
            rows = tuple(layer[row, :n].float().cpu().numpy() for layer in said[name])
            streams[stack] = rows if alone else tuple(layer.copy() for layer in rows)
        return streams

    def _stream_later(self, given: dict[str, Tensor], source: Tokens, target: Tokens | None, changes: Sequence[Intervention]) -> Later:
        """The stream of a long text, from a second forward pass if anybody asks: it would be a quarter of what the trace holds."""

        def make() -> dict[str, tuple[Array, ...]]:
            recorder, said = self._forward(given, changes=changes)
            return self._stream(said, 0, source, target, recorder)

        return Later(self._layout.streams, make)

    def _values_later(self, given: dict[str, Tensor], changes: Sequence[Intervention]) -> Later:
        """v of a long text, from a second forward pass if anybody asks: it would be a third of what the trace holds."""

        def make() -> dict[str, list[Array]]:
            found: dict[str, list[Array]] = {stack: [] for stack, _ in self._layout.calls}
            for (stack, _), call in zip(self._layout.calls, self._forward(given, stream=False, changes=changes)[0].calls, strict=True):
                found[stack].append(call.v[0].float().numpy())
            return found

        return Later(dict.fromkeys(stack for stack, _ in self._layout.calls), make)

    # What it says

    def read(self, text: str) -> Tokens:
        """The tokens of a text that is not too long. Raises InputError with both numbers when it is."""
        return self._checked(self.tokenize(text))

    def show(self, i: int) -> str:
        """A piece by its id, as text that can be read."""
        piece = self.tokenizer.convert_ids_to_tokens(i)
        return f"⟨#{i}⟩" if piece is None else self._alphabet.show(piece)

    def text_of(self, ids: Sequence[int]) -> str:
        """Pieces as text, without what marks its beginning and end."""
        return str(self.tokenizer.decode([i for i in ids if i not in self._alphabet.specials], clean_up_tokenization_spaces=False))

    @property
    def mask(self) -> int | None:
        """The id of a hole, None for a model that fills none."""
        return None if self.spec.predicts != "hole" else int(self.tokenizer.mask_token_id)

    @property
    def mask_text(self) -> str:
        """How a hole is written in a text."""
        return str(self.tokenizer.mask_token)

    @property
    def eos(self) -> int | None:
        return None if self.tokenizer.eos_token_id is None else int(self.tokenizer.eos_token_id)

    @property
    def unwritten(self) -> Ids:
        """Tokens that are never written: those that stand for no text, the end apart; and ids that the tokenizer does not have."""
        beyond = range(len(self.tokenizer), self.spec.vocab)
        return tuple(sorted({*self._alphabet.specials, *beyond} - {self.eos}))

    @cached_property
    def writer(self) -> Continuing:
        """What goes on with a text. Raises InputError for a model that was not trained to."""
        if self.spec.predicts != "next":
            raise InputError("error.not_task", model=self.spec.name, wanted="generate", task=self.spec.task)
        some = self.tokenize("a")
        first = next((i for i, special in enumerate(some.special) if not special), 0)
        return Continuing(self.whole, self.spec.max_tokens or WRITTEN, some.ids[:first])

    def begin(self, text: str = "") -> Draft:
        """A text to go on with, token by token. Of no text, the end of the one before is the beginning."""
        if text.strip():
            tokens = self.tokenize(text)
            ends = next((i for i, special in enumerate(tokens.special) if special and i >= len(self.writer.start)), len(tokens))
            return begin(self.writer, tokens.ids[:ends])
        return begin(self.writer, self.writer.start or (self.eos or 0,))

    def predict(self, ids: Tensor) -> Tensor:
        """What could stand at every place of whole sentences, log-probabilities. [b n] -> [b n v]"""
        if self.whole is None:
            raise InputError("error.no_mask")
        given = self._there({"input_ids": ids, "attention_mask": torch.ones_like(ids)})
        with torch.inference_mode():
            return here(self.whole(**given, return_dict=True)["logits"]).log_softmax(-1)

    # What the model is

    def _keep_stream(self) -> None:
        """Ask for the stream after the last layer, not for what the final norm makes of it."""
        for module in self.module.modules():
            if hasattr(module, "config"):
                module.config.tie_last_hidden_states = False

    def _answer(self) -> tuple[Recorder, Any]:
        """What the model makes of three tokens, for its layout to be read off."""
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([[i for i in range(5, 9) if i != pad][:3]])
        given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if self.module.config.is_encoder_decoder:
            given["decoder_input_ids"] = ids
        return self._forward(given)

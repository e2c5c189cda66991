"""What every model promises: facts known before it is loaded, text in, trace out, and a second pass over a trace's tokens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from attnlab.core.edits import Edit
from attnlab.core.trace import Stack, Tokens, Trace

if TYPE_CHECKING:
    from torch import Tensor

    from attnlab.models.recorder import Call, Intervention

BEAM, PENALTY = 4, 0.6  # how wide an in-house model searches for a translation, and how much it favours long ones, unless told

Between = Callable[[float], None]  # called after each batch of what takes many, with the share that is done
PositionChange = Sequence[int] | Literal["none"] | None
ENDING = "@untrained"  # of the name of a model before its training


def trained_name(name: str) -> str:
    """The name without its ending: the trained model that an untrained one has its shape and tokenizer from."""
    return name.removesuffix(ENDING)


@dataclass(frozen=True)
class Shape:
    """How many attention sublayers a stack has and how many heads each of them."""

    layers: int
    heads: int


@dataclass(frozen=True)
class Spec:
    """The facts of a model.

    family: "attnlab" for the in-house Transformer, else transformers' model_type ("bert", "gpt2", ...).
    task: translate, classify, tag, generate for in-house models; "encode" or "generate" or "translate" for pretrained ones.
    positions: none, sinusoidal, learned, rotary, alibi, relative. records: whether q, k and v can be had.
    max_tokens: the longest input, special tokens included; None when nothing limits it. predicts: what the model was trained to say of
    a text: the next token, what is hidden in a hole, or neither.
    """

    name: str
    revision: str
    family: str
    task: str
    stacks: Mapping[Stack, Shape]
    d_model: int
    d_head: int
    d_ff: int
    vocab: int
    max_tokens: int | None
    positions: str
    parameters: int
    dtype: str = "float32"
    records: bool = True
    source: str = ""
    licence: str = ""
    predicts: Literal["next", "hole"] | None = None


@dataclass(frozen=True, eq=False)
class Pass:
    """What a second forward pass gave, as tensors. logits: [b classes] or [b n vocabulary], None for a model that says nothing.

    last: the stream of the stack that speaks, after its last layer [b n d].
    """

    logits: "Tensor | None"
    last: "Tensor"


class Model(Protocol):
    """A loaded model. Everything is read-only and safe to share between threads.

    module: the torch module itself; tokenizer: what its library takes one to be. Only attnlab.models.weights looks inside.
    editable: (stack, point) of the residual stream that can be changed, and (stack, "embedding").
    """

    spec: Spec
    module: Any
    tokenizer: Any

    @property
    def editable(self) -> frozenset[tuple[str, str]]: ...

    def tokenize(self, text: str, pair: str | None = None) -> Tokens:
        """The tokens the encoder (or a decoder-only model) reads. Raises InputError for empty text."""

    def trace(
        self,
        text: str,
        pair: str | None = None,
        *,
        target: str | None = None,
        positions: PositionChange = None,
        edits: Sequence[Edit] = (),
    ) -> Trace:
        """One forward pass. target: for encoder-decoder models; decoded by the model itself when None.

        positions: position ids to use instead of 0, 1, 2, ... or "none" to leave the position vectors out
        (models with absolute positions only). edits: what the run does otherwise, see attnlab.core.edits; a translation is written
        under them too. Raises InputError for empty or too long text and for edits that cannot be.
        """

    def calls(self, batch: Sequence[Tokens]) -> "Sequence[Call]":
        """Every attention call of one forward pass over texts of the same length, layer by layer, as tensors of the whole batch.

        For models with one stack whose q and k can be had.
        """

    def traces(self, texts: Sequence[str]) -> list[Trace]:
        """One padded batch, one trace per text, padding cut off again."""

    def again(self, trace: Trace, changes: "Sequence[Intervention]" = (), *, copies: int = 1) -> Pass:
        """One more forward pass over a trace's tokens, several copies of them side by side, changed on its way. Gradients flow."""

"""What a layer is made of, as records of numpy arrays: the walk, the parts of a score and the ledger read these and no model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnlab.core.trace import Array, Stack
from attnlab.core.walk.arithmetic import Activation


@dataclass(frozen=True, eq=False)
class Linear:
    """x·weight + bias. weight: [a d], bias: [d]"""

    weight: Array
    bias: Array

    def columns(self, chosen: slice) -> "Linear":
        return Linear(self.weight[:, chosen], self.bias[chosen])


@dataclass(frozen=True, eq=False)
class Norm:
    """The gain and shift of a layer norm. Each [d]. centred: the mean is taken away first; an RMS norm leaves it."""

    gain: Array
    shift: Array
    eps: float
    centred: bool = True


@dataclass(frozen=True, eq=False)
class AttentionWeights:
    """The weights of one attention sublayer. w_q, w_k, w_v: [d_model h·d], w_o: [h·d d_model].

    norm: before the sublayer (pre) or after the sum (post), as the layer says.
    slopes: [h], ALiBi. table: [buckets h], relative positions. angle: [n d/2], rotary.
    """

    w_q: Linear
    w_k: Linear
    w_v: Linear
    w_o: Linear
    norm: Norm
    slopes: Array | None = None
    table: Array | None = None
    angle: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """The weights of one layer. cross: the sublayer that looks at the encoder, in the decoder of an encoder-decoder."""

    pre: bool
    own: AttentionWeights
    widen: Linear
    narrow: Linear
    norm: Norm
    activation: Activation
    cross: AttentionWeights | None = None


@dataclass(frozen=True, eq=False)
class EmbeddingWeights:
    """The tables that a text's numbers come from. token: [vocabulary e] and so on; position_ids: the row that each token takes.

    scale: what token rows are multiplied by. projection: from e to d_model, where they differ.
    """

    token: Array
    scale: float = 1.0
    segment: Array | None = None
    segment_ids: NDArray[np.int64] | None = None
    position: Array | None = None
    position_ids: NDArray[np.int64] | None = None
    norm: Norm | None = None
    projection: Linear | None = None


@dataclass(frozen=True, eq=False)
class Rotation:
    """What rotary positions turn q and k of one layer with. cos, sin: [n r]; the first r dimensions of a head are turned.

    halves: dimension i is paired with i + r/2, else 2i with 2i + 1.
    """

    cos: Array
    sin: Array
    halves: bool


@dataclass(frozen=True, eq=False)
class StackWeights:
    """All that is known of how one stack computes. stack: its name; family and positions: as the model's spec says.

    embedding: None where the family's layers are not read; layers is empty then.
    final: the norm on the stream after the last layer, None where there is none. rotations: one per layer where q and k are turned.
    memory: the norm on the encoder's stream that cross-attention reads.
    writes: W_O of every layer, where no more of the layers is read: they have their norms before the sums.
    """

    stack: Stack
    family: str
    positions: str
    embedding: EmbeddingWeights | None = None
    layers: tuple[LayerWeights, ...] = ()
    final: Norm | None = None
    rotations: tuple[Rotation, ...] = ()
    memory: Norm | None = None
    writes: tuple[Linear, ...] = ()

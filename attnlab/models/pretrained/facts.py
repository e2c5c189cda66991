"""Facts that transformers' configurations state under many names."""

from typing import Any

LONGEST = 4096  # for models without a limit of their own: their position bias alone grows with the square of the length
RELATIVE = {"t5", "mt5", "umt5", "longt5", "switch_transformers", "mpnet", "xlnet", "deberta", "deberta-v2"}
SINUSOIDAL = {"marian", "pegasus", "m2m_100", "fsmt"}
COUNTS_FROM_PADDING = {"roberta", "xlm-roberta", "camembert", "mpnet"}  # position 0 is the row after the padding id


def positions_of(config: Any) -> str:
    """How a model tells positions: learned, sinusoidal, rotary, alibi or relative."""
    if config.model_type in RELATIVE:
        return "relative"
    if config.model_type == "bloom" or getattr(config, "alibi", False):
        return "alibi"
    if config.model_type in SINUSOIDAL or getattr(config, "sinusoidal_pos_embds", False):
        return "sinusoidal"
    rotary = getattr(config, "rope_parameters", None) or getattr(config, "rope_theta", None)
    return "rotary" if rotary else "learned"


def width_of(config: Any) -> int:
    """The width of the feed-forward layers, under whatever name."""
    for name in ("intermediate_size", "d_ff", "encoder_ffn_dim", "ffn_dim", "ffn_hidden_size", "n_inner", "hidden_dim", "d_inner"):
        value = getattr(config, name, None)
        if value is not None:
            return int(value)
    return 4 * int(config.hidden_size)


def longest_of(config: Any, tokenizer: Any) -> int:
    """The most tokens a model reads: its table of positions, else what its tokenizer says, else a bound that fits in memory."""
    table = None if positions_of(config) == "relative" else getattr(config, "max_position_embeddings", None)
    if table is not None:
        return int(table) - (config.pad_token_id + 1 if config.model_type in COUNTS_FROM_PADDING else 0)
    said = int(getattr(tokenizer, "model_max_length", 0) or 0)
    return said if 0 < said <= 1_000_000 else LONGEST

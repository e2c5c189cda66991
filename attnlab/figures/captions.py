"""What a picture is called and what is said under it: the same words on a page, in a zip and from the command line."""

from attnlab.core.trace import Stack, Trace
from attnlab.figures.style import Words


def head_title(trace: Trace, stack: Stack, layer: int, head: int, words: Words) -> str:
    """The name of one head."""
    return f"{trace.model} · {getattr(words, stack)} L{layer}H{head}"


def trace_caption(trace: Trace) -> str:
    """What computed the numbers, how exactly, and from which words."""
    texts = " / ".join(text for text in (trace.text, trace.pair, trace.target_text) if text)
    exact = trace.dtype if trace.dtype == "float32" else f"{trace.dtype}, softmax(q·k) float32"
    return f"{trace.model} ({trace.revision}) · {exact} · {texts}"

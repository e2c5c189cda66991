"""What a paper writes beside a figure: its caption in LaTeX, entries for a bibliography, and the command that draws it again."""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from attnlab.figures.style import Look
from attnlab.version import VERSION

ATTENTION = """@inproceedings{vaswani2017attention,
  title = {Attention Is All You Need},
  author = {Vaswani, Ashish and Shazeer, Noam and Parmar, Niki and Uszkoreit, Jakob and Jones, Llion and Gomez, Aidan N. and
            Kaiser, {\\L}ukasz and Polosukhin, Illia},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {30},
  year = {2017}
}"""
BERT = """@inproceedings{devlin2019bert,
  title = {{BERT}: Pre-training of Deep Bidirectional Transformers for Language Understanding},
  author = {Devlin, Jacob and Chang, Ming-Wei and Lee, Kenton and Toutanova, Kristina},
  booktitle = {Proceedings of NAACL-HLT 2019},
  pages = {4171--4186},
  year = {2019}
}"""
MINILM = """@inproceedings{wang2020minilm,
  title = {{MiniLM}: Deep Self-Attention Distillation for Task-Agnostic Compression of Pre-Trained Transformers},
  author = {Wang, Wenhui and Wei, Furu and Dong, Li and Bao, Hangbo and Yang, Nan and Zhou, Ming},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {33},
  year = {2020}
}"""
FLOW = """@inproceedings{abnar2020quantifying,
  title = {Quantifying Attention Flow in Transformers},
  author = {Abnar, Samira and Zuidema, Willem},
  booktitle = {Proceedings of the 58th Annual Meeting of the Association for Computational Linguistics},
  pages = {4190--4197},
  year = {2020}
}"""
NORM = """@inproceedings{kobayashi2020attention,
  title = {Attention Is Not Only a Weight: Analyzing Transformers with Vector Norms},
  author = {Kobayashi, Goro and Kuribayashi, Tatsuki and Yokoi, Sho and Inui, Kentaro},
  booktitle = {Proceedings of EMNLP 2020},
  pages = {7057--7075},
  year = {2020}
}"""
DISTANCE = """@inproceedings{vig2019analyzing,
  title = {Analyzing the Structure of Attention in a Transformer Language Model},
  author = {Vig, Jesse and Belinkov, Yonatan},
  booktitle = {Proceedings of the 2019 ACL Workshop BlackboxNLP},
  pages = {63--76},
  year = {2019}
}"""
METHODS = {"rollout": FLOW, "norm shares": NORM, "norm lengths": NORM, "distance": DISTANCE}
MODELS = {"bert": (BERT, MINILM)}
SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {c: f"\\{c}" for c in "&%$#_{}"}


def latex(text: str) -> str:
    """Text as LaTeX prints it, letter by letter."""
    return "".join(SPECIAL.get(letter, letter) for letter in text)


def latex_figure(file: str, title: str, caption: str) -> str:
    """A figure environment with the picture's own caption. file: without its ending."""
    label = re.sub(r"[^A-Za-z0-9]+", "-", file).strip("-").lower()
    said = ". ".join(part.rstrip(".") for part in (title, caption) if part)
    return (
        "\\begin{figure}\n  \\centering\n"
        f"  \\includegraphics{{{file}.pdf}}\n  \\caption{{{latex(said)}.}}\n  \\label{{fig:{label}}}\n"
        "\\end{figure}"
    )


def bibtex(facts: Mapping[str, Any]) -> str:
    """Entries for the method, the model and this program. facts: the record of a figure."""
    entries = [ATTENTION]
    measure = (facts.get("options") or {}).get("measure")
    entries += [METHODS[measure]] if measure in METHODS else []
    model, revision = str(facts.get("model") or ""), str(facts.get("revision") or "")
    entries += MODELS.get(model, [hub(model, revision)] if "/" in model and not model.startswith((".", "/")) else [])
    program = f"@software{{attnlab,\n  title = {{Attention Lab}},\n  version = {{{VERSION}}}"
    note = f",\n  note = {{model {latex(model)}, revision {latex(revision)}}}" if model else ""
    return "\n\n".join([*entries, f"{program}{note}\n}}"])


def hub(model: str, revision: str) -> str:
    """A model of the hub, which rarely says how to cite it."""
    key, address = re.sub(r"[^A-Za-z0-9]+", "-", model).strip("-").lower(), f"https://huggingface.co/{model}"
    parts = {"title": latex(model), "howpublished": f"\\url{{{address}}}", "note": f"revision {latex(revision)}"}
    return f"@misc{{{key},\n" + ",\n".join(f"  {name} = {{{part}}}" for name, part in parts.items()) + "\n}"


def command(facts: Mapping[str, Any], look: Look, file: str, *, single: bool, view: str | None = None) -> str | None:
    """What draws the picture from a shell: one head as it is (single), any other by the address of its view, with #picture; where there
    is no address, what writes every number it was made from. None for what needs no text and has no address.

    file: without its ending.
    """
    if not single and view is not None:
        return shlex.join(["attnlab", "figure", view, "-o", f"{file}.pdf"])
    if not facts.get("text"):
        return None
    texts = {"--model": facts.get("model"), "--pair": facts.get("pair"), "--target": facts.get("target")}
    if not single:
        return shlex.join(["attnlab", "trace", str(facts["text"]), *flags(texts), "-o", f"{file}.npz"])
    place = {"--stack": facts.get("stack"), "--layer": facts.get("layer"), "--head": facts.get("head")}
    asked = look.changed()
    width = None if look.inches is None else f"{look.inches * 25.4:g}"
    drawn = {"--width": width, **{f"--{name}": asked.get(name) for name in ("font", "family", "colours", "scale", "dpi")}}
    switches = [f"--{'' if value else 'no-'}{name}" for name, value in asked.items() if name in ("title", "numbers")]
    switches += ["--text"] if look.text else []
    return shlex.join(["attnlab", "heatmap", str(facts["text"]), *flags(texts | place | drawn), *switches, "-o", f"{file}.pdf"])


def flags(options: Mapping[str, Any]) -> list[str]:
    """Options as a shell takes them; those without a value are left out."""
    given = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in options.items() if value not in (None, "")}
    return [part for pair in given.items() for part in pair]

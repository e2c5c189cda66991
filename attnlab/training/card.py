"""The card of a model that was trained here: what a stranger needs to know of it."""

from dataclasses import asdict

from attnlab.training.loop import Progress, Scores
from attnlab.training.material import Material
from attnlab.training.plan import Plan
from attnlab.version import VERSION


def card(wanted: Plan, material: Material, last: Progress | None, scores: Scores, size: int) -> str:
    """What a stranger needs to know of the model."""
    recipe = ", ".join(f"{name} {value}" for name, value in asdict(wanted.recipe).items())
    shape = ", ".join(f"{name} {value}" for name, value in asdict(material.module.config).items())
    data = f"{wanted.data.name}, {material.examples} rows ({len(material.refused)} left out)" if wanted.data else "generated"
    measured = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
    lines = [
        f"# A Transformer trained to {wanted.kind}",
        "",
        f"- Trained in the browser with attnlab {VERSION}, {0 if last is None else last.step} of {wanted.recipe.steps} steps.",
        f"- Data: {data}.",
        f"- Held out, when last measured: {measured or 'not measured'}.",
        f"- {size:,} parameters: {shape}.",
        f"- Recipe: {recipe}.",
        "- Weaknesses: not examined. Nobody has checked what it says.",
    ]
    return "\n".join(lines) + "\n"

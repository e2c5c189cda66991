"""One variant beside full softmax attention: who may be seen, the weights, the difference, the output."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.positions import output_distance, total_variation
from attnlab.core.trace import Array, frozen
from attnlab.core.variants import ALL, VARIANTS, Attended, Options, Variant
from attnlab.figures.style import Look, Words, words_in
from attnlab.ui import canvas
from attnlab.ui.language import language, md_escape, percent, t
from attnlab.ui.pictures import save_chart
from attnlab.ui.save import save_bar
from attnlab.ui.show import show
from attnlab.ui.summary import map_sentence
from attnlab.ui.variants.given import Given

SMALL = 1e-6


def show_weights(given: Given, variant: Variant, options: Options) -> None:
    """Three maps with linked hover, then what changed row by row."""
    full, made = VARIANTS["full"](given.inputs), variant(given.inputs, options)
    seen = variant.seen(len(given.keys), options)
    pattern = frozen(np.ones(made.weights.shape) if seen is None else seen)
    left, middle, right = st.columns(3, gap="small")
    common: dict[str, Any] = {"link": "variants", "height": 390, "largest": 40}
    with left:
        share = percent(float(pattern.mean()), 0)
        title = t("variants.pattern", percent=share)
        canvas.matrix(
            pattern, given.queries, given.keys, key="pattern map", title=title, name=t("variants.visible"), numbers=False, **common
        )
    with middle:
        canvas.matrix(made.weights, given.queries, given.keys, key="variant map", title=name_of(variant), **common)
    with right:
        title = t("variants.minus_full")
        change = frozen(made.weights - full.weights)
        canvas.matrix(change, given.queries, given.keys, key="change map", kind="signed", title=title, name=t("variants.change"), **common)
    moved, far = total_variation(made.weights, full.weights), output_distance(made.z, full.z)
    st.markdown(t("variants.summary", name=name_of(variant), tv=f"{moved.mean():.3f}", far=f"{far.mean():.3f}", **worst(given, moved)))
    save_maps(given, variant, options, (full.weights, made.weights, change))
    show_rows(given, variant, options, moved, far)


def worst(given: Given, moved: Array) -> dict[str, str]:
    row = int(moved.argmax())
    return {"query": md_escape(given.queries[row]), "most": f"{moved[row]:.3f}"}


def show_rows(given: Given, variant: Variant, options: Options, moved: Array, far: Array) -> None:
    """Row by row: how much weight moved, and how far the output."""
    from attnlab.figures.curves import curves
    from attnlab.figures.picture import Series

    places = frozen(np.arange(len(moved)))
    series = [
        Series(t("variants.total_variation"), places, moved, texts=given.queries),
        Series(t("variants.output_distance"), places, far, texts=given.queries),
    ]
    axes = (t("ui.query"), t("variants.from_full"))
    how: dict[str, Any] = {"title": f"{given.title} · {name_of(variant)}", "caption": made_from(given, variant, options)}
    chart = curves(series, axes=axes, ticks=given.queries, height=300, words=words_in(language()), **how)
    show(chart, name="rows", alt=t("variants.rows_alt"))
    st.caption(t("variants.rows_note"))
    save_chart(chart, key="rows", name=f"attnlab-{variant.name}-rows", facts=record_of(given, variant, options), linked=bool(given.facts))


def show_output(given: Given, variant: Variant, options: Options) -> None:
    """What each token takes away: z of the variant, of full attention, and their difference, on one scale."""
    full, made = VARIANTS["full"](given.inputs), variant(given.inputs, options)
    dims = [str(i) for i in range(made.z.shape[1])]
    most = float(np.abs(np.concatenate((full.z, made.z))).max()) or 1.0
    axes = (t("ui.query"), t("variants.dimension"))
    panes: tuple[tuple[str, Array, str], ...] = (
        (name_of(variant), made.z, "z"),
        (name_of(VARIANTS["full"]), full.z, "z full"),
        (t("variants.minus_full"), made.z - full.z, "dz"),
    )
    for column, (title, z, key) in zip(st.columns(3, gap="small"), panes, strict=True):
        with column:
            canvas.matrix(
                frozen(z),
                given.queries,
                dims,
                key=key,
                kind="signed",
                low=-most,
                high=most,
                title=title,
                name="z",
                axes=axes,
                link="z",
                height=420,
                square=False,
            )
    st.caption(t("variants.output_note"))
    dz = frozen(made.z - full.z)
    st.markdown(md_escape(map_sentence(dz, given.queries, dims, name=f"z {t('variants.minus_full')}", axes=axes)))
    save_outputs(given, variant, options, dims, most, [(title, frozen(z)) for title, z, _ in panes])


def show_all(given: Given, options: Options) -> None:
    """Every variant that these inputs allow, in one table."""
    full = VARIANTS["full"](given.inputs)
    rows = [row(given, variant, variant(given.inputs, options), full, options) for variant in ALL if given.can(variant)]
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "name": t("variants.variant"),
            "kind": t("variants.kind"),
            "seen": st.column_config.ProgressColumn(t("variants.cells_seen"), min_value=0, max_value=1, format="percent"),
            "moved": st.column_config.NumberColumn(t("variants.total_variation"), format="%.4f"),
            "far": st.column_config.NumberColumn(t("variants.output_distance"), format="%.4f"),
            "zeros": st.column_config.NumberColumn(t("variants.zeros"), format="percent"),
            "source": t("variants.source"),
        },
        height=35 * (len(rows) + 1) + 3,
    )
    left_out = [name_of(variant) for variant in ALL if not given.can(variant)]
    if left_out:
        st.caption(t("variants.left_out", names=", ".join(left_out)))


def row(given: Given, variant: Variant, made: Attended, full: Attended, options: Options) -> dict[str, Any]:
    seen = variant.seen(len(given.keys), options)
    return {
        "name": name_of(variant),
        "kind": t(f"variants.kind_{variant.kind}"),
        "seen": 1.0 if seen is None else float(seen.mean()),
        "moved": float(total_variation(made.weights, full.weights).mean()),
        "far": float(output_distance(made.z, full.z).mean()),
        "zeros": float((made.weights < SMALL).mean()),
        "source": variant.source,
    }


def name_of(variant: Variant) -> str:
    return t(f"variants.name_{variant.name}")


def facts_of(given: Given, variant: Variant, options: Options) -> dict[str, object]:
    """What the picture is, in words: where q, k and v come from, and what this variant was given."""
    given_to_it = {t(f"variants.option_{name}"): getattr(options, name) for name in variant.needs}
    return {t("variants.made_from"): given.title} | given_to_it


def made_from(given: Given, variant: Variant, options: Options) -> str:
    """The same on one line, for the lower edge of a picture."""
    return " · ".join(f"{word}: {fact}" for word, fact in facts_of(given, variant, options).items())


def record_of(given: Given, variant: Variant, options: Options) -> dict[str, Any]:
    """What a file says of itself."""
    return given.facts | {"options": {"variant": variant.name, **vars(options)}}


def save_maps(given: Given, variant: Variant, options: Options, maps: Sequence[Array]) -> None:
    """All three maps in one figure: full, variant, difference."""
    names = [name_of(VARIANTS["full"]), name_of(variant), t("variants.minus_full")]
    caption = made_from(given, variant, options)

    def draw(look: Look, words: Words) -> Any:
        from attnlab.figures import triptych

        panels = [(name, values, given.queries, given.keys) for name, values in zip(names, maps, strict=True)]
        return triptych(panels, title=f"{given.title} · {names[1]}", caption=caption, look=look, words=words)

    how: dict[str, Any] = {
        "facts": record_of(given, variant, options),
        "made_from": facts_of(given, variant, options),
        "linked": bool(given.facts),
    }
    save_bar(draw, key="variant", name=f"attnlab-{variant.name}", **how)


def save_outputs(
    given: Given, variant: Variant, options: Options, dims: Sequence[str], most: float, maps: Sequence[tuple[str, Array]]
) -> None:
    """What each token takes away, in one figure on the screen's one scale."""
    title, caption = f"{given.title} · {name_of(variant)} · z", made_from(given, variant, options)
    axes = t("ui.query"), t("variants.dimension")

    def draw(look: Look, words: Words) -> Any:
        from attnlab.figures.heatmaps import panelled
        from attnlab.figures.panels import panels

        how: dict[str, Any] = {"limit": (-most, most), "signed": True}
        every = [panelled(z, given.queries, dims, look, "z", name=name, **how) for name, z in maps]
        return panels(every, title=title, caption=caption, look=look, words=replace(words, query=axes[0], key=axes[1]))

    save_bar(draw, key="output", name=f"attnlab-{variant.name}-z", facts=record_of(given, variant, options), linked=bool(given.facts))

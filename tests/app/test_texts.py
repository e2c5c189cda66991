"""No free text on any page ends in a traceback: the nastiest texts, in every text field of every page and tab, in both languages."""

import pytest

from tests.app.conftest import opened

NASTY = (
    *("你好", "a1", "a é", "", "   ", "x", "word " * 300, "🙂👨‍👩‍👧", "مرحبا بالعالم", "那只猫坐在垫子上"),
    *(
        "<b>x</b><script>alert(1)</script>",
        "![x](http://evil.example) $\\frac{1}{2}$ `y` | [z](javascript:1)",
        "\u200b\ufeff\u202e\x00",
        "7 3 1 4",
    ),
)
TABS = (
    *(("start/home.py", {}), ("look/heads.py", {}), ("learn/steps.py", {}), ("build/sentiment.py", {}), ("teach/lessons.py", {})),
    *(("look/layers.py", {"part": part}) for part in ("guide", "scatter", "set", "whole")),
    *(("look/layers.py", {"part": "whole", "whole": part}) for part in ("norm", "distance")),
    *(("look/compare.py", {"with": kind}) for kind in ("texts", "models", "heads", "positions", "training")),
    *(("learn/positions.py", {"part": part}) for part in ("switch", "without", "scores")),
    *(("learn/variants.py", {"show": part}) for part in ("weights", "output", "all")),
    *(("build/translate.py", {"view": view}) for view in ("steps", "whole", "scores")),
    *(("build/train.py", {"task": task}) for task in ("reverse", "translate")),
)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("page", "tab"), TABS, ids=lambda value: value if isinstance(value, str) else "-".join(value.values()))
def test_no_text_ends_in_a_traceback(page, tab, language):
    app = opened(page, lang=language, **tab)
    kinds = ("text_input", "text_area")
    for kind, key, usual in [(name, each.key, each.value) for name in kinds for each in app.get(name)]:
        for text in (*(NASTY if language == "en" else NASTY[:2]), usual):
            field = next((each for each in app.get(kind) if each.key == key), None)
            assert field is not None, f"{key} is gone after {text!r}: what was typed can no longer be mended"
            field.set_value(text).run()
            assert not app.exception, (key, text, [each.message for each in app.exception])

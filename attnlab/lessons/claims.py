"""Numbers in a lesson's own sentences: [[weight it -> cat = 38%]] is written as the model has it, and reported when it no longer agrees.

[[weight it -> cat]] writes the number; "= 0.38" or "= 38%" says what it should be, "> 0.3" and "< 0.3" where it should lie.
[[answer]] is the answer to the step's own question, [[answer = cat]] says which one; [[target]] is what a translator wrote,
[[target = ...]] says what.
"""

import re
from collections.abc import Callable

from attnlab.lessons.lesson import Block, Mistake, Step, View
from attnlab.lessons.look import see
from attnlab.lessons.numbers import number_of
from attnlab.words import InputError

CLAIM = re.compile(r"\[\[(.+?)\]\]", re.DOTALL)
SAID = re.compile(r"^(?P<what>.*?)(?:\s+(?P<sign>=|>|<)\s*(?P<number>[+-]?[\d.]+\s*%?))?\s*$", re.DOTALL)
TYPED = re.compile(r"(?<![\w.])\d+(?:\.\d+(?!\w|\.\d)|(?=\s?%))")  # a decimal number or a percentage
APART = re.compile(r"\[\[.+?\]\]|`[^`]*`|\$\$.+?\$\$|\$[^$\n]+\$|https?://\S+", re.DOTALL)  # claims, code, formulas, addresses
NUMBER = re.compile(r"\d+(?:\.\d+)?")
WHOLE = (0.0, 1.0, 100.0)  # what a row sums to, in numbers and in percent
DECIMALS = 2
CLOSE = 1e-3  # machines differ in the last digits of a float32


def filled(block: Block, view: View | None, answer: str | None, mistakes: list[Mistake]) -> str:
    """The text with the model's numbers in it; what disagrees or cannot be computed is added to the mistakes."""

    def number(found: re.Match[str]) -> str:
        line = block.line + block.text[: found.start()].count("\n")
        try:
            return claimed(" ".join(found[1].split()), view, answer, lambda key, **facts: mistakes.append(Mistake(line, key, facts)))
        except InputError as error:
            mistakes.append(Mistake(line, error.key, error.facts))
            return "?"

    return CLAIM.sub(number, block.text)


def claimed(text: str, view: View | None, answer: str | None, wrong: Callable[..., None]) -> str:
    """One claim as the model has it. wrong is told what the lesson says and what the model says where they differ."""
    theirs: dict[str, Callable[[], str | None]] = {
        "answer": lambda: answer,
        "target": lambda: None if view is None else see(view).trace.target_text,
    }
    for name, there in theirs.items():
        if text == name or text.startswith(f"{name} = "):
            found, said = there(), text.partition(" = ")[2].strip()
            if found is None:
                raise InputError("lesson.no_answer", given=text)
            if said and said != found:
                wrong("lesson.disagrees", said=said, model=found)
            return found
    if view is None:
        raise InputError("lesson.no_view")
    parts = SAID.match(text)
    assert parts is not None
    value, said, sign = number_of(parts["what"], view), (parts["number"] or "").replace(" ", ""), parts["sign"]
    percent, digits = said.endswith("%"), said.rstrip("%")
    decimals = len(digits.partition(".")[2]) if said else DECIMALS
    shown = f"{value * (100 if percent else 1):.{decimals}f}"
    if sign == "=" and abs(value * (100 if percent else 1) - float(digits)) > 0.5 * 10**-decimals + CLOSE:
        wrong("lesson.disagrees", said=said, model=shown + "%" * percent)
    limit = (float(digits) / (100 if percent else 1)) if said else 0.0
    if (sign == ">" and not value > limit) or (sign == "<" and not value < limit):
        wrong("lesson.disagrees", said=f"{sign} {said}", model=f"{value * (100 if percent else 1):.3f}" + "%" * percent)
    if sign in (">", "<"):
        shown = f"{value * (100 if percent else 1):.{0 if percent else DECIMALS}f}"
    return shown + "%" * percent


def typed_numbers(step: Step) -> list[Mistake]:
    """Decimals and percentages that stand in a step's sentences as they were typed: nobody would notice when the model says otherwise.

    Numbers of the step's own view and question may be repeated, and what a row sums to.
    """
    asked = step.predict
    given = [step.view.written] if step.view else []
    given += [asked.ask, *(f"{o.text} {o.ask} {o.low} {o.high}" for o in asked.options), f"{asked.low} {asked.high}"] if asked else []
    known = {*WHOLE, *(float(number) for text in given for number in NUMBER.findall(text))}
    blocks = [step.prose, step.explain, *([Block(asked.question, asked.line)] if asked else [])]
    found = []
    for block in blocks:
        text = APART.sub(lambda cut: "\n" * cut[0].count("\n") + " ", block.text)
        for number in TYPED.finditer(text):
            if float(number[0]) not in known:
                line = block.line + text[: number.start()].count("\n")
                found.append(Mistake(line, "lesson.typed_number", {"given": number[0]}))
    return found

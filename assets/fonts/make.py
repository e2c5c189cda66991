"""Make the font subsets of this folder. Needs fontTools 4.68 and the sources that README.md names:

python assets/fonts/make.py NotoSansCJK-Regular.ttc FOLDER_WITH_THE_VARIABLE_NOTO_FONTS
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, newTable
from fontTools.varLib import instancer

HERE = Path(__file__).parent
ERROR = 0.001  # of the em: how far a quadratic outline may lie beside the cubic one
SCRIPTS = ("NotoSansThai", "NotoSansDevanagari", "NotoSansBengali", "NotoSansTamil", "NotoSansTelugu")
SYMBOLS = set(range(0x2000, 0x2C00)) | set(range(0xFF00, 0xFFF0)) | set(range(0x3000, 0x3100))


def encodable(codec: str) -> set[int]:
    """Every character of a two-byte East Asian standard."""
    found = set()
    for lead in range(0xA1, 0xFF):
        for trail in range(0xA1, 0xFF):
            try:
                found.update(map(ord, bytes([lead, trail]).decode(codec)))
            except UnicodeDecodeError:
                continue
    return found


def renamed(font: TTFont, family: str) -> TTFont:
    """The font under a family name of its own, so that no other version on the machine is taken in its place."""
    for record in font["name"].names:
        if record.nameID in (1, 3, 4, 6, 16):
            record.string = family.replace(" ", "") if record.nameID == 6 else family
    return font


def quadratic(font: TTFont) -> TTFont:
    """The font with TrueType outlines in the place of its CFF ones: some PDF readers draw nothing for CFF in a Type 42 font."""
    order, glyphs, drawn = font.getGlyphOrder(), font.getGlyphSet(), {}
    for name in order:
        pen = TTGlyphPen(None)
        glyphs[name].draw(Cu2QuPen(pen, max_err=ERROR * font["head"].unitsPerEm, reverse_direction=True))
        drawn[name] = pen.glyph()
    table = font["glyf"] = newTable("glyf")
    font["loca"], font["maxp"] = newTable("loca"), newTable("maxp")
    table.glyphOrder, table.glyphs = order, drawn
    font["maxp"].tableVersion = 0x00010000
    for field in ("Zones", "TwilightPoints", "Storage", "FunctionDefs", "InstructionDefs", "StackElements", "SizeOfInstructions"):
        setattr(font["maxp"], f"max{field}", 1 if field == "Zones" else 0)
    font["maxp"].maxComponentElements = 0
    for name in order:
        drawn[name].recalcBounds(table)  # the pen leaves them out, and a letter is drawn as far right as its bearing says
        font["hmtx"][name] = (font["hmtx"][name][0], drawn[name].xMin)
    font["post"].formatType, font["post"].mapping, font["post"].extraNames = 3.0, {}, []
    for name in ("CFF ", "VORG"):
        if name in font:
            del font[name]
    font.sfntVersion = "\x00\x01\x00\x00"
    return font


def save(font: TTFont, name: str, family: str, characters: set[int], features: list[str]) -> None:
    options = subset.Options(
        hinting=False, desubroutinize=False, layout_features=features, notdef_outline=True, name_IDs=[0, 1, 2, 3, 4, 6, 13, 14]
    )
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=characters)
    cutter.subset(font)
    font["head"].modified = font["head"].created
    font.recalcTimestamp = False
    if "CFF " in font:
        font = quadratic(font)
    renamed(font, family).save(HERE / name)
    print(name, (HERE / name).stat().st_size)


def main(collection: str, folder: str) -> None:
    faces = (TTFont(collection, fontNumber=number) for number in range(5))
    chinese = next(face for face in faces if face["name"].getDebugName(1) == "Noto Sans CJK SC")
    characters = SYMBOLS | encodable("gb2312") | encodable("euc_jp") | encodable("euc_kr")
    save(chinese, "NotoSansCJKsc-subset.ttf", "attnlab CJK", characters, [])
    emoji = instancer.instantiateVariableFont(TTFont(Path(folder) / "NotoEmoji[wght].ttf"), {"wght": 400})
    save(emoji, "NotoEmoji-subset.ttf", "attnlab Emoji", set(emoji.getBestCmap()) - set(range(0x20, 0x7F)), [])
    for script in SCRIPTS:
        font = TTFont(Path(folder) / f"{script}[wght].ttf")
        axes = {axis.axisTag: {"wght": 400}.get(axis.axisTag, axis.defaultValue) for axis in font["fvar"].axes}
        font = instancer.instantiateVariableFont(font, axes)
        save(
            font,
            f"{script}-subset.ttf",
            f"attnlab {script.removeprefix('NotoSans')}",
            set(font.getBestCmap()) - set(range(0x20, 0x7F)),
            ["*"],
        )


if __name__ == "__main__":
    main(*sys.argv[1:])

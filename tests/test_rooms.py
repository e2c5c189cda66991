"""The import table of the design: which room may know which. Also what `import attnlab` must not pull in."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GROUND = {"words", "files", "untrusted", "version", "VERSION", "__version__"}  # everybody's
ALL = {"core", "models", "training", "corpus", "figures", "lessons", "live", "ui"}

# room: what it may import of ours, and of others. numpy is everybody's; huggingface_hub is transformers' own client of the hub,
# pandas what Streamlit's table editor gives back.
ROOMS = {
    "core": (set(), {"torch"}),
    "models": ({"core"}, {"torch", "transformers", "tokenizers", "safetensors", "huggingface_hub"}),
    "training": ({"core", "models"}, {"torch", "sacrebleu", "tokenizers", "safetensors"}),
    "corpus": ({"core", "models"}, {"torch", "pyarrow", "duckdb", "ray"}),
    "figures": ({"core"}, {"matplotlib", "seaborn", "plotly", "PIL"}),
    "lessons": ({"core", "models", "figures"}, {"markdown_it"}),
    "live": ({"core", "lessons", "models"}, {"starlette", "redis", "segno"}),
    "widgets": ({"core", "models", "figures"}, {"anywidget", "traitlets"}),
    "ui": (ALL - {"widgets"}, {"streamlit", "pyarrow", "pandas", "torch", "matplotlib", "plotly"}),
    "pages": ({"core", "figures", "ui"}, {"streamlit"}),
    "app": ({"live", "ui"}, {"streamlit", "starlette"}),
    "commands": (ALL - {"ui"} | {"commands"}, {"typer", "rich", "torch"}),
    "attnlab": (ALL, set()),
    "ground": (set(), set()),
}
LAZY = {"transformers", "seaborn", "matplotlib", "plotly", "sacrebleu", "huggingface_hub"}


def sources() -> list[Path]:
    found = [*(ROOT / "attnlab").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]
    return sorted([*found, *(file for file in [ROOT / "app.py"] if file.exists())])


def room_of(file: Path) -> str:
    parts = file.relative_to(ROOT).parts
    if parts[0] == "app.py":
        return "app"
    if parts[0] != "attnlab":
        return "pages"
    if parts[-1] == "__main__.py":
        return "commands"
    return parts[1] if len(parts) > 2 else "ground" if parts[-1] in ("words.py", "files.py", "untrusted.py") else "attnlab"


def imports(file: Path, *, top: bool = False) -> Iterator[str]:
    """Every module that a file names in an import, those inside functions too unless only the top is asked for."""
    tree = ast.parse(file.read_text("utf-8"))
    nodes = tree.body if top else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are written in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", sources(), ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_imports_only_what_its_room_may_know(file):
    room = room_of(file)
    ours, others = ROOMS[room]
    for name in imports(file):
        first, _, rest = name.partition(".")
        if first == "attnlab":
            target = rest.split(".")[0]
            allowed = target == room or target in ours or target in GROUND
            assert allowed, f"{file.name} in {room} imports attnlab.{target}; it may import {sorted(ours)}"
        elif first == "pages":
            assert room == "pages", f"{file.name} in {room} imports a page"
        elif first not in sys.stdlib_module_names and first != "numpy":
            assert first in others, f"{file.name} in {room} imports {first}; it may import {sorted(others)}"


@pytest.mark.parametrize("file", sources(), ids=lambda file: str(file.relative_to(ROOT)))
def test_slow_libraries_are_imported_when_they_are_needed(file):
    slow = {name.split(".")[0] for name in imports(file, top=True)} & LAZY
    if room_of(file) == "figures":  # nobody imports the figures before a figure is wanted
        slow -= {"matplotlib", "plotly"}
    assert not slow, f"{file} imports {slow} at its top"


def test_nobody_uses_pyplot():
    for file in sources():
        assert not any(name.startswith("matplotlib.pyplot") for name in imports(file)), f"{file} imports pyplot, which keeps figures alive"


@pytest.mark.parametrize("module", ["attnlab", "attnlab.__main__"])
def test_neither_the_package_nor_the_command_line_begins_with_anything_heavy(module):
    """So that --version and the help answer at once."""
    heavy = ["torch", "transformers", "streamlit", "matplotlib", "seaborn", "plotly", "pyarrow"]
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip() == "[]"


def test_a_page_begins_without_a_drawing_library():
    code = "import sys, attnlab.ui.save; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip() == "False"


def needed(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only a type checker reads."""
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from needed(child)


def module_of(file: Path) -> str:
    """attnlab/core/walk/apart.py -> attnlab.core.walk.apart"""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


def needs(file: Path, modules: set[str]) -> set[str]:
    """The modules of a room that a file imports, those inside functions too."""
    nodes = [node for node in needed(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)]
    named = {name for node in nodes for alias in node.names for name in (node.module, f"{node.module}.{alias.name}")}
    return named & modules - {module_of(file)}


@pytest.mark.parametrize("room", sorted(path.name for path in (ROOT / "attnlab").iterdir() if (path / "__init__.py").exists()))
def test_the_files_of_a_room_import_one_another_in_one_direction(room):
    """There is an order in which each file needs only those before it."""
    files = {module_of(file): file for file in (ROOT / "attnlab" / room).rglob("*.py") if file.stem != "__init__"}
    wanted = {name: needs(file, set(files)) for name, file in files.items()}
    while ready := {name for name, others in wanted.items() if not others}:
        wanted = {name: others - ready for name, others in wanted.items() if name not in ready}
    assert not wanted, f"a circle among {sorted(wanted)}"


UI = ROOT / "attnlab" / "ui"
PAGES = sorted(folder.name for folder in UI.iterdir() if folder.is_dir() and folder.name != "__pycache__")  # each the folder of one page


@pytest.mark.parametrize("page", PAGES)
def test_no_page_reaches_into_another_pages_folder(page):
    others = tuple(f"attnlab.ui.{other}." for other in PAGES if other != page)
    for file in (UI / page).rglob("*.py"):
        assert not [name for name in imports(file) if name.startswith(others)], f"{file.name} of {page} imports another page's module"


@pytest.mark.parametrize("file", sorted(UI.glob("*.py")), ids=lambda file: file.name)
def test_what_pages_share_knows_no_page(file):
    assert not [name for name in imports(file) if name.startswith(tuple(f"attnlab.ui.{page}." for page in PAGES))]


def test_only_the_owner_of_choices_and_the_link_touch_streamlits_state():
    owners = ("choices.py", "link.py", "figure_files.py")  # the last one opens a visit of its own
    others = [file for file in sources() if room_of(file) in ("ui", "pages") and file.name not in owners]
    assert not [file.name for file in others if "session_state" in file.read_text("utf-8")]

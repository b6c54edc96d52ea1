"""Outside a task's own files nobody asks which task it is; new code doesn't begin to."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("attngan", "kernels/attngan_kernels", "export/attngan_export", "export/attngan_runtime")
TASKS = {"image", "text-to-image", "text"}
#: Classes that only one task has: who asks for one of them asks for the task.
OF_ONE_TASK = re.compile(r"(Image|TextToImage|Text|Captioned|Picture|Sentence)\w+$")
#: A module or package of one of these names is a task's own.
ROOMS = {"image", "text_to_image", "text"}
MOST = 10
TESTS = ("isinstance", "issubclass")


def is_room(path: Path) -> bool:
    return path.stem in ROOMS


def branches(source: str) -> list[int]:
    """Lines that ask which task it is: isinstance on what only one task has, `task ==` or `in`, `if tokenizer`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("isinstance", "issubclass")
        ):
            kinds = [name for name in ast.walk(node.args[1]) if isinstance(name, ast.Name)]
            found += [node.lineno] if any(OF_ONE_TASK.match(kind.id) for kind in kinds) else []
        elif isinstance(node, ast.Compare):
            names = {value.value for value in ast.walk(node) if isinstance(value, ast.Constant)}
            asked = [value for value in ast.walk(node) if isinstance(value, ast.Attribute | ast.Name)]
            of_task = any((value.attr if isinstance(value, ast.Attribute) else value.id) == "task" for value in asked)
            found += [node.lineno] if of_task and names & TASKS else []
        elif isinstance(node, ast.If | ast.IfExp) and asks_for_tokenizer(node.test):
            found.append(node.lineno)
    return found


def asks_for_tokenizer(test: ast.expr) -> bool:
    """`if x.tokenizer`, or `not`, or `is None`: that a generator has words often stands for its task."""
    if isinstance(test, ast.UnaryOp):
        return asks_for_tokenizer(test.operand)
    if isinstance(test, ast.BoolOp):
        return any(map(asks_for_tokenizer, test.values))
    if isinstance(test, ast.Compare):
        test = test.left
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "tokenizer"


def in_javascript(source: str) -> list[int]:
    return [n for n, line in enumerate(source.splitlines(), 1) if re.search(r"\btask\b\s*[!=]==?\s*[\"'`]", line)]


def test_few_ask_which_task_it_is():
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if not is_room(path):
                found += [f"{path.relative_to(ROOT)}:{line}" for line in branches(path.read_text("utf-8"))]
    for path in sorted((ROOT / "export" / "web").glob("*.js")) + sorted(
        (ROOT / "export" / "web" / "page").glob("*.js")
    ):
        found += [f"{path.relative_to(ROOT)}:{line}" for line in in_javascript(path.read_text("utf-8"))]
    assert len(found) <= MOST, "\n".join(found)


def test_what_asks_is_found():
    assert branches("x = isinstance(y.network, TextConfig)") == branches("isinstance(z, (int, ImageDataset))") == [1]
    assert branches("if config.task == 'text': pass") == branches("a = task in ('image', 'text')") == [1]
    assert branches("if self.tokenizer: pass") == branches("a = 1 if generator.tokenizer is not None else 2") == [1]
    assert branches("isinstance(x, str)\nif tokenizer.size: pass\nif own.task == other.task: pass") == []
    assert in_javascript("if (task === 'text') {") == [1] and in_javascript("TASKS[task]") == []

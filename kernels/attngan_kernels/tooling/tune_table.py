"""The table of configurations while it is being made, and the two files that the tuner writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from attngan_kernels.backends.triton import configs
from attngan_kernels.backends.triton.configs import Config
from attngan_kernels.tooling.tune_candidates import SMALLEST, Case, cases

if TYPE_CHECKING:
    from attngan_kernels.tooling.compile_offline import Resources
    from attngan_kernels.tooling.tune_compile import Trial

Table = dict[str, dict[str, dict[str, Any]]]  # card: {case: entry}


def current_table() -> Table:
    """The table in use, or an empty one where there is none yet."""
    path = configs.table_path()
    return json.loads(path.read_text())["cards"] if path.exists() else {}


def set_entry(table: Table, card: str, case: Case, value: dict[str, Any]) -> None:
    """Sets one entry. A card that is new to the table gets what fits any card for the rest."""
    table.setdefault(card, dict(table.get(configs.ANY_CARD, {})))[case.key] = value


def incumbent(table: Table, card: str, case: Case) -> Config | None:
    found = table.get(card, table.get(configs.ANY_CARD, {})).get(case.key)
    return Config(*found["config"]) if found else None


def lookup(table: Table, card: str, d_k: int, d_v: int, dtype: torch.dtype, name: str) -> Config:
    """As `configs.lookup`, in a table that is being made."""
    return incumbent(table, card, Case(d_k, d_v, dtype, name)) or SMALLEST


def accept(table: Table, card: str, case: Case, best: Trial | None) -> None:
    """Enters the fastest; without one the case keeps its entry."""
    if best is not None and best.resources is not None:
        set_entry(table, card, case, entry(best.config, best.resources, "timed") | {"ms": round(best.ms or 0.0, 4)})


def entry(config: Config, resources: Resources, chosen: str) -> dict[str, Any]:
    """What the table records of a case: registers and spilled bytes a thread, shared bytes a block."""
    return {"config": list(config), **resources._asdict(), "chosen": chosen}


def write_table(path: Path, cards: Table) -> None:
    """Writes the table, an entry a line, cards ascending and cases in the order of importance; never half a file."""
    import triton

    order = {case.key: i for i, case in enumerate(cases())}
    blocks = []
    for card in sorted(cards, key=lambda card: float("inf" if card == configs.ANY_CARD else card)):
        entries = sorted(cards[card].items(), key=lambda item: order.get(item[0], len(order)))
        lines = ",\n".join(f"      {json.dumps(name)}: {json.dumps(value)}" for name, value in entries)
        blocks.append(f"    {json.dumps(card)}: {{\n{lines}\n    }}")
    version = json.dumps(triton.__version__)
    _replace(path, f'{{\n  "triton": {version},\n  "cards": {{\n' + ",\n".join(blocks) + "\n  }\n}\n")


def write_trials(path: Path, trials: list[Trial], about: dict[str, Any]) -> None:
    """Every trial on a line, with device and versions."""
    import triton

    head = json.dumps(about | {"torch": torch.__version__, "triton": triton.__version__})[1:-1]
    lines = ",\n".join(f"  {json.dumps(_plain(trial))}" for trial in trials)
    _replace(path, f'{{{head},\n "trials": [\n{lines}\n]}}\n')


def _plain(trial: Trial) -> dict[str, Any]:
    used = trial.resources._asdict() if trial.resources else {}
    found = {"card": trial.card, "case": trial.case.key, "config": list(trial.config), **used}
    return found | {n: getattr(trial, n) for n in ("ms", "error", "dropped") if getattr(trial, n) is not None}


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    partial.replace(path)

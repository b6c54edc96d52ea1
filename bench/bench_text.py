"""What a token costs: the exported graph with its loop, the same steps driven from Python, and PyTorch eager.

    python bench/bench_text.py [--quick]       writes bench/results/text_speed.json (quick: prints alone)

An untrained generator of the preset captions' shape whose sentences never end, so that each has all 64 tokens; batch
1, two threads. All forms have the same cache and the same sampling and are timed in turn, round after round, so that a
busy moment of the machine meets all of them. Places: one step of the graph at each place of a sentence.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnxruntime
import torch
from output import quantiles, write_json
from torch import Tensor, nn

from attngan.attention import set_attention_backend
from attngan.networks.decoding import DeployedTextGenerator, Draft, Sampling
from attngan.networks.text import Memory, TextGenerator
from attngan.presets import preset
from attngan.quiet import quiet_exporter
from attngan_export.formats.lowering import translations
from attngan_export.formats.onnx_graph import OPSET, onnx_bytes
from attngan_export.forms.text import TextForm
from attngan_export.versions import device, versions
from attngan_runtime.generators.onnx_session import open_session
from attngan_runtime.tokenizers.sentences import END

VOCABULARY, THREADS = 2562, 2
PLACES = (0, 1, 7, 15, 31, 47, 63)
RESULTS = Path("bench/results/text_speed.json")
Call = Callable[[], object]


def endless() -> TextGenerator:
    """The generator of the preset captions, untrained, that never writes an end."""
    network, _ = preset("captions")
    torch.manual_seed(0)
    generator = TextGenerator(replace(network, vocabulary=VOCABULARY)).eval().requires_grad_(False)
    generator.bias[END] = -1e4
    return generator


class Step(nn.Module):
    """One word from the state of the sentence; all that changes comes in and goes out."""

    def __init__(self, network: DeployedTextGenerator) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, place: Tensor, ended: Tensor, word: Tensor, tokens: Tensor, scores: Tensor, cache: list[Tensor],
        looked_up: list[Tensor], mask: Tensor, mean: Tensor, chance: Tensor, sampling: list[Tensor],
    ) -> tuple[Tensor, ...]:  # fmt: skip
        pairs = list(zip(looked_up[::2], looked_up[1::2], strict=True))
        before = list(zip(cache[::2], cache[1::2], strict=True))
        draft, after = self.network.next_word(
            Draft(place, ended, word, tokens, scores), before, Memory(pairs, mask, mean), chance, Sampling(*sampling)
        )
        return *draft, *(part for pair in after for part in pair)


def step_session(network: DeployedTextGenerator, asked: tuple[Tensor, ...]) -> tuple[Any, dict[str, np.ndarray]]:
    """One step as a graph of its own under ONNX Runtime, and its inputs for the first word."""
    memory, chance, draft, cache = network.begin(*asked[:3])
    flat = [[part for pair in pairs for part in pair] for pairs in (cache, memory.pairs)]
    example = (*draft, flat[0], flat[1], memory.mask, memory.mean, chance, list(asked[3:]))
    names = [
        "place", "ended", "word", "tokens", "scores", *(f"cache_{i}" for i in range(len(flat[0]))),
        *(f"key_{i}" for i in range(len(flat[1]))), "mask", "mean", "chance", "temperature", "top_k", "top_p",
    ]  # fmt: skip
    out = [f"next_{name}" for name in names[: 5 + len(flat[0])]]
    with quiet_exporter():
        # strict: non-strict export takes no int() of a tensor, as `choose` does of the number of words to order.
        step = torch.export.export(Step(network), example, strict=True)
        program = torch.onnx.export(
            step, dynamo=True, opset_version=OPSET, external_data=False, input_names=names,
            output_names=out, custom_translation_table=translations("ort"), verbose=False,
        )  # fmt: skip
    assert program is not None
    session = open_session(program.model_proto.SerializeToString(), None, THREADS, "step")
    values = [*draft, *flat[0], *flat[1], memory.mask, memory.mean, chance, *asked[3:]]
    taken = {given.name for given in session.get_inputs()}
    return session, {name: value.numpy() for name, value in zip(names, values, strict=True) if name in taken}


def write_by_steps(session: Any, first: dict[str, np.ndarray]) -> np.ndarray:
    """A sentence by the step graph, called from Python; tokens int64 [1, 64]."""
    outputs, feeds = [output.name for output in session.get_outputs()], dict(first)
    for _ in range(first["tokens"].shape[1]):
        for name, value in zip(outputs, session.run(outputs, feeds), strict=True):
            if name.removeprefix("next_") in feeds:
                feeds[name.removeprefix("next_")] = value
    return feeds["tokens"]


def in_turn(calls: dict[str, Call], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each call, the calls in turn, after one to warm up."""
    for call in calls.values():
        call()
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            found[name].append(1e3 * (time.perf_counter() - start))
    return found


def measure(rounds: int) -> dict[str, Any]:
    """Milliseconds a token of every form, and of a step at each place."""
    torch.set_num_threads(THREADS)
    generator = endless()
    network = DeployedTextGenerator(generator)
    asked = (
        torch.tensor([[10, 20, 30, 0, 0]]), torch.tensor([[1, 1, 1, 0, 0]]), torch.tensor([7]), torch.ones(1),
        torch.zeros(1, dtype=torch.int64), torch.ones(1),
    )  # fmt: skip
    form = TextForm(network)
    loop = open_session(onnx_bytes(form, "ort", {"name": "endless"}), None, THREADS, "loop")
    feeds = {name: value.numpy() for name, value in zip(form.names, asked, strict=True)}
    session, first = step_session(network, asked)

    def eager(backend: str) -> Call:
        def call() -> Tensor:
            set_attention_backend(generator, backend)
            with torch.inference_mode():
                return network(*asked)[0]

        return call

    calls: dict[str, Call] = {
        "ONNX Runtime, one graph with its loop": lambda: loop.run(None, feeds)[0],
        "ONNX Runtime, a step graph driven from Python": lambda: write_by_steps(session, first),
        "PyTorch eager, this project's attention": eager("auto"),
        "PyTorch eager, SDPA": eager("sdpa"),
    }
    wanted = np.asarray(calls["PyTorch eager, SDPA"]())
    for name, call in calls.items():
        assert np.array_equal(np.asarray(call()), wanted), name
    length = wanted.shape[1]
    forms = {name: quantiles([ms / length for ms in times]) for name, times in in_turn(calls, rounds).items()}
    steps = {
        str(place): (lambda place=place: session.run(None, first | {"place": np.array(place)})) for place in PLACES
    }
    places = {place: quantiles(times) for place, times in in_turn(steps, 60 * rounds).items()}
    medians = [found["median"] for found in places.values()]
    fastest = min(found["median"] for name, found in forms.items() if name.startswith("PyTorch"))
    return {
        "device": device(), "threads": THREADS, "versions": versions(), "onnxruntime": onnxruntime.__version__,
        "vocabulary": VOCABULARY, "tokens": length, "ms_a_token": forms,
        "times_eager": fastest / forms["ONNX Runtime, one graph with its loop"]["median"],
        "ms_a_step_at_place": places, "places_spread": max(medians) / min(medians) - 1,
    }  # fmt: skip


@click.command()
@click.option("--quick", is_flag=True, help="A few rounds, and nothing written.")
def main(quick: bool) -> None:
    """Measures, prints and writes."""
    figures = measure(2 if quick else 20)
    click.echo(json.dumps(figures, indent=1, ensure_ascii=False))
    if not quick:
        write_json(RESULTS, figures)


if __name__ == "__main__":
    main()

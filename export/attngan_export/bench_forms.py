"""What `attngan-export bench` measures: the forms in which a bundle can be used, and what is asked of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attngan_export.first_image import KEYWORDS, PROMPT
from attngan_export.folder import PT2, TORCHSCRIPT
from attngan_export.verify import contents
from attngan_runtime.bundle import MODEL, Bundle, write_sidecar
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators.golden import golden_error, golden_inputs, golden_outputs
from attngan_runtime.generators.onnx_session import open_session
from attngan_runtime.generators.pixels import to_uint8
from attngan_runtime.tokenizers.prompts import Tokenizer
from attngan_runtime.tokenizers.sentences import SentenceTokenizer
from attngan_runtime.tokenizers.word_level import PADDING

SENTENCES = 16  #: written for each figure, since some are longer than others
_TRIES = 3  # sentences by each way of attention, of which the fastest counts

Feeds = dict[str, np.ndarray]
Draw = Callable[[Feeds], Sequence[np.ndarray]]  #: inputs by name, in the graph's order → its outputs
Job = Callable[[Draw], None]


@dataclass(frozen=True)
class Form:
    """One way to use a bundle: how it draws or writes, and what `first_image` is started with."""

    name: str
    draw: Draw
    process: tuple[str, str]


def job(bundle: Bundle, batch: int) -> tuple[Job, int]:
    """What a user asks for until he has it, `batch` at a time, and how many calls of the graph that is.

    Words become tokens, and what the graph gives becomes uint8 or text.
    """
    return _sentences(bundle, batch) if bundle.task == "text" else (_pictures(bundle, batch), 1)


def _pictures(bundle: Bundle, batch: int) -> Job:
    """The golden inputs, repeated to `batch` pictures."""
    feeds = {name: np.resize(value, (batch, *value.shape[1:])) for name, value in golden_inputs(bundle.sidecar).items()}
    tokenizer = bundle.open_tokenizer()

    def do(draw: Draw) -> None:
        if isinstance(tokenizer, Tokenizer):
            tokens = tokenizer.encode([PROMPT] * batch)
            feeds.update(tokens=tokens.ids, mask=tokens.mask)
        to_uint8(draw(feeds)[0])

    return do


def _sentences(bundle: Bundle, batch: int) -> tuple[Job, int]:
    """The first `SENTENCES` seeds, with every token to choose from."""
    tokenizer = bundle.open_tokenizer()
    assert isinstance(tokenizer, SentenceTokenizer)
    parts = [np.arange(start, start + batch) for start in range(0, SENTENCES, batch)]
    every, ones = np.zeros(batch, np.int64), np.ones(batch, np.float32)

    def do(draw: Draw) -> None:
        for seeds in parts:
            words = tokenizer.key_words([KEYWORDS] * batch, bundle.keywords)
            feeds = {"keywords": words.ids, "mask": words.mask, "seed": seeds}
            tokens, _ = draw(feeds | {"temperature": ones, "top_k": every, "top_p": ones})
            for row in tokens.tolist():
                tokenizer.sentence(row)

    return do, len(parts)


def tokens_a_sentence(bundle: Bundle, form: Form) -> float:
    """Of the sentences that `job` asks for, their ends among them: a mean."""
    counted = []

    def count(feeds: Feeds) -> Sequence[np.ndarray]:
        outputs = form.draw(feeds)
        counted.append((outputs[0] != PADDING).sum(1).mean())
        return outputs

    job(bundle, SENTENCES)[0](count)
    return float(np.mean(counted))


def onnx(bundle: Bundle, threads: int) -> Form:
    session, outputs = open_session(bundle.model, None, threads, MODEL), golden_outputs(bundle.sidecar)

    def draw(feeds: Feeds) -> Sequence[np.ndarray]:
        return [np.asarray(values) for values in session.run(outputs, feeds)]

    return Form("ONNX Runtime", draw, ("runtime", str(bundle.folder)))


def torch_files(bundle: Bundle, threads: int, copies: Path) -> list[Form]:
    """Those that the bundle has for torch alone.

    copies: a folder for the bytes that were checked, which processes load: the bundle's could be others by then.
    """
    from attngan_export.torch_files import load_torch_file

    found, folder = contents(bundle), str(bundle.folder)
    for name, content in found.items():
        (copies / name).write_bytes(content)
    write_sidecar(copies, dict(bundle.sidecar))
    return [
        Form(said, _torch_draw(load_torch_file(name, found[name], f"{folder}/{name}"), threads), (kind, str(copies)))
        for name, said, kind in ((TORCHSCRIPT, "TorchScript", "torchscript"), (PT2, ".pt2", "pt2"))
        if name in found
    ]


def eager(bundle: Bundle, run_or_name: str, threads: int) -> Form:
    """The run in PyTorch; sentences by the faster of two ways of attention. Raises AttnGANError as `module_of`."""
    module = module_of(bundle, run_or_name)
    draw = _torch_draw(module, threads)
    if bundle.task == "text" and _faster_by_sdpa(bundle, module, draw):
        return Form("PyTorch, eager, sdpa", draw, ("torch-sdpa", run_or_name))
    return Form("PyTorch, eager", draw, ("torch", run_or_name))


def _faster_by_sdpa(bundle: Bundle, module: Any, draw: Draw) -> bool:
    """Whether torch's own attention writes faster than ours, which has more to do before it starts; it is then left on.

    Ours can be differentiated twice, which is of no use here.
    """
    from attngan.attention import set_attention_backend

    ask, _ = job(bundle, SENTENCES)

    def seconds(backend: str) -> float:
        set_attention_backend(module, backend)
        ask(draw)
        start = time.perf_counter()
        ask(draw)
        return time.perf_counter() - start

    turns = [(seconds("auto"), seconds("sdpa")) for _ in range(_TRIES)]
    faster = min(sdpa for _, sdpa in turns) < min(ours for ours, _ in turns)
    set_attention_backend(module, "sdpa" if faster else "auto")
    return faster


def _torch_draw(module: Any, threads: int) -> Draw:
    import torch

    from attngan_export.gate import as_tuple

    def draw(feeds: Feeds) -> Sequence[np.ndarray]:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            return [values.numpy() for values in as_tuple(module(*map(torch.from_numpy, feeds.values())))]

    return draw


def module_of(bundle: Bundle, run_or_name: str) -> Any:
    """The bundle's generator in PyTorch. Raises AttnGANError if the weights make other pictures or sentences."""
    from attngan_export.describe import describe_graph
    from attngan_export.export import form_of, load

    # Without maps in any case: they are not drawn here.
    generator, sidecar = load(run_or_name), bundle.sidecar
    same = sidecar["task"] == generator.config.task
    if same:
        form = form_of(generator, "z" if bundle.z_dim else "seed", sidecar["precision"])
        same = {**sidecar, **describe_graph(form, generator.config)} == sidecar
    if same:
        outputs = _torch_draw(form.module, 1)(golden_inputs(sidecar))
        same = golden_error(sidecar, outputs) <= sidecar["golden"]["tolerance"]
    if not same:
        makes = "writes other sentences" if sidecar["task"] == "text" else "draws other pictures"
        raise AttnGANError(f"--against {run_or_name}", f"{makes} than {bundle.folder}", "name its own run")
    return form.module


def shipped(bundle: Bundle) -> str | None:
    """The bundle's name, if PyTorch weights of that name are shipped and are its own."""
    from attngan.checkpoint import PRETRAINED

    if not (PRETRAINED / bundle.name / "config.json").is_file():
        return None
    try:
        module_of(bundle, str(PRETRAINED / bundle.name))
    except AttnGANError:
        return None
    return str(PRETRAINED / bundle.name)

"""A generator that draws: seeds, and what a picture is to show, in; pictures out."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attngan_runtime.bundle import MODEL, Bundle
from attngan_runtime.errors import AttnGANError
from attngan_runtime.inputs import class_numbers, prompt_texts, seed_numbers, style_numbers, truncations, z_values
from attngan_runtime.onnx_session import open_session
from attngan_runtime.pixels import to_uint8
from attngan_runtime.tokens import Tokenizer, Tokens

Seeds = int | Iterable[int] | np.ndarray
Classes = int | str | Iterable[int | str] | np.ndarray
Prompts = str | Iterable[str]
Truncation = float | Sequence[float] | np.ndarray

_BATCH = 64  # pictures a call up to 64×64, fewer above: bounds the memory of activations
_ARGUMENTS = {"seed": "seeds", "class": "classes", "tokens": "prompts", "mask": "prompts"}  # where it isn't the input


@dataclass(frozen=True, eq=False)
class Attended:
    """Pictures, and where in them each word was looked at."""

    pictures: np.ndarray  #: uint8 [B, H, W, C], as `Generator.run` gives them
    maps: np.ndarray  #: float32 [B, L, h, w]: each word's share of every place; their sum is 1, or 0 without words
    words: tuple[tuple[str, ...], ...]  #: maps[i, j] belongs to words[i][j], as the user wrote it; maps beyond are 0


class Generator:
    """A generator opened in ONNX Runtime; make one with `Generator.load`.

    name: such as `fashion-32`. classes, styles: names in the order of their numbers, empty where there are none.
    channels, height, width: of a picture. z_dim: numbers in a z, 0 if it draws from seeds.
    tokenizer: what reads prompts (`tokenizer.length` words each); None if it draws without words.
    """

    def __init__(self, bundle: Bundle, tokenizer: Tokenizer | None, session: Any) -> None:
        self.name, self.classes, self.styles = bundle.name, bundle.classes, bundle.styles
        self.channels, self.height, self.width = bundle.shape
        self.z_dim = bundle.z_dim
        self.tokenizer, self.session = tokenizer, session
        output, attention = bundle.sidecar["output"], bundle.sidecar.get("attention")
        self._outputs = {output["name"]: bundle.shape}
        if attention:
            self._outputs[attention["name"]] = tuple(attention["shape"][1:])
        _check_graph(session, bundle, list(self._outputs))

    @classmethod
    def load(
        cls, path_or_name: str | Path, *, providers: str | Sequence[str] | None = None, threads: int | None = None
    ) -> Generator:
        """Opens a bundle (a folder, or the name of a shipped generator).

        providers: "cpu" (default), "cuda" or ONNX Runtime's names; refused if the first can't be had.
        threads: default one for each physical core. Raises AttnGANError as `Bundle.load` and `open_session` do.
        """
        bundle = Bundle.load(path_or_name)
        tokenizer = bundle.open_tokenizer()
        return cls(bundle, tokenizer, open_session(bundle.model, providers, threads, str(bundle.folder / MODEL)))

    def run(
        self,
        seeds: Seeds | None = None,
        classes: Classes | None = None,
        truncation: Truncation = 1.0,
        z: np.ndarray | None = None,
        *,
        prompts: Prompts | None = None,
        style: Classes | None = None,
    ) -> np.ndarray:
        """Pictures uint8 [B, H, W, C]: C is 1 grey, 3 RGB or 4 RGBA with straight alpha.

        seeds: 0 … 2³²−1; the same seed, class, prompt, style and truncation give the same picture.
        classes: numbers or names; without them picture i is of class i modulo the number of classes.
        truncation: 0 … 2 multiplies z; below 1 draws more typical pictures, 1 changes nothing.
        z: float [B, z_dim], in place of seeds where the bundle was exported with `--input z`.
        prompts: what to draw, for a generator that draws from words; what it can't read in them is a UserWarning.
        style: a number or name, where it has styles; 0 if not given.
        One value serves all pictures; several must be as many as the pictures. Raises AttnGANError otherwise.
        """
        feeds, tokens = self._feeds(seeds, classes, truncation, z, prompts, style)
        _warn(tokens)
        return np.concatenate([to_uint8(pictures) for (pictures,) in self._parts(feeds)])

    def run_float(
        self,
        seeds: Seeds | None = None,
        classes: Classes | None = None,
        truncation: Truncation = 1.0,
        z: np.ndarray | None = None,
        *,
        prompts: Prompts | None = None,
        style: Classes | None = None,
    ) -> np.ndarray:
        """The graph's own output, float32 [B, C, H, W] in [−1, 1], for the same arguments as `run`."""
        feeds, tokens = self._feeds(seeds, classes, truncation, z, prompts, style)
        _warn(tokens)
        return np.concatenate([pictures for (pictures,) in self._parts(feeds)])

    def attention(
        self,
        prompts: Prompts,
        seeds: Seeds | None = None,
        truncation: Truncation = 1.0,
        z: np.ndarray | None = None,
        style: Classes | None = None,
    ) -> Attended:
        """Pictures as `run` draws them, with one map for each word of their prompts.

        Raises AttnGANError as `run` does, and if the bundle was exported without `--attention`.
        """
        if len(self._outputs) == 1:
            raise AttnGANError(f"attention: {self.name} gives none; export a generator from words with --attention")
        feeds, tokens = self._feeds(seeds, None, truncation, z, prompts, style)
        _warn(tokens)
        words = () if tokens is None else tokens.words
        parts = list(self._parts(feeds, with_attention=True))
        pictures, maps = np.concatenate([to_uint8(part[0]) for part in parts]), [part[1] for part in parts]
        return Attended(pictures, np.concatenate(maps), words * len(pictures) if len(words) == 1 else words)

    def _feeds(
        self, seeds: Any, classes: Any, truncation: Any, z: Any, prompts: Any = None, style: Any = None
    ) -> tuple[dict[str, np.ndarray], Tokens | None]:
        """The graph's inputs, all of one length, and what became of the prompts; None without words."""
        tokens = self._tokens(prompts)
        feeds = {"truncation": truncations(truncation)}
        if tokens is not None:
            feeds |= {"tokens": tokens.ids, "mask": tokens.mask}
        if self.z_dim:
            feeds["z"] = z_values(z, seeds, self.z_dim)
        else:
            feeds["seed"] = seed_numbers(seeds, z)
        if self.classes and classes is not None:
            feeds["class"] = class_numbers(classes, self.classes)
        elif classes is not None:
            raise AttnGANError(f"classes: {self.name} has no classes; leave them out")
        if style is not None and not self.styles:
            raise AttnGANError(f"style: {self.name} has no styles to choose from; leave it out")
        if self.styles:
            feeds["style"] = style_numbers(0 if style is None else style, self.styles)
        count = max(len(values) for values in feeds.values())
        if self.classes and classes is None:
            feeds["class"] = np.arange(count, dtype=np.int64) % len(self.classes)
        for name, values in feeds.items():
            if len(values) not in (1, count):
                given = _ARGUMENTS.get(name, name)
                raise AttnGANError(f"{given}: {len(values)} values for {count} pictures; give one, or {count}")
            feeds[name] = np.repeat(values, count, 0) if len(values) < count else values
        return feeds, tokens

    def _tokens(self, prompts: Any) -> Tokens | None:
        if self.tokenizer is None:
            if prompts is not None:
                raise AttnGANError(f"prompts: {self.name} draws without words; leave them out")
            return None
        if prompts is None:
            raise AttnGANError(f"prompts: none given, and {self.name} draws what words say; pass prompts='red heart'")
        return self.tokenizer.encode(prompt_texts(prompts))

    def _parts(self, feeds: dict[str, np.ndarray], with_attention: bool = False) -> Iterator[list[np.ndarray]]:
        """What the graph gives, some pictures at a time: [pictures], or [pictures, maps]."""
        outputs = dict(list(self._outputs.items())[: 2 if with_attention else 1])
        step = max(1, min(_BATCH, _BATCH * 64 * 64 // (self.height * self.width)))
        for start in range(0, len(feeds["truncation"]), step):
            part = {name: values[start : start + step] for name, values in feeds.items()}
            try:
                drawn = self.session.run(list(outputs), part)
            except Exception as error:  # a class of its own for each error code; memory running out is one of them
                reason = str(error).splitlines()[0][:200]
                raise AttnGANError(f"{self.name}: ONNX Runtime failed to draw ({reason})") from error
            for values, shape in zip(drawn, outputs.values(), strict=True):
                if values.shape[1:] != shape:
                    raise AttnGANError(f"{self.name}: drew {values.shape}, not what its sidecar says; export it again")
            yield drawn


def _warn(tokens: Tokens | None) -> None:
    """Python's warnings, which point to the line that called the generator's method."""
    for line in tokens.warnings() if tokens else ():
        warnings.warn(line, UserWarning, stacklevel=3)


def _check_graph(session: Any, bundle: Bundle, outputs: list[str]) -> None:
    """Raises AttnGANError if the graph doesn't take and give what the sidecar says."""
    kinds = {"int64": "tensor(int64)", "float32": "tensor(float)"}
    said = {given["name"]: kinds[given["dtype"]] for given in bundle.sidecar["inputs"]}
    found = {given.name: given.type for given in session.get_inputs()}
    if said != found or not set(outputs) <= {given.name for given in session.get_outputs()}:
        raise AttnGANError(
            f"{bundle.folder}: the graph takes {', '.join(found)} and the sidecar says {', '.join(said)} "
            f"with output {' and '.join(outputs)}; export the generator again"
        )

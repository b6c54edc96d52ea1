"""A text to image generator on 40 prompts whose concepts it never saw, and on 40 that it was trained on; unpicked.

    python bench/prompt_sheet.py RUN_OR_NAME --data emoji --out docs/emoji-64.webp

The rule: of the main captions of the held-out pictures, and of the others, every n-th in the order of the pictures, so
that there are 40; the styles take turns; prompt number i is drawn from seed i.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageDraw

from attngan.data import CaptionedDataset
from attngan.errors import AttnGANError
from attngan.generators import open_generator
from attngan.generators.text_to_image import LoadedTextToImageGenerator, prompt_conditions
from attngan.tasks import TASKS
from attngan.visualization.tiles import caption_font, on_paper
from attngan_runtime.generators.grid import grid

COUNT, COLUMNS, SIDE, LINES = 40, 10, 96, 3
LINE = 11  # pixels


def prompts_of(pictures: CaptionedDataset) -> list[str]:
    """40 of the main captions, evenly spread, each once."""
    captions = list(dict.fromkeys(main for main, *_ in pictures.captions.texts))
    return [captions[place] for place in np.linspace(0, len(captions) - 1, COUNT).astype(int)]


def draw_prompts(generator: LoadedTextToImageGenerator, prompts: list[str]) -> np.ndarray:
    """uint8 [40, H, W, 4]: prompt i from seed i, the styles in turn."""
    rows = prompt_conditions(generator.tokenizer.encode(prompts), 0)
    rows[:, 0] = np.arange(len(rows)) % max(len(generator.choice_names), 1)
    return generator.sample(range(len(rows)), rows)


def block(title: str, prompts: list[str], pictures: np.ndarray) -> Image.Image:
    """A heading and four rows of ten pictures with their prompts."""
    tiles = np.stack([tile(prompt, picture) for prompt, picture in zip(prompts, pictures, strict=True)])
    sheet = grid(tiles, COLUMNS)
    found = Image.new("RGB", (sheet.width, sheet.height + 24), "white")
    ImageDraw.Draw(found).text((2, 4), title, "black", caption_font(13))
    found.paste(sheet, (0, 24))
    return found


def tile(prompt: str, picture: np.ndarray) -> np.ndarray:
    """uint8 [H, 96, 3]: the picture on white, and the prompt in up to three lines."""
    image = Image.new("RGB", (SIDE, SIDE + LINES * LINE + 4), "white")
    image.paste(Image.fromarray(np.ascontiguousarray(on_paper(picture))).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    for number, line in enumerate(textwrap.wrap(prompt, 16, max_lines=LINES, placeholder=" …")):
        ImageDraw.Draw(image).text((2, SIDE + 1 + number * LINE), line, (60, 60, 60), caption_font(9))
    return np.asarray(image)


@click.command()
@click.argument("run_or_name")
@click.option("--data", required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path))
def main(run_or_name: str, data: Path, out: Path) -> None:
    """Writes the sheet of two blocks."""
    generator = open_generator(run_or_name)
    pictures = TASKS["text-to-image"].read(data, generator)
    split = generator.split_dataset(pictures)
    if split is None:
        raise AttnGANError(f"--data {data}", f"{run_or_name} was not trained on it", "name a run, and its pictures")
    training, held_out = split
    blocks = []
    for title, shown in (
        ("40 prompts whose concepts were held out of training", held_out),
        ("40 prompts of training pictures", training),
    ):
        prompts = prompts_of(shown)
        blocks.append(block(title, prompts, draw_prompts(generator, prompts)))
    sheet = Image.new("RGB", (blocks[0].width, sum(one.height for one in blocks) + 8), "white")
    sheet.paste(blocks[0], (0, 0))
    sheet.paste(blocks[1], (0, blocks[0].height + 8))
    sheet.save(out, quality=90)
    click.echo(f"wrote {out}")


if __name__ == "__main__":
    main()

"""`attngan sample` with prompts: rows and columns, heat maps of words, and every contradiction in one line."""

import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from refusals import refused
from tiny_words import captioned, words_config

from attngan.checkpoint import save_tensors
from attngan.cli import main
from attngan.generators import open_generator
from attngan.generators.text_to_image import prompt_conditions
from attngan.train import train
from attngan.visualization.tiles import enlarge, on_paper, overlay_heat
from attngan.visualization.word_sheet import sample_with_attention

GAP = 2  # pixels between pictures of a grid


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "words"
    pictures = captioned()
    config, tokenizer = words_config(pictures, 64)
    train(config, pictures, out, torch.device("cpu"), tokenizer=tokenizer)
    return out


def call(*arguments):
    return CliRunner().invoke(main, ["sample", *map(str, arguments)])


def tile(path, row, column, size=None, side=16):
    """size: rows and columns of a table with names."""
    with Image.open(path) as image:
        pixels = np.asarray(image)
    step = side + GAP
    if size:
        pixels = pixels[-(size[0] * step - GAP) :, -(size[1] * step - GAP) :]
    return pixels[row * step : row * step + side, column * step : column * step + side]


def test_a_row_a_prompt_and_a_column_a_seed(run, tmp_path):
    out = tmp_path / "grid.png"
    result = call(run, "red square, top left", "a blue one", "--seeds", "5,9,2", "--style", "soft", "--out", out)
    assert result.exit_code == 0, result.output
    assert result.output == f"wrote 6 pictures to {out}\n"
    generator = open_generator(str(run))
    tokens = generator.tokenizer.encode(["red square, top left", "a blue one"])
    rows = prompt_conditions(tokens, 1)
    assert tokens.warnings() == [] and rows[:, 0].tolist() == [1, 1]
    for row in range(2):
        for column, seed in enumerate((5, 9, 2)):
            expected = generator.sample([seed], rows[row : row + 1])[0]
            assert np.array_equal(tile(out, row, column, (2, 3)), expected)


def test_one_prompt_is_a_grid_of_seeds_and_truncations_are_rows(run, tmp_path):
    call(run, "red", "--seeds", "0-8", "--out", tmp_path / "one.png")
    with Image.open(tmp_path / "one.png") as image:
        assert image.size == (52, 52)
    call(run, "red", "--seeds", "0-3", "--truncation", "0,1", "--out", tmp_path / "two.png")
    two = partial(tile, tmp_path / "two.png", size=(2, 4))
    assert np.array_equal(two(0, 0), two(0, 3))
    assert np.array_equal(tile(tmp_path / "one.png", 0, 0), two(1, 0))


def test_words_that_nobody_taught_it_are_named_and_the_rest_is_drawn(run, tmp_path):
    long = "red " * 17
    result = call(run, "red zebra", "", long, "--seeds", "0", "--out", tmp_path / "grid.png")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line.split(":")[0] for line in lines] == ["warning"] * 3 + [lines[-1]]
    assert "'zebra'" in lines[0] and "no words" in lines[1] and "16 words" in lines[2]


def test_heat_maps_are_the_shares_of_each_word(run, tmp_path):
    generator = open_generator(str(run))
    tokens = generator.tokenizer.encode(["blue top", "white square bottom right"])
    pictures, maps = sample_with_attention(generator, prompt_conditions(tokens, 0), [3, 4], 1.0)
    assert pictures.shape == (2, 16, 16, 4) and maps.shape == (2, 16, 16, 16)
    assert np.allclose(maps[0, :2].sum(0), 1, atol=1e-5) and not maps[0, 2:].any()
    out = tmp_path / "maps.png"
    result = call(run, "blue top", "white square bottom right", "--seeds", "3", "--out", out, "--attention")
    assert result.exit_code == 0, result.output
    with Image.open(out) as image:
        width, height = image.size
        assert image.mode == "RGB"
    side = (height - GAP) // 2
    columns = round((width + GAP) / (side - 18 + GAP))
    assert columns == 5  # the picture and the four words of the longer prompt
    with Image.open(out) as image:
        pixels = np.asarray(image.convert("RGB"))
    blank = pixels[:side, 3 * (side - 18 + GAP) : 4 * (side - 18 + GAP) - GAP]
    assert (blank == 255).all()  # the shorter prompt has no third word
    shown = enlarge(on_paper(pictures[0]), side - 18)
    first = pixels[18:side, side - 18 + GAP : 2 * (side - 18) + GAP]
    above = maps[0, 0] - maps[0, 0].min()  # black and white are the word's own extremes
    assert np.array_equal(first, overlay_heat(shown, above, max(above.max(), 0.01)))


@pytest.mark.parametrize(("arguments", "message"), [
    (("{run}", "--out", "{tmp}/x.png"), "PROMPT: none given"),
    (("fashion-32", "red heart", "--out", "{tmp}/x.png"), "prompt 'red heart': fashion-32 does not draw from words"),
    (("fashion-32", "--style", "flat", "--out", "{tmp}/x.png"), "--style flat: fashion-32 does not draw from words"),
    (("fashion-32", "--out", "{tmp}/x.png", "--attention"), "--attention: fashion-32 does not draw from words"),
    (("{run}", "red", "--style", "oil", "--out", "{tmp}/x.png"), "--style: no style 'oil'"),
    (("{run}", "red", "--style", "3", "--out", "{tmp}/x.png"), "--style: 3 is outside 0 to 2"),
    (("{run}", "red", "--classes", "1", "--out", "{tmp}/x.png"), "--classes 1: words has no classes"),
    (("{run}", "red", "--interpolate", "3", "--out", "{tmp}/x.png"), "--interpolate 3: not for a generator that draws"),
    (("{run}", "red", "--attention", "1,2", "--out", "{tmp}/x.png"), "--attention 1,2: words attends to words"),
    (("{run}", "red", "--attention", "3", "--out", "{tmp}/x.png"), "--attention 3: is not a point"),
    (("{run}", "--prompt", "red", "--attention", "--columns", "2", "--out", "{tmp}/x.png"), "with --attention; "),
    (("{run}", "red", "--attention", "--interpolate", "2", "--out", "{tmp}/x.png"), "--attention: not together"),
    (("{run}", "red", "--prompt", "blue", "--out", "{tmp}/x.png"), "PROMPT red: beside --prompt blue"),
    (("{run}", "red\x07", "--out", "{tmp}/x.png"), "U+0007"),
    (("{run}", "red", "--seeds", "0-999999", "--out", "{tmp}/x.png"), "pixels"),
])  # fmt: skip
def test_contradictions_get_one_line_and_nothing_is_drawn(arguments, message, run, tmp_path):
    result = call(*(argument.format(run=run, tmp=tmp_path) for argument in arguments))
    refused(result, message)
    assert not list(tmp_path.iterdir())


def test_attention_leaves_the_prompt_behind_it_alone(run, tmp_path):
    ways = [("blue top", "--attention"), ("--attention", "blue top"), ("--attention", "--prompt", "blue top")]
    for name, words in enumerate(ways):
        result = call(run, "--seeds", "3", "--out", tmp_path / f"{name}.png", *words)
        assert result.exit_code == 0, result.output
    sheets = [path.read_bytes() for path in tmp_path.iterdir()]
    assert len(sheets) == 3 and sheets[0] == sheets[1] == sheets[2]


def test_without_word_attention_there_are_no_maps(run, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(run, out)
    generator = open_generator(str(run))
    config = replace(generator.config, network=replace(generator.config.network, attention=()))
    (out / "config.json").write_text(config.to_json())
    tensors = generator.network.generator.state_dict()
    kept = {name: tensor for name, tensor in tensors.items() if ".attention." not in name or name.startswith("text.")}
    save_tensors(out / "generator.safetensors", kept)
    result = call(out, "red", "--seeds", "0", "--out", tmp_path / "x.png", "--attention")
    refused(result, "--attention: run has no word attention")
    assert call(out, "red", "--seeds", "0", "--out", tmp_path / "x.png").exit_code == 0

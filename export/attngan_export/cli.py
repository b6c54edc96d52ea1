"""The `attngan-export` command: export, verify, bench."""

from __future__ import annotations

from pathlib import Path

import click

from attngan_export.requirements import require
from attngan_export.table import table
from attngan_runtime.commands.console import GroupWithDefault


@click.group(
    cls=GroupWithDefault, default="export",
    usages=["RUN_OR_NAME --out BUNDLE [OPTIONS]", "verify BUNDLE [OPTIONS]", "bench BUNDLE [OPTIONS]"],
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
@click.version_option(package_name="attngan")
def main() -> None:
    """Write a trained generator as a bundle that runs without PyTorch, compared with PyTorch first.

    RUN_OR_NAME is a run folder of attngan train, or a shipped generator. A run folder named like a subcommand is
    written ./bench.
    """


@main.command(hidden=True)
@click.argument("run_or_name")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Bundle folder; an older bundle is replaced."
)
@click.option("--target", type=click.Choice(["ort", "portable"]), default="ort", show_default=True,
              help="ort: fastest under ONNX Runtime. portable: standard ONNX operators alone.")  # fmt: skip
@click.option("--input", "noise", type=click.Choice(["seed", "z"]), default="seed", show_default=True,
              help="Draw noise inside the graph from a seed, or take it as z.")  # fmt: skip
@click.option("--torchscript", is_flag=True, help="Write model.torchscript.pt too.")
@click.option("--pt2", is_flag=True, help="Write model.pt2 too, the file of torch.export.")
@click.option("--precision", type=click.Choice(["fp32", "fp16-weights"]), default="fp32", show_default=True,
              help="fp16-weights: half the size, computed in fp32 all the same.")  # fmt: skip
@click.option("--attention", is_flag=True, help="Of a generator from words: give where it looked for each word, too.")
@click.option("--license", "license_", default="", metavar="TEXT", help="Of the weights, for the bundle: an SPDX name "
              "such as CC-BY-4.0, or a text. A shipped generator has its own.")  # fmt: skip
def export(
    run_or_name: str, out: Path, target: str, noise: str, torchscript: bool, pt2: bool, precision: str, attention: bool,
    license_: str,
) -> None:  # fmt: skip
    """Write the bundle of a run or shipped generator."""
    require("torch", "safetensors", "onnx", "onnxscript", "onnxruntime")
    from attngan_export.export import export_generator

    done = export_generator(
        run_or_name, out, target=target, noise=noise, torchscript=torchscript, pt2=pt2,  # type: ignore[arg-type]
        precision=precision, attention=attention, license=license_,  # type: ignore[arg-type]
    )  # fmt: skip
    for entry in done.comparisons:
        click.echo(entry)
    for name, size in done.sizes.items():
        click.echo(f"wrote {out / name} ({size / 1e6:.2f} MB)")


@main.command()
@click.argument("bundle")
@click.option("--against", metavar="RUN_OR_NAME", help="Compare with PyTorch too, as the export did.")
def verify(bundle: str, against: str | None) -> None:
    """Check a bundle: hashes, schema, golden sample."""
    require("onnxruntime")
    if against:
        require("torch", "safetensors")
    from attngan_export.verify import verify as check

    click.echo(table(("file", "check", "result"), check(bundle, against)))


@main.command()
@click.argument("bundle")
@click.option("--against", metavar="RUN_OR_NAME", help="Weights for the PyTorch rows; a shipped generator has its own.")
@click.option("--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here too.")
def bench(bundle: str, against: str | None, path: Path | None) -> None:
    """Measure latency, time to the first picture, and memory; beside PyTorch."""
    require("onnxruntime")
    from attngan_export.bench.bench import check_json_path, report, run_bench, write_json

    if path:
        check_json_path(path)
    figures = run_bench(bundle, against)
    click.echo(report(figures))
    if path:
        write_json(figures, path)


if __name__ == "__main__":
    main()

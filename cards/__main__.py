"""The knowledge's command line: check it, render it for a clinician, import an RxNorm release."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

DOCUMENT = Path("docs/clinical-content.md")


@click.group(
    epilog="Exit codes: 0 done, 1 a problem was found and told, 2 wrong usage.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
def main() -> None:
    """Clinical knowledge of the RLS service: what a clinician reviews."""


@main.command()
@click.option("--strict", is_flag=True, help="Warnings (a review-by date that has passed) count as faults too.")
def check(strict: bool) -> None:  # noqa: FBT001 - click passes options so
    """Load every knowledge file strictly and check that they hang together.

    Faults and warnings go to standard error. Exit code 1 where there is a fault.
    """
    from cards import consistency
    from cards.knowledge_base import load_knowledge
    from cards.loader import KnowledgeError
    from cards.order_check import faulty_orders

    try:
        knowledge = load_knowledge()
    except KnowledgeError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    today = datetime.now(UTC).date()
    found = [*consistency.faults(knowledge), *faulty_orders(knowledge, today)]
    warnings = consistency.warnings(knowledge, today)
    for line in (*found, *(f"warning: {warning}" for warning in warnings)):
        click.echo(line, err=True)
    if found or (strict and warnings):
        sys.exit(1)
    cards = len(knowledge.card_home)
    codes = sum(len(value_set.codes) for value_set in knowledge.value_set_names.values())
    click.echo(
        f"knowledge {knowledge.full_version} ({knowledge.status}): {cards} cards, "
        f"{len(knowledge.value_set_names)} value sets with {codes} codes, {len(knowledge.roles)} ingredients with a role"
    )


@main.command("render")
@click.option(
    "--check", "only_check", is_flag=True, help="Only say whether the document is up to date: 1 if it is not."
)
@click.option("--out", type=click.Path(path_type=Path), default=DOCUMENT, show_default=True, help="Where to write it.")
def render_document(only_check: bool, out: Path) -> None:  # noqa: FBT001 - click passes options so
    """Write all clinical content into one document for review."""
    from cards.knowledge_base import load_knowledge
    from cards.render import render

    text = render(load_knowledge(), _vignettes(Path("tests/vignettes")))
    if only_check:
        if not out.exists() or out.read_text(encoding="utf-8") != text:
            click.echo(f"{out} is stale: run `python -m cards render`", err=True)
            sys.exit(1)
        return
    out.write_text(text, encoding="utf-8")
    click.echo(f"wrote {out}")


def _vignettes(folder: Path) -> dict[str, list[str]]:
    """The names of the vignettes by stem; none where the folder is not there."""
    from cards.loader import load_yaml

    files = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    return {file.stem: [f"{one['id']}: {one['name']}" for one in load_yaml(file)] for file in files}


@main.group()
def terminology() -> None:
    """Local index of drug products."""


@terminology.command("import")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("var/rxnorm.index"),
    show_default=True,
    help="Where to write the index.",
)
def import_terminology(path: Path, out: Path) -> None:
    """Import an RxNorm release: PATH is the zip file, or the folder with its RRF files.

    A release that is damaged or incomplete changes nothing: exit code 1.
    """
    from rich.console import Console
    from rich.progress import Progress

    from cards.terminology.importer import import_release
    from cards.terminology.release_files import ReleaseError

    out.parent.mkdir(parents=True, exist_ok=True)
    shown = sys.stderr.isatty()
    try:
        with Progress(
            console=Console(stderr=True, force_terminal=shown), transient=True, disable=not shown
        ) as progress:
            task = progress.add_task("reading", total=None)
            report = import_release(
                path, out, lambda at: progress.update(task, description=at.file, completed=at.read, total=at.of)
            )
    except ReleaseError as error:
        click.echo(f"nothing was changed: {error}", err=True)
        sys.exit(1)
    click.echo(f"wrote {out}: {report}")
    click.echo(f"use it with RLS_CDS_RXNORM_INDEX={out}")


if __name__ == "__main__":
    main(prog_name="python -m cards")

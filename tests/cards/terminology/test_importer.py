"""The import of a release, and of releases that are spoilt."""

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cards.terminology import Exposure, IronIntent, Naming, RecognisedBy, Terminology, load_terminology
from cards.terminology.importer import import_release
from cards.terminology.index_file import IndexFileError, open_release
from cards.terminology.release_files import Progress, ReleaseError

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://hl7.org/fhir/sid/ndc"


def coded(code: str, system: str = RXNORM) -> Naming:
    return Naming(codings=((system, code, None),))


@pytest.mark.parametrize(
    ("code", "ingredients"),
    [
        ("91001", ("testazine",)),
        ("91002", ("testazine",)),
        ("91005", ("testazine",)),
        ("92001", ("testazine",)),
        ("93001", ("testazine",)),
        ("93002", ("testazine",)),
        ("94001", ("testazine",)),
        ("94101", ("testazine",)),
        ("93003", ("fakeferrin",)),
        ("95001", ("fakeferrin",)),
        ("92002", ()),
    ],
)
def test_any_level_of_rxnorm_leads_to_its_ingredients(
    imported: Terminology, code: str, ingredients: tuple[str, ...]
) -> None:
    product = imported.recognise(coded(code))

    assert (product.ingredients, product.recognised_by) == (ingredients, RecognisedBy.RXNORM)


@pytest.mark.parametrize(
    ("code", "exposure"),
    [
        ("93001", Exposure.SYSTEMIC),
        ("93004", Exposure.LOCAL),
        ("94101", Exposure.SYSTEMIC),
        ("94102", Exposure.LOCAL),
        ("94002", Exposure.LOCAL),
        ("91001", Exposure.UNKNOWN),
    ],
)
def test_the_dose_form_comes_with_the_code(imported: Terminology, code: str, exposure: Exposure) -> None:
    product = imported.recognise(coded(code))

    assert product.exposure is exposure


def test_a_retired_code_is_kept_flagged_and_read_by_its_own_name(imported: Terminology) -> None:
    product = imported.recognise(coded("93005"))

    assert (product.ingredients, product.retired) == (("testazine",), True)


def test_the_name_behind_a_code_gives_strength_and_iron(imported: Terminology) -> None:
    product = imported.recognise(coded("93003"))

    assert product.iron is not None
    assert (product.iron.intent, product.iron.elemental_mg) == (IronIntent.ORAL, 32.5)


@pytest.mark.parametrize("written", ["00000000101", "00000-0001-01", "0000-0001-01", "0000000101"])
def test_an_ndc_leads_to_its_product(imported: Terminology, written: str) -> None:
    product = imported.recognise(coded(written, NDC))

    assert (product.ingredients, product.recognised_by) == (("testazine",), RecognisedBy.CODE)


@pytest.mark.parametrize("written", ["99999999999", "no ndc", "1-2", "0-0-000001"])
def test_an_unknown_ndc_is_unmapped(imported: Terminology, written: str) -> None:
    product = imported.recognise(coded(written, NDC))

    assert product.unmapped


@pytest.mark.parametrize("code", ["1", "99999999"])
def test_a_code_that_the_release_lacks_is_unmapped(imported: Terminology, code: str) -> None:
    product = imported.recognise(coded(code))

    assert product.unmapped


def test_offline_and_imported_agree_where_both_know_the_code(fictional: Path, imported: Terminology) -> None:
    offline = load_terminology(fictional, "us")
    codes = ("91001", "91002", "91003", "94001", "94002")

    pairs = [(offline.recognise(coded(code)), imported.recognise(coded(code))) for code in codes]

    assert [(one.ingredients, one.exposure is Exposure.LOCAL) for one, _other in pairs] == [
        (other.ingredients, other.exposure is Exposure.LOCAL) for _one, other in pairs
    ]


@pytest.mark.parametrize(
    ("code", "ingredients", "form", "name"),
    [
        ("93001", (91001, 91002), "Oral Tablet", "testazine hydrochloride 25 MG Oral Tablet"),
        ("93003", (91003,), "Oral Tablet", "fakeferrin 65 MG Oral Tablet"),
        ("93004", (91001, 91002), "Topical Cream", "testazine hydrochloride 20 MG/ML Topical Cream"),
        ("92002", (91004,), None, "mockuprofen 200 MG"),
    ],
)
def test_imported_and_learned_online_agree(
    fictional: Path, imported: Terminology, code: str, ingredients: tuple[int, ...], form: str | None, name: str
) -> None:
    online = load_terminology(fictional, "us")
    online.learn(code, ingredients=ingredients, form=form, name=name, retired=False)

    assert online.recognise(coded(code)) == imported.recognise(coded(code))


def test_a_name_gives_the_same_product_as_its_code(fictional: Path, imported: Terminology) -> None:
    by_name = load_terminology(fictional, "us").recognise(Naming(text="fakeferrin 65 MG Oral Tablet"))
    by_code = imported.recognise(coded("93003"))

    assert replace(by_name, recognised_by=by_code.recognised_by) == by_code


def test_a_zip_says_which_release_it_is(release: Path, tmp_path: Path) -> None:
    packed = tmp_path / "RxNorm_full_10062025.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for path in release.iterdir():
            file.write(path, f"prescribe/rrf/{path.name}")
            file.write(path, f"rrf/{path.name}")

    report = import_release(packed, tmp_path / "index")

    assert (report.version, open_release(tmp_path / "index").version, len(open_release(tmp_path / "index"))) == (
        "2025-10-06",
        "2025-10-06",
        report.products,
    )


def test_the_import_reports_what_it_found(release: Path, tmp_path: Path) -> None:
    steps: list[Progress] = []

    report = import_release(release, tmp_path / "index", steps.append)

    assert (report.version, report.retired, report.without_ingredients, report.ndcs) == ("unknown", 1, 1, 1)
    assert [(step.file, step.read == step.of) for step in steps] == [
        ("RXNCONSO.RRF", True),
        ("RXNREL.RRF", True),
        ("RXNSAT.RRF", True),
    ]


def test_progress_is_shown_on_the_way(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cards.terminology.release_files._REPORT_EVERY", 1000)
    steps: list[Progress] = []

    import_release(release, tmp_path / "index", steps.append)

    assert len(steps) > 3


def test_without_attributes_there_are_no_ndcs(release: Path, tmp_path: Path) -> None:
    (release / "RXNSAT.RRF").unlink()

    report = import_release(release, tmp_path / "index")

    assert report.ndcs == 0


def _rewrite(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))


@pytest.mark.parametrize("name", ["RXNCONSO.RRF", "RXNREL.RRF", "RXNSAT.RRF"])
@pytest.mark.parametrize("change", [lambda rows: rows[::-1], lambda rows: rows + rows])
def test_order_and_repetition_of_rows_do_not_matter(
    release: Path, tmp_path: Path, index: Path, name: str, change: Callable[[list[str]], list[str]]
) -> None:
    _rewrite(release / name, change)

    import_release(release, tmp_path / "index")

    assert (tmp_path / "index").read_bytes() == index.read_bytes()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _garbage(path: Path) -> None:
    path.write_bytes(b"\x00\xff garbage | |RXNORM| \n" + path.read_bytes())


def _endless(path: Path) -> None:
    path.write_bytes(b"|" * 200_000)


def _half(path: Path) -> None:
    rows = path.read_text().splitlines(keepends=True)
    path.write_text("".join(rows[: len(rows) // 3]))


def _empty(path: Path) -> None:
    path.write_text("")


def _no_number(path: Path) -> None:
    path.write_text(path.read_text().replace("93001|", "x3001|"))


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        *(
            (name, spoil)
            for name in ("RXNCONSO.RRF", "RXNREL.RRF", "RXNSAT.RRF")
            for spoil in (_cut, _garbage, _endless)
        ),
        *((name, _no_number) for name in ("RXNCONSO.RRF", "RXNREL.RRF", "RXNSAT.RRF")),
        ("RXNCONSO.RRF", _half),
        ("RXNCONSO.RRF", _empty),
        ("RXNREL.RRF", _half),
        ("RXNREL.RRF", _empty),
        ("RXNREL.RRF", Path.unlink),
    ],
)
def test_a_spoilt_release_is_refused_and_the_old_index_stays(
    release: Path, tmp_path: Path, name: str, spoil: Callable[[Path], None]
) -> None:
    out = tmp_path / "index"
    out.write_bytes(b"the old one")
    spoil(release / name)

    with pytest.raises(ReleaseError, match=r"RXN|incomplete"):
        import_release(release, out)

    assert (out.read_bytes(), [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]) == (
        b"the old one",
        [],
    )


def test_a_path_that_is_no_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="neither a release zip nor a folder"):
        import_release(tmp_path / "nothing", tmp_path / "index")


def test_a_cut_zip_is_refused(release: Path, tmp_path: Path) -> None:
    packed = Path(shutil.make_archive(str(tmp_path / "release"), "zip", release))
    packed.write_bytes(packed.read_bytes()[:-30])

    with pytest.raises(ReleaseError, match="no zip file"):
        import_release(packed, tmp_path / "index")


def test_a_zip_with_damaged_content_is_refused(release: Path, tmp_path: Path) -> None:
    packed = tmp_path / "release.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for path in release.iterdir():
            file.write(path, path.name)
    packed.write_bytes(
        packed.read_bytes().replace(b"testazine hydrochloride 25 MG|", b"testazine hydrochloride 26 MG|", 1)
    )

    with pytest.raises(ReleaseError, match="cannot be read to its end"):
        import_release(packed, tmp_path / "index")


def test_an_animal_medicine_holds_nothing_of_ours(release: Path, tmp_path: Path, fictional: Path) -> None:
    with (release / "RXNSAT.RRF").open("a") as file:
        file.write(
            "93001||||CUI|93001|||RXN_VET_DRUG|RXNORM|US|N|4096|\n93004||||CUI|93004|||RXN_VET_DRUG|RXNORM|US|N|4096|\n"
        )
        file.write(
            "93001||||CUI|93001|||NDC|RXNORM|no ndc|N|4096|\n93999||||CUI|93999|||NDC|RXNORM|00000000102|N|4096|\n"
        )
        file.write("93001||||AUI|93001|||SPL|MTHSPL|x|RXNORM|N|\n".replace("x|RXNORM|", "|RXNORM|"))
    import_release(release, tmp_path / "index")
    terminology = load_terminology(fictional, "us", tmp_path / "index")

    products = [terminology.recognise(coded(code)) for code in ("93001", "93004")]

    assert [(product.ingredients, product.unmapped) for product in products] == [((), False), (("testazine",), False)]


def test_a_concept_merged_into_another_leads_there(release: Path, tmp_path: Path, fictional: Path) -> None:
    archived = "1|2|{name}||||{code}|N|ENG|2020|3|v|{code}|{sab}|{tty}|{into}|\n"
    rows = [
        archived.format(name="old testazine tablet", code="80001", sab="RXNORM", tty="SCD", into="93001"),
        archived.format(name="testazine 5 MG Oral Tablet", code="80002", sab="RXNORM", tty="SCD", into=""),
        archived.format(name="testazine", code="80003", sab="MTHSPL", tty="RXNORM", into=""),
        archived.format(name="testazine", code="80004", sab="RXNORM", tty="SY", into=""),
        archived.format(name="nothing", code="93001", sab="RXNORM", tty="SCD", into=""),
    ]
    (release / "RXNATOMARCHIVE.RRF").write_text("".join(rows))
    import_release(release, tmp_path / "index")
    terminology = load_terminology(fictional, "us", tmp_path / "index")

    products = [terminology.recognise(coded(code)) for code in ("80001", "80002", "80003", "80004", "93001")]

    assert [(product.ingredients, product.retired) for product in products] == [
        (("testazine",), True),
        (("testazine",), True),
        ((), False),
        ((), False),
        (("testazine",), False),
    ]


def test_odd_relations_do_not_mislead(release: Path, tmp_path: Path, fictional: Path) -> None:
    with (release / "RXNREL.RRF").open("a") as file:
        # A pack that contains itself and a brand, a loop of strengths, a relation between atoms, another source.
        for source, name, target in ((95001, "contains", 95001), (95001, "contains", 94001), (92001, "form_of", 92001)):
            file.write(f"{target}||CUI|RO|{source}||CUI|{name}|||RXNORM|||||4096|\n")
        file.write("91004||AUI|RO|93003||AUI|has_ingredient|||RXNORM|||||4096|\n")
        file.write("91001||CUI|RO|93003||CUI|has_ingredient|||MTHSPL|RXNORM||||4096|\n")
    import_release(release, tmp_path / "index")
    terminology = load_terminology(fictional, "us", tmp_path / "index")

    products = [terminology.recognise(coded(code)).ingredients for code in ("95001", "92001", "93003")]

    assert products == [("fakeferrin",), ("testazine",), ("fakeferrin",)]


def test_a_branded_pack_is_read_through_the_generic_one(release: Path, tmp_path: Path, fictional: Path) -> None:
    with (release / "RXNCONSO.RRF").open("a") as file:
        file.write("95002|ENG||||||1|1|95002||RXNORM|BPCK|95002|{7 (fakeferrin) } Pack [Zzzpack]||N|4096|\n")
    with (release / "RXNREL.RRF").open("a") as file:
        file.write("95001||CUI|RB|95002||CUI|tradename_of|||RXNORM|||||4096|\n")
    import_release(release, tmp_path / "index")
    terminology = load_terminology(fictional, "us", tmp_path / "index")

    product = terminology.recognise(coded("95002"))

    assert product.ingredients == ("fakeferrin",)


def test_a_current_atom_goes_before_a_retired_one(release: Path, tmp_path: Path, fictional: Path) -> None:
    with (release / "RXNCONSO.RRF").open("a") as file:
        file.write("93005|ENG||||||1|1|93005||RXNORM|SCD|93005|testazine hydrochloride 10 MG Oral Tablet||N|4096|\n")
    with (release / "RXNREL.RRF").open("a") as file:
        file.write("92001||CUI|RO|93005||CUI|consists_of|||RXNORM|||||4096|\n")
    import_release(release, tmp_path / "index")
    terminology = load_terminology(fictional, "us", tmp_path / "index")

    product = terminology.recognise(coded("93005"))

    assert (product.ingredients, product.retired) == (("testazine",), False)


def test_a_missing_index_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IndexFileError, match="cannot be read"):
        open_release(tmp_path / "nothing")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:-8],
        lambda content: content[:40],
        lambda content: content[:0],
        lambda content: content[:-1] + b"x",
        lambda content: b"another!" + content[8:],
    ],
)
def test_a_damaged_index_is_refused(tmp_path: Path, index: Path, spoil: Callable[[bytes], bytes]) -> None:
    damaged = tmp_path / "index"
    damaged.write_bytes(spoil(index.read_bytes()))

    with pytest.raises(IndexFileError, match="cut or damaged"):
        open_release(damaged)

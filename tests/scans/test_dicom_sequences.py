"""Which sequence a series is, from the headers that scanners of several makers write."""

import dataclasses

import pytest

from brainseg.errors import UserError
from brainseg.scans.dicom_header import Header, parse_header
from brainseg.scans.dicom_listing import DicomFile, Opener
from brainseg.scans.dicom_sequences import is_localiser, recognise_sequence
from brainseg.scans.dicom_series import choose_series, group_series
from tests.scans.dicom_files import drawn_volume, make_enhanced, make_slices, save, write_series

VOLUME = drawn_volume((3, 12, 14))


@pytest.fixture(scope="module")
def header(tmp_path_factory) -> Header:
    (path, *_) = write_series(tmp_path_factory.mktemp("series"), VOLUME)
    with Opener() as opener:
        return parse_header(DicomFile(path), opener)


# Name, echo, repetition and inversion time in ms, contrast agent; as in public collections of scans.
KNOWN = [
    ("AX FLAIR", 120, 9000, 2500, False, "flair"),
    ("t2_tirm_tra_dark-fluid", 81, 9000, 2500, False, "flair"),
    ("AX T2 FLAIR +C", 125, 10000, 2250, True, "flair"),
    ("Sag CUBE FLAIR", 117, 6002, 1890, False, "flair"),
    ("", 120, 9000, 2500, False, "flair"),
    ("", 388, 5000, 1800, False, "flair"),
    ("AX T1 FLAIR", 9, 2200, 860, False, "pre-contrast"),
    ("t1_se_tra", 17, 550, None, False, "pre-contrast"),
    ("t1_mprage_sag_p2_iso", 3, 2300, 900, False, "pre-contrast"),
    ("", 3, 2300, 900, False, "pre-contrast"),
    ("", 14, 600, None, False, "pre-contrast"),
    ("", 3, 8, None, False, "pre-contrast"),
    ("t1_mpr_ns_sag_nativ", 3, 2300, 900, True, "pre-contrast"),
    ("AX T1 PRE GD", 10, 500, None, True, "pre-contrast"),
    ("AX T1 +C", 10, 500, None, False, "post-contrast"),
    ("t1_se_tra_km", 17, 550, None, False, "post-contrast"),
    ("AX T1 POST GAD", 10, 500, None, False, "post-contrast"),
    ("T1CE", 10, 500, None, False, "post-contrast"),
    ("AXIAL T1", 10, 500, None, True, "post-contrast"),
    ("", 10, 500, None, True, "post-contrast"),
    ("AX T1 COR", 10, 500, None, False, "pre-contrast"),
    ("AX T2", 100, 4000, None, False, "other"),
    ("", 100, 4000, None, False, "other"),
    ("ep2d_diff_3scan_trace ADC", 90, 5000, None, False, "other"),
    ("TOF 3D MRA", 4, 25, None, False, "other"),
    ("", 4, 25, None, False, "other"),
    ("SWI", 20, 28, None, False, "other"),
    ("COR STIR", 60, 4000, 160, False, "other"),
    ("", 60, 4000, 160, False, "other"),
    ("perfusion DSC", 30, 1500, None, True, "other"),
    ("", None, None, None, False, None),
    ("series 4", None, None, None, False, None),
]


@pytest.mark.parametrize(("name", "echo", "repetition", "inversion", "contrast", "expected"), KNOWN)
def test_sequence_is_recognised(header, name, echo, repetition, inversion, contrast, expected):
    changed = dataclasses.replace(
        header,
        words=name.lower(),
        echo_time=echo,
        repetition_time=repetition,
        inversion_time=inversion,
        contrast=contrast,
    )
    assert recognise_sequence(changed) == expected


@pytest.mark.parametrize(
    ("words", "image_type", "expected"),
    [
        ("3-plane loc", ("ORIGINAL",), True),
        ("localizer", ("ORIGINAL",), True),
        ("", ("ORIGINAL", "PRIMARY", "LOCALIZER"), True),
        ("flair local", ("ORIGINAL",), False),
    ],
)
def test_localiser(header, words, image_type, expected):
    assert is_localiser(dataclasses.replace(header, words=words, image_type=image_type)) is expected


def test_enhanced_header_says_the_same_as_single_frames(tmp_path, header):
    path = save(make_enhanced(make_slices(VOLUME)), tmp_path / "enhanced")
    agent = save(make_enhanced(make_slices(VOLUME, sequence="t1ce")), tmp_path / "agent")
    with Opener() as opener:
        enhanced = parse_header(DicomFile(path), opener)
        assert recognise_sequence(parse_header(DicomFile(agent), opener)) == "post-contrast"
    for name in ("echo_time", "repetition_time", "inversion_time", "rows", "columns", "series", "modality"):
        assert getattr(enhanced, name) == getattr(header, name), name
    assert recognise_sequence(enhanced) == "flair"


def series_of(tmp_path, *options):
    for number, each in enumerate(options, 1):
        write_series(tmp_path, VOLUME, number=number, **each)
    with Opener() as opener:
        return group_series(parse_header(DicomFile(path), opener) for path in sorted(tmp_path.iterdir()))


def test_t1_parallel_to_flair_is_preferred(tmp_path):
    series = series_of(tmp_path, {}, {"sequence": "t1", "plane": "sagittal"}, {"sequence": "t1"})
    found, _ = choose_series(series, {})
    assert {name: each.first.series_number for name, each in found.items()} == {"pre-contrast": 3, "flair": 1}


def test_two_parallel_t1_are_ambiguous(tmp_path):
    series = series_of(tmp_path, {}, {"sequence": "t1"}, {"sequence": "t1"})
    with pytest.raises(UserError, match="2 series are pre-contrast"):
        choose_series(series, {})
    found, _ = choose_series(series, {"pre-contrast": "3"})
    assert {name: each.first.series_number for name, each in found.items()} == {"pre-contrast": 3, "flair": 1}


def test_the_only_series_is_taken_as_flair_if_its_headers_do_not_say(tmp_path):
    unknown = {"SeriesDescription": "", "EchoTime": None, "RepetitionTime": None, "InversionTime": None}
    found, notes = choose_series(series_of(tmp_path, {"header": unknown}), {})
    assert list(found) == ["flair"]
    assert notes[0] == "The headers do not say which sequence this is; it is taken as FLAIR."


def test_two_t1_that_are_not_parallel_to_flair_are_ambiguous(tmp_path):
    series = series_of(tmp_path, {}, {"sequence": "t1", "plane": "sagittal"}, {"sequence": "t1", "plane": "coronal"})
    with pytest.raises(UserError, match="2 series are pre-contrast"):
        choose_series(series, {})


def test_series_are_in_the_order_of_their_numbers(tmp_path):
    for name, number in (("a", 12), ("b", 3)):
        write_series(tmp_path / name, VOLUME, number=number)
    files = [DicomFile(path) for path in sorted(tmp_path.rglob("*_*"))]
    with Opener() as opener:
        series = group_series(parse_header(file, opener) for file in files)
    assert [each.first.series_number for each in series] == [3, 12]

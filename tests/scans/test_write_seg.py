"""DICOM SEG out: read back voxel by voxel, codes, repeatable bytes, and what is taken over from the source."""

import highdicom
import numpy as np
import pydicom
import pytest

from brainseg.errors import UserError
from brainseg.scans.dicom_objects import Algorithm
from brainseg.scans.write_seg import EMPTY, write_seg
from brainseg.scans.write_seg_report import write_volume_report
from tests.scans.dicom_files import make_enhanced, make_slices, save, write_series
from tests.scans.dicom_marker import MARKER
from tests.scans.segmented import ALGORITHM, VOLUME, draw_mask, read


def positions(affine: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The coordinates of the voxels of a mask, mm, sorted."""
    points = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]
    return points[np.lexsort(np.round(points, 2).T)]


@pytest.mark.parametrize("enhanced", [False, True], ids=["single-frame", "enhanced"])
@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("oblique", [0.0, 12.3])
def test_segmentation_overlays_its_source_voxel_by_voxel(tmp_path, enhanced, plane, oblique):
    write_series(tmp_path / "in", VOLUME, enhanced=enhanced, plane=plane, oblique=oblique, names="random")
    scan = read(tmp_path / "in")
    mask = draw_mask(scan)
    assert write_seg(scan, mask, tmp_path / "seg.dcm", algorithm=ALGORITHM) == ()
    read_back = highdicom.seg.segread(tmp_path / "seg.dcm")
    volume = read_back.get_volume(combine_segments=True)
    if not scan.grid.resampled:
        ras = np.diag([-1, -1, 1, 1]) @ volume.affine
        np.testing.assert_allclose(
            positions(ras, volume.array > 0), positions(scan.grid.network_affine, mask), atol=0.005
        )
    # Frame by frame, against the image that the frame says it was derived from.
    stored = scan.grid.from_network(mask)
    assert volume.array.sum() == stored.sum()
    by_instance = {f"{each.SOPInstanceUID}": index for index, each in enumerate(make_slices(VOLUME))}
    for number, group in enumerate(read_back.PerFrameFunctionalGroupsSequence):
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        index = int(source.ReferencedFrameNumber) - 1 if enhanced else by_instance[str(source.ReferencedSOPInstanceUID)]
        np.testing.assert_array_equal(read_back.pixel_array.reshape(-1, 20, 24)[number], stored[index])


def test_enhanced_image_with_orientation_and_pixel_sizes_of_each_frame(tmp_path):
    dataset = make_enhanced(make_slices(VOLUME))
    (shared,) = dataset.SharedFunctionalGroupsSequence
    for name in ("PixelMeasuresSequence", "PlaneOrientationSequence"):
        for group in dataset.PerFrameFunctionalGroupsSequence:
            setattr(group, name, shared[name].value)
        delattr(shared, name)
    save(dataset, tmp_path / "in" / "0")
    scan = read(tmp_path / "in")
    write_seg(scan, draw_mask(scan), tmp_path / "seg.dcm", algorithm=ALGORITHM)
    volume = highdicom.seg.segread(tmp_path / "seg.dcm").get_volume(combine_segments=True)
    assert volume.array.sum() == draw_mask(scan).sum()


@pytest.mark.parametrize("header", [{"SliceThickness": None}, {"SliceThickness": ""}])
def test_images_without_slice_thickness(tmp_path, header):
    write_series(tmp_path / "in", VOLUME, header=header)
    scan = read(tmp_path / "in")
    write_seg(scan, draw_mask(scan), tmp_path / "seg.dcm", algorithm=ALGORITHM)
    volume = highdicom.seg.segread(tmp_path / "seg.dcm").get_volume(combine_segments=True)
    assert volume.array.sum() == draw_mask(scan).sum()


def test_codes_and_algorithm(tmp_path):
    write_series(tmp_path / "in", VOLUME)
    scan = read(tmp_path / "in")
    write_seg(scan, draw_mask(scan), tmp_path / "seg.dcm", algorithm=ALGORITHM)
    dataset = pydicom.dcmread(tmp_path / "seg.dcm")
    (segment,) = dataset.SegmentSequence

    def code(sequence):
        return sequence[0].CodeValue, sequence[0].CodingSchemeDesignator

    assert dataset.SegmentationType == "BINARY"
    assert code(segment.SegmentedPropertyCategoryCodeSequence) == ("49755003", "SCT")
    assert code(segment.SegmentedPropertyTypeCodeSequence) == ("301766008", "SCT")
    assert code(segment.AnatomicRegionSequence) == ("12738006", "SCT")
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    assert ALGORITHM.model_digest in segment.SegmentationAlgorithmIdentificationSequence[0].AlgorithmParameters
    source = make_slices(VOLUME)[0]
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID", "PatientName"):
        assert getattr(dataset, keyword) == getattr(source, keyword)
    assert dataset.SeriesInstanceUID != source.SeriesInstanceUID


def test_the_same_call_writes_the_same_bytes_and_another_one_other_identifiers(tmp_path):
    write_series(tmp_path / "in", VOLUME)
    scan = read(tmp_path / "in")
    mask = draw_mask(scan)
    other = Algorithm(version="1.2.3", model_digest="f" * 64)
    for name, drawn, algorithm in (
        ("a", mask, ALGORITHM),
        ("b", mask, ALGORITHM),
        ("c", ~mask, ALGORITHM),
        ("d", mask, other),
    ):
        write_seg(scan, drawn, tmp_path / name, algorithm=algorithm)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    instances = {str(pydicom.dcmread(tmp_path / name).SOPInstanceUID) for name in "acd"}
    assert len(instances) == 3


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({}, ("20200101", "120000")),
        ({"SeriesDate": "20200102", "SeriesTime": "130000.25"}, ("20200102", "130000")),
        ({"StudyDate": "", "StudyTime": ""}, ("19700101", "000000")),
    ],
)
def test_dates_are_those_of_the_series(tmp_path, header, expected):
    write_series(tmp_path / "in", VOLUME, header=header)
    scan = read(tmp_path / "in")
    write_seg(scan, draw_mask(scan), tmp_path / "seg.dcm", algorithm=ALGORITHM)
    dataset = pydicom.dcmread(tmp_path / "seg.dcm")
    assert (dataset.ContentDate, dataset.ContentTime) == expected
    assert (dataset.InstanceCreationDate, dataset.InstanceCreationTime) == expected


def test_values_that_dicom_does_not_allow_are_left_out(tmp_path):
    """As scanners and exports write them; the segmentation is written all the same."""
    paths = write_series(tmp_path / "in", VOLUME)
    for path in paths:
        content = path.read_bytes()
        content = content.replace(b"19500101", b"1.1.1950").replace(b"CS\x02\x00O ", b"CS\x02\x00X ")
        path.write_bytes(content)
    scan = read(tmp_path / "in")
    write_seg(scan, draw_mask(scan), tmp_path / "seg.dcm", algorithm=ALGORITHM)
    dataset = pydicom.dcmread(tmp_path / "seg.dcm")
    assert (dataset.PatientBirthDate, dataset.PatientSex) == (None, "") or not dataset.PatientBirthDate


def test_an_empty_mask_is_written_with_a_warning(tmp_path):
    write_series(tmp_path / "in", VOLUME)
    scan = read(tmp_path / "in")
    empty = np.zeros(scan.grid.network_shape, np.bool_)
    assert write_seg(scan, empty, tmp_path / "seg.dcm", algorithm=ALGORITHM) == (EMPTY,)
    volume = highdicom.seg.segread(tmp_path / "seg.dcm").get_volume(combine_segments=True)
    assert volume.array.shape == VOLUME.shape
    assert not volume.array.any()


def test_a_source_that_is_gone_is_named(tmp_path):
    paths = write_series(tmp_path / "in", VOLUME)
    scan = read(tmp_path / "in")
    paths[0].unlink()
    with pytest.raises(UserError, match=paths[0].name):
        write_seg(scan, draw_mask(scan), tmp_path / "seg.dcm", algorithm=ALGORITHM)
    assert not (tmp_path / "seg.dcm").exists()


@pytest.mark.parametrize("key", [None, b"secret"])
def test_volume_report_repeats_and_refers_to_the_segmentation(tmp_path, key):
    write_series(tmp_path / "in", VOLUME, header={"PatientName": f"{MARKER}^A"})
    scan = read(tmp_path / "in")
    mask = draw_mask(scan)
    write_seg(scan, mask, tmp_path / "seg.dcm", algorithm=ALGORITHM, key=key)
    for name in ("a", "b"):
        write_volume_report(scan, mask, tmp_path / "seg.dcm", tmp_path / name, algorithm=ALGORITHM, key=key)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    report = highdicom.sr.srread(tmp_path / "a")
    (group,) = report.content.get_volumetric_roi_measurement_groups()
    (measurement,) = group.get_measurements()
    volume_ml = round(scan.grid.from_network(mask).sum() * 5 * 0.9 * 0.9 / 1000, 3)
    assert (measurement.value, measurement.unit.value) == (pytest.approx(volume_ml), "mL")
    assert group.referenced_segment.referenced_sop_instance_uid == pydicom.dcmread(tmp_path / "seg.dcm").SOPInstanceUID
    assert (MARKER.encode() in (tmp_path / "a").read_bytes()) is (key is None)

"""Looking, correcting and saving; keys; a phone; without isolation; with the network off."""

import csv
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
from playwright.sync_api import Dialog

from brainseg.imaging.volume import FLAIR, Volume
from brainseg.view.session import Session
from tests.browser import PHONE, check_accessibility, check_width
from tests.viewer.conftest import SECONDS, WINDOW, Opened, OpenPage

pytestmark = pytest.mark.browser
WOULD_ASK = "!window.dispatchEvent(new Event('beforeunload', { cancelable: true }))"  # if the tab were closed now


@pytest.fixture
def flair(patient: Volume, tmp_path: Path) -> Path:
    """One NIfTI file, stored as right, anterior, superior."""
    array = np.ascontiguousarray(patient.image[..., FLAIR].transpose(2, 1, 0)[::-1, ::-1])
    nibabel.save(nibabel.Nifti1Image(array, np.diag([1.7, 1.7, 5, 1])), tmp_path / "head.nii.gz")
    return tmp_path / "head.nii.gz"


@pytest.fixture(scope="module")
def shared(open_page: OpenPage) -> Iterator[Opened]:
    """One page for the tests that leave it as they found it."""
    with open_page() as opened:
        yield opened


def volume(opened: Opened) -> float:
    return float(opened.page.inner_text("#volume strong"))


def saved(opened: Opened, folder: Path) -> np.ndarray:
    return np.asarray(nibabel.load(opened.save("#save-mask", folder)).dataobj) > 0


def test_the_example_is_dropped_as_a_folder_is(shared: Opened) -> None:
    """The page says what it does, without serious findings of axe-core, before anything is opened."""
    page = shared.page
    check_accessibility(page)
    assert page.is_visible("#not-for-diagnosis")
    page.evaluate("""async () => {
        const transfer = new DataTransfer();
        for (const name of ["t1ce", "flair"]) {
            const response = await fetch(`example/example_${name}.nii.gz`);
            transfer.items.add(new File([await response.blob()], `example_${name}.nii.gz`));
        }
        window.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, cancelable: true }));
    }""")
    page.wait_for_selector("#run:not([hidden])", timeout=SECONDS)
    page.wait_for_selector("select[data-sequence=flair]", timeout=SECONDS)
    chosen = page.eval_on_selector_all("#sequences select", "all => all.map(s => s.selectedOptions[0].text)")
    assert chosen == ["example_flair.nii.gz", "none", "example_t1ce.nii.gz"]
    page.click("#cancel", timeout=SECONDS)
    assert page.is_visible("#again")


def test_a_scan_is_looked_at_corrected_and_saved(shared: Opened, flair: Path, tmp_path: Path) -> None:
    opened, page = shared, shared.page
    opened.give(flair)
    opened.wait_for_outline()
    check_accessibility(page)
    assert page.evaluate("document.documentElement.scrollHeight") == WINDOW["height"]  # only the panel scrolls
    before, mask = volume(opened), saved(opened, tmp_path)
    assert before == pytest.approx(mask.sum() * 1.7 * 1.7 * 5 / 1000, abs=0.051)

    page.evaluate("t => { threshold.value = t; threshold.dispatchEvent(new Event('input')) }", 0.9)
    assert volume(opened) < before  # live, from the probabilities
    page.evaluate("t => { threshold.value = t; threshold.dispatchEvent(new Event('input')) }", 0.5)
    assert volume(opened) == before

    page.locator("#canvas").focus()
    page.keyboard.press("2")  # axial
    page.keyboard.press("p")
    box = page.locator("#canvas").bounding_box()
    x, y = box["x"] + box["width"] / 4, box["y"] + box["height"] / 5  # in air
    page.mouse.move(x - 40, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=5)
    page.mouse.up()
    painted = volume(opened)
    assert painted > before
    assert page.inner_text("#measures").count("Corrected by hand")
    page.keyboard.press("Control+z")
    assert volume(opened) == before
    page.keyboard.press("Control+y")
    assert volume(opened) == painted
    corrected = saved(opened, tmp_path)
    assert (corrected & ~mask).sum() > 0
    assert not (mask & ~corrected).any()
    page.click("#discard")
    np.testing.assert_array_equal(saved(opened, tmp_path), mask)

    picture = opened.save("#save-picture", tmp_path)
    assert picture.read_bytes().startswith(b"\x89PNG")
    probability = nibabel.load(opened.save("#save-probability", tmp_path))
    assert probability.get_data_dtype() == np.float32
    np.testing.assert_array_equal(np.asarray(probability.dataobj) >= 0.5, mask)
    with opened.save("#save-numbers", tmp_path).open(newline="") as table:
        (row,) = csv.DictReader(table)
    assert row["case"] == "head"
    assert int(row["voxels"]) == mask.sum()
    assert row["sequences"] == "flair"
    centroid = [float(value) for value in row["centroid"].split()]
    np.testing.assert_allclose(centroid, [axis.mean() for axis in np.nonzero(mask)], atol=0.06)
    sides = [tuple(map(int, side.split(":"))) for side in row["bounding_box"].split()]
    assert sides == [(int(axis.min()), int(axis.max()) + 1) for axis in np.nonzero(mask)]


def test_keys_do_what_the_mouse_does(shared: Opened, flair: Path, tmp_path: Path) -> None:
    opened, page = shared, shared.page
    opened.give(flair)
    opened.wait_for_outline()
    mask = saved(opened, tmp_path)
    page.locator("#canvas").focus()
    for key in ("2", "p", "]", "PageUp", "PageUp", "PageUp", "PageUp", "PageUp", *["ArrowUp"] * 30, " "):
        page.keyboard.press(key)
    top = saved(opened, tmp_path)
    added = np.argwhere(top & ~mask)
    assert len(added) > 0
    assert set(added[:, 2]) == {mask.shape[2] - 1}  # the highest slice
    page.locator("#canvas").focus()
    page.keyboard.press("e")
    page.keyboard.press(" ")
    np.testing.assert_array_equal(saved(opened, tmp_path), mask & top)
    page.locator("#canvas").focus()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    np.testing.assert_array_equal(saved(opened, tmp_path), mask)
    page.keyboard.press("b")
    assert page.is_checked("#probability")
    page.keyboard.press("?")
    assert page.is_visible("#keys")
    check_accessibility(page)
    page.keyboard.press("Escape")
    with page.expect_download() as download:
        page.keyboard.press("s")
    assert download.value.suggested_filename == "head_mask.nii.gz"


def test_corrections_that_are_not_saved_are_asked_about(shared: Opened, flair: Path, tmp_path: Path) -> None:
    """Another drop, another choice of sequences, and closing; not what was undone or saved."""
    opened, page = shared, shared.page
    asked: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        asked.append(f"{dialog.type}: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", dismiss)
    opened.give(flair)
    opened.wait_for_outline()
    before = page.inner_text("#measures")
    page.locator("#canvas").focus()
    for key in ("e", " ", "Control+z"):  # the cross is in the outline
        page.keyboard.press(key)
    assert page.inner_text("#measures") == before
    assert page.evaluate(WOULD_ASK) is False
    page.keyboard.press("Control+y")
    corrected = page.inner_text("#measures")
    opened.give(flair)
    page.select_option("select[data-sequence=flair]", label="choose a file")
    assert asked == ["confirm: Corrections are not saved: head. Discard them?"] * 2
    assert page.input_value("select[data-sequence=flair]") == "0"  # as before
    assert page.inner_text("#measures") == corrected != before
    with page.expect_event("dialog"):
        page.close(run_before_unload=True)
    assert [question.split(":")[0] for question in asked] == ["confirm", "confirm", "beforeunload"]
    saved(opened, tmp_path)
    assert page.evaluate(WOULD_ASK) is False
    page.remove_listener("dialog", dismiss)


def test_a_second_scan_replaces_a_first_that_runs(shared: Opened, flair: Path) -> None:
    """And what is cancelled can be run again."""
    opened, page = shared, shared.page
    opened.give(flair)
    page.wait_for_selector("#run:not([hidden])", timeout=SECONDS)
    assert page.inner_text("#run-text")
    page.click("#cancel", timeout=SECONDS)
    other = flair.rename(flair.with_name("other.nii.gz"))
    opened.give(other)
    page.wait_for_selector("#scan:not([hidden])", timeout=SECONDS)
    opened.give(other.rename(flair.with_name("third.nii.gz")))
    opened.wait_for_outline()
    assert page.inner_text("#scan-name") == "third"


def test_a_phone_without_isolation(open_page: OpenPage, plain_server: str, flair: Path) -> None:
    """No service worker, no headers: one thread."""
    with open_page(address=plain_server, viewport=PHONE, service_workers="block") as opened:
        page = opened.page
        assert page.evaluate("crossOriginIsolated") is False
        check_width(page)
        opened.give(flair)
        opened.wait_for_outline()
        assert volume(opened) > 1
        check_width(page)
        check_accessibility(page)


def test_once_loaded_it_works_with_the_network_off(open_page: OpenPage, plain_server: str, flair: Path) -> None:
    """The service worker keeps the files, and gives the page the isolation that the host does not."""
    with open_page(address=plain_server) as opened:
        page = opened.page
        page.wait_for_selector("body[data-offline]", timeout=SECONDS)
        page.context.set_offline(True)
        page.reload()
        page.wait_for_selector("body[data-ready]", timeout=SECONDS)
        assert page.evaluate("crossOriginIsolated") is True
        opened.give(flair)
        opened.wait_for_outline()
        assert volume(opened) > 1


def test_the_policy_is_strict(shared: Opened) -> None:
    opened, page = shared, shared.page
    policy = page.get_attribute("meta[http-equiv=Content-Security-Policy]", "content")
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert parts["default-src"] == "'self'"
    assert parts["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert parts["worker-src"] == parts["connect-src"] == "'self'"
    refused = page.evaluate("""async () => {
        const heard = new Promise((done) =>
            document.addEventListener("securitypolicyviolation", (event) => done(event.blockedURI)));
        fetch("https://example.org/").catch(() => undefined);
        return heard;
    }""")
    assert refused.startswith("https://example.org")
    page.wait_for_timeout(0)  # lets the console report it
    assert [fault for fault in opened.faults if "https://example.org" not in fault] == []
    opened.faults.clear()


def test_files_that_were_named_are_opened(open_page: OpenPage, flair: Path) -> None:
    with open_page(Session(files={"0/head.nii.gz": flair})) as opened:
        opened.page.wait_for_selector("#scan:not([hidden])", timeout=SECONDS)
        assert opened.page.inner_text("#scan-name") == "head"

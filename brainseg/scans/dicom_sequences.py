"""Which of the three sequences a DICOM series is, from its header: names first, then times and contrast agent.

Names are those that scanners and hospitals use. Times at 1.5 and 3 tesla: FLAIR waits for the nulling of water
(inversion time 1.5 to 3.2 s) and has a late echo; T1 has an early echo.
Source: Bernstein, King, Zhou, Handbook of MRI Pulse Sequences, 2004, chapters 14.1 and 17.
"""

import re

from brainseg.imaging.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, SEQUENCES
from brainseg.scans.dicom_header import Header

FLAIR_WORDS = re.compile(r"flair|dark.?fluid|tirm.*dark|fluid.?atten")
T1_WORDS = re.compile(r"t1|mprage|mp.?rage|spgr|bravo|vibe|thrive|tfe3d|fspgr|ir.?fspgr|tfl3d")
OTHER_WORDS = re.compile(
    r"(?<![a-z])(t2|pd|dwi|adc|dti|diff|trace|b1000|swi|swan|gre.?t2|hemo|tof|angio|mra|mrv|perf\w*|dsc|dce|asl|cbf|cbv|"
    r"bold|fmri|spectro\w*|stir|mip|sub|subtraction|field.?map|phase)(?![a-z])"
)
LOCALISER_WORDS = re.compile(r"locali[sz]er|scout|survey|3.?plane|(?<![a-z])loc(?![a-z])")
PRE_WORDS = re.compile(r"(?<![a-z])(pre|nativ\w*|native|without|w/?o|ohne|nongd|non.?contrast|unenhanced)(?![a-z])")
POST_WORDS = re.compile(
    r"(?<![a-z])(post|gd|gad|gado\w*|\+?c\+|\+c|ce|km|contrast|kontrast|enhanced|mdc)(?![a-z])|t1.?(c|ce|gd|gad|km)(?![a-z])"
)
FLAIR_INVERSION_MS = (1500, 3200)
T1_INVERSION_MS = (300, 1450)
LATE_ECHO_MS = 60
EARLY_ECHO_MS = 30
SPIN_ECHO_T1_MS = (250, 1100)  # repetition time
GRADIENT_ECHO_T1_MS = 15  # repetition time; angiography has 20 to 40


def recognise_sequence(header: Header) -> str | None:
    """Recognise the sequence of a series.

    Args:
        header: of one of its files.

    Returns:
        One of `SEQUENCES`; `other` for a known sequence that is none of them; None if the header does not say.
    """
    weighting = _weighting_by_name(header) or _weighting_by_times(header)
    if weighting != "t1":
        return {"flair": SEQUENCES[FLAIR], "other": "other"}.get(weighting or "")
    if PRE_WORDS.search(header.words):
        return SEQUENCES[PRE_CONTRAST]
    has_agent = header.contrast or POST_WORDS.search(header.words)
    return SEQUENCES[POST_CONTRAST if has_agent else PRE_CONTRAST]


def is_localiser(header: Header) -> bool:
    """Whether a series shows a few slices for planning."""
    return "LOCALIZER" in header.image_type or bool(LOCALISER_WORDS.search(header.words))


def _weighting_by_name(header: Header) -> str | None:
    words = header.words.replace("_", " ")
    echo = header.echo_time
    is_flair, is_t1 = FLAIR_WORDS.search(words), T1_WORDS.search(words)
    if is_flair and is_t1:  # "T1 FLAIR": an inversion recovery that is T1-weighted
        return "t1" if echo is None or echo < LATE_ECHO_MS else "flair"
    if is_flair:
        return "flair"
    if OTHER_WORDS.search(words):
        return "other"
    return "t1" if is_t1 else None


def _weighting_by_times(header: Header) -> str | None:
    echo, repetition, inversion = header.echo_time, header.repetition_time, header.inversion_time
    if echo is None:
        return None
    if inversion and FLAIR_INVERSION_MS[0] <= inversion <= FLAIR_INVERSION_MS[1]:
        return "flair" if echo >= LATE_ECHO_MS else "other"
    if echo > EARLY_ECHO_MS:
        return "other"
    if inversion and T1_INVERSION_MS[0] <= inversion <= T1_INVERSION_MS[1]:
        return "t1"
    if inversion or repetition is None:
        return None if not inversion else "other"
    if repetition <= GRADIENT_ECHO_T1_MS or SPIN_ECHO_T1_MS[0] <= repetition <= SPIN_ECHO_T1_MS[1]:
        return "t1"
    return "other"

"""Sequences withheld from the network, to measure how well it does without them."""

from brainseg.imaging.volume import POST_CONTRAST, PRE_CONTRAST

# Name -> channels that are replaced by FLAIR. data/predictions/ has one folder of probability maps for each name.
WITHHELD = {
    "flair_alone": (PRE_CONTRAST, POST_CONTRAST),
    "without_pre_contrast": (PRE_CONTRAST,),
    "without_post_contrast": (POST_CONTRAST,),
}

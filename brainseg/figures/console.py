"""What the stage visualise prints."""

from collections.abc import Iterable

from brainseg.terminal import printable


def print_figures(*, epochs: int, slices: int, patients: Iterable[str], without_dice: int) -> None:
    """Print what each figure shows and where it is.

    Args:
        epochs: epochs in the learning curve.
        slices: test slices with their predictions.
        patients: titles of the patients shown.
        without_dice: test patients that have no Dice and are therefore not shown.
    """
    titles = list(patients)
    print(f"plots/pictures/learning_curve.png: losses of {epochs} epoch(s)")
    print(f"plots/pictures/predictions.png:    {slices or 'NO'} random test slice(s) with tumour")
    print(f"plots/pictures/patients.png:       {len(titles) or 'NO'} test patient(s); {without_dice} without a Dice")
    for title in titles:
        print(f"  {printable(title)}")
    print("plots/pictures/bland_altman.png:   predicted and true volumes of all test patients")
    print("plots/report.html:                 all of it on one page; open it in a browser")
    print("Interactive plots of the tables: dvc plots show")

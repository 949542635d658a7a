"""The table of `python -m benchmarks.inference`; the measurements themselves take too long for a test."""

import pytest

from benchmarks.inference import report


def measured(seconds: float, **more: float) -> dict[str, float]:
    return {"s": seconds, "cpu_s": 2 * seconds, "rest_s": 1.0, "slices": 20, **more}


def rows(printed: str) -> dict[str, list[str]]:
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed.splitlines()]
    assert len({len(line) for line in lines}) == 1
    return {name: cells for name, *cells in lines[2:]}


def test_ratios_are_those_of_a_round_and_what_was_not_measured_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    rounds = [
        {"Keras, float32": measured(4 * load, start_s=3.0), "PyTorch, bfloat16": measured(2 * load)}
        for load in (1, 1, 10)  # the third round ran beside another program
    ]
    report(rounds)
    found = rows(capsys.readouterr().out)
    assert found["Keras, float32"][:7] == ["5.0", "1.00", "0.50", "2.5", "1.00", "150.0", "50.0"]
    assert found["PyTorch, bfloat16"][:7] == ["10.0", "2.00", "1.00", "5.0", "2.00", "50.0", "50.0"]
    assert (found["Keras, float32"][7], found["PyTorch, bfloat16"][7]) == ("3.00", "")


def test_without_pytorch_there_is_no_ratio_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    report([{"Keras, float32": measured(4.0)}])
    assert rows(capsys.readouterr().out)["Keras, float32"][:3] == ["5.0", "1.00", ""]

"""Train, keep the best epoch, resume after an interruption: steps 15 to 18 of the notebook."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import pandas as pd

from brainseg.errors import UserError
from brainseg.files import HISTORY_COLUMNS, write_table
from brainseg.model.backend import Runtime, is_out_of_memory
from brainseg.params import TrainParams
from brainseg.reading import DamagedFileError
from brainseg.training import checkpoint
from brainseg.training.batches import SliceBatches
from brainseg.training.callbacks import EpochSetter, Replay, StateRecorder
from brainseg.training.data import TrainingData, training_batches, validation_batches
from brainseg.training.deep_supervision import with_deep_supervision
from brainseg.training.losses import PooledDice, accuracy, deep_supervision_loss, loss_from_name
from brainseg.training.progress import ProgressPrinter
from brainseg.training.training_copy import training_copy

WARM_UP_FROM = 0.01  # of the learning rate


def compile_model(model: keras.Model, params: TrainParams, runtime: Runtime, *, steps: int) -> None:
    """Compile a model with optimizer, loss and metrics (step 15).

    Args:
        model: changed in place.
        params: the hyperparameters.
        runtime: what the model is trained on.
        steps: batches per epoch, which the cosine schedule counts.
    """
    rate: float | keras.optimizers.schedules.LearningRateSchedule = params.learning_rate
    if params.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(
            WARM_UP_FROM * params.learning_rate if params.warm_up else params.learning_rate,
            decay_steps=steps * (params.epochs - params.warm_up),
            alpha=min(1.0, params.min_learning_rate / params.learning_rate),
            warmup_target=params.learning_rate if params.warm_up else None,
            warmup_steps=steps * params.warm_up,
        )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=params.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])  # no decay of scales and offsets
    loss = loss_from_name(params.loss)
    model.compile(
        optimizer=optimizer,
        loss=deep_supervision_loss(loss) if params.deep_supervision else loss,
        metrics=[accuracy, PooledDice()],
        jit_compile=runtime.jit_compile,
    )
    optimizer.build(model.trainable_variables)


def fit(
    model: keras.Model,
    data: TrainingData,
    params: TrainParams,
    runtime: Runtime,
    *,
    folder: Path,
    live_history: Path,
    tables: Sequence[bytes],
    saved: Callable[[int], None] = lambda _: None,
) -> pd.DataFrame:
    """Train a model; it ends with the weights of the epoch with the lowest validation loss.

    The state of the training is saved to `folder` after each epoch. A training that was interrupted resumes from there
    and ends with the same bytes.

    Args:
        model: not compiled; training starts from its weights.
        data: the slices.
        params: the hyperparameters.
        runtime: what the model is trained on.
        folder: for the state; not a declared output of the stage, because DVC deletes those before each run.
        live_history: table of the epochs so far, rewritten after each epoch, for plots that grow during training.
        tables: contents of the files that list the slices. A state that was saved with other tables, parameters, code
            or package versions is ignored.
        saved: called with the number of complete epochs in the state, at the start and whenever it was saved.

    Returns:
        The history, one row per epoch; columns as in `brainseg.files.HISTORY_COLUMNS`.

    Raises:
        UserError: if the loss becomes NaN or infinite, or memory does not suffice for a batch.
    """
    network = training_copy(model, params, runtime)
    trained_model = with_deep_supervision(network) if params.deep_supervision else network
    batches = training_batches(data, params)
    compile_model(trained_model, params, runtime, steps=len(batches))
    key = checkpoint.run_key(params, runtime, *tables)  # after all code of the training has been imported
    # With several processes, the state of the first one alone would not be enough to resume, so none is saved.
    resumable = batches.shard.processes == 1
    state = _saved_state(folder, key, trained_model, network) if resumable else checkpoint.State()
    saved(len(state.history))

    def save() -> None:
        write_table(live_history, _history_table(state))
        if resumable:
            checkpoint.save_state(folder, key, trained_model, state)
            saved(len(state.history))

    if not state.stopped:
        try:
            trained_model.fit(
                batches,
                validation_data=validation_batches(data, params),
                epochs=params.epochs,
                initial_epoch=len(state.history),
                shuffle=False,  # the batches are shuffled by seed
                callbacks=[*_callbacks(batches, params, state), StateRecorder(state, network, save)],
                verbose=0,
            )
        except Exception as error:
            if is_out_of_memory(error):
                raise UserError(
                    f"train: not enough memory for a batch of {params.batch_size} slices of {params.input_size} x "
                    f"{params.input_size} with {params.filters} filters. Lower train.batch_size, train.input_size or "
                    "train.filters"
                ) from None
            raise
    return _finish(model, state, params, folder)


def _saved_state(folder: Path, key: str, model: keras.Model, network: keras.Model) -> checkpoint.State:
    """Load the state of this training, and say so; without one, return a new state."""
    try:
        state = checkpoint.load_state(folder, key, model, network)
    except DamagedFileError as error:
        path = folder / checkpoint.STATE
        print(f"{path}: damaged ({error}), so this training starts from the beginning", file=sys.stderr)
        return checkpoint.State()
    if state is None:
        return checkpoint.State()
    if state.stopped:
        print(f"this training is complete after {len(state.history)} epochs; to train again, delete {folder}")
    else:
        print(f"resuming after epoch {len(state.history)}, where this training was interrupted")
    return state


def _callbacks(batches: SliceBatches, params: TrainParams, state: checkpoint.State) -> list[keras.callbacks.Callback]:
    monitor = {"monitor": "val_loss", "mode": "min"}
    with_patience = [keras.callbacks.EarlyStopping(patience=params.early_stopping_patience, **monitor)]
    if params.schedule == "plateau":
        plateau = keras.callbacks.ReduceLROnPlateau(
            patience=params.plateau_patience, factor=params.plateau_factor, min_lr=params.min_learning_rate, **monitor
        )
        with_patience.insert(0, plateau)
    return [
        EpochSetter(batches),
        keras.callbacks.TerminateOnNaN(),
        *with_patience,
        *([Replay(with_patience, state, params.learning_rate)] if state.history else []),
        ProgressPrinter(state.best_loss),
    ]


def _finish(model: keras.Model, state: checkpoint.State, params: TrainParams, folder: Path) -> pd.DataFrame:
    """Load the best weights and return the history; if the loss was not finite, save the best weights and raise."""
    if state.best:
        model.set_weights(state.best)
    if state.failed:
        best = folder / "best.weights.h5"
        if state.best:
            model.save_weights(best)
        kept = f"the best weights until then are in {best}" if state.best else "there are no weights from before"
        raise UserError(
            f"train: the loss was NaN or infinite in epoch {state.failed}; {kept}. "
            f"Lower train.learning_rate (now {params.learning_rate})"
        )
    return _history_table(state)


def _history_table(state: checkpoint.State) -> pd.DataFrame:
    """The epochs of a state, one row per epoch."""
    table = pd.DataFrame(state.history)
    table.insert(0, "epoch", range(1, len(table) + 1))
    return table[list(HISTORY_COLUMNS)].astype(HISTORY_COLUMNS)

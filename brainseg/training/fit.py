"""Fit, watch, keep the best, go on where it was killed: steps 15 to 18 of the notebook."""

from collections.abc import Sequence
from pathlib import Path

import keras
import pandas as pd

from brainseg.errors import UserError
from brainseg.files import HISTORY_COLUMNS
from brainseg.model.backend import Runtime
from brainseg.params import TrainParams
from brainseg.training import checkpoint
from brainseg.training.batches import SliceBatches
from brainseg.training.callbacks import EpochSetter, Replay, StateRecorder
from brainseg.training.data import TrainingData, training_batches, validation_batches
from brainseg.training.deep_supervision import with_deep_supervision
from brainseg.training.losses import PooledDice, accuracy, deep_supervision_loss, loss_from_name
from brainseg.training.progress import EpochLines
from brainseg.training.training_copy import training_copy

WARM_UP_FROM = 0.01  # of the learning rate
MEMORY_WORDS = ("RESOURCE_EXHAUSTED", "OOM when allocating", "out of memory", "Unable to allocate")


def compile_model(model: keras.Model, params: TrainParams, runtime: Runtime, *, steps: int) -> None:
    """Give a model its optimizer, loss and metrics (step 15).

    Args:
        model: as built; changed in place.
        params: the hyperparameters.
        runtime: what it trains on.
        steps: of an epoch; the schedule `cosine` counts them.
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
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])  # no shrinking of scales and shifts
    loss = loss_from_name(params.loss)
    model.compile(
        optimizer=optimizer,
        loss=deep_supervision_loss(loss) if params.deep_supervision else loss,
        metrics=[accuracy, PooledDice()],
        jit_compile=runtime.gpu or runtime.backend == "jax",  # on a CPU, TensorFlow with XLA is many times slower
    )
    optimizer.build(model.trainable_variables)


def fit(
    model: keras.Model,
    data: TrainingData,
    params: TrainParams,
    runtime: Runtime,
    *,
    folder: Path,
    tables: Sequence[bytes],
) -> pd.DataFrame:
    """Train a model; it ends with the weights of the epoch whose validation loss was least.

    After each epoch all that the rest depends on is written to `folder`. A training that was killed goes on from there
    and ends with the same bytes.

    Args:
        model: as built, not compiled; its first weights are where training starts.
        data: the slices.
        params: the hyperparameters.
        runtime: what it trains on.
        folder: for the state; no declared output, or DVC would delete it.
        tables: what the slices were read by. A state of other tables, parameters, code or packages is passed over.

    Returns:
        The history, a row an epoch; columns as in `brainseg.files.HISTORY_COLUMNS`.

    Raises:
        UserError: if the loss is no longer a number, or memory does not suffice for a batch.
    """
    network = training_copy(model, params, runtime)
    trainee = with_deep_supervision(network) if params.deep_supervision else network
    batches = training_batches(data, params)
    compile_model(trainee, params, runtime, steps=len(batches))
    key = checkpoint.run_key(params, runtime, *tables)  # now that all of the code that trains is loaded
    alone = batches.shard.processes == 1  # of several processes, only the first one's state lasts: they begin anew
    state = (checkpoint.load_state(folder, key, trainee) if alone else None) or checkpoint.State()
    if state.history:
        print(f"going on after epoch {len(state.history)}, where this training was interrupted")
    if not state.stopped:
        try:
            trainee.fit(
                batches,
                validation_data=validation_batches(data, params),
                epochs=params.epochs,
                initial_epoch=len(state.history),
                shuffle=False,  # the batches shuffle themselves, by seed
                callbacks=[
                    *_callbacks(batches, params, state),
                    StateRecorder(
                        state,
                        network,
                        lambda: checkpoint.save_state(folder, key, trainee, state) if alone else None,
                    ),
                ],
                verbose=0,
            )
        except Exception as error:  # each backend has a class of its own
            if isinstance(error, MemoryError) or any(words in str(error) for words in MEMORY_WORDS):
                raise UserError(
                    f"train: no memory for a batch of {params.batch_size} slices of {params.input_size} x {params.input_size} with "
                    f"{params.filters} filters. Lower train.batch_size, train.input_size or train.filters"
                ) from None
            raise
    return _finish(model, state, params, folder)


def _callbacks(batches: SliceBatches, params: TrainParams, state: checkpoint.State) -> list[keras.callbacks.Callback]:
    watch = {"monitor": "val_loss", "mode": "min"}
    judges = [keras.callbacks.EarlyStopping(patience=params.early_stopping_patience, **watch)]
    if params.schedule == "plateau":
        plateau = keras.callbacks.ReduceLROnPlateau(
            patience=params.plateau_patience, factor=params.plateau_factor, min_lr=params.min_learning_rate, **watch
        )
        judges.insert(0, plateau)
    return [
        EpochSetter(batches),
        keras.callbacks.TerminateOnNaN(),
        *judges,
        *([Replay(judges, state, params.learning_rate)] if state.history else []),
        EpochLines(state.best_loss),
    ]


def _finish(model: keras.Model, state: checkpoint.State, params: TrainParams, folder: Path) -> pd.DataFrame:
    """The best weights and the history; or, where the loss was no number, what is left of the training."""
    if state.best:
        model.set_weights(state.best)
    if state.failed:
        best = folder / "best.weights.h5"
        if state.best:
            model.save_weights(best)
        kept = f"the best model before that is kept in {best}" if state.best else "there was no good epoch before it"
        raise UserError(
            f"train: the loss was no number in epoch {state.failed}; {kept}. "
            f"Lower train.learning_rate (now {params.learning_rate})"
        )
    table = pd.DataFrame(state.history)
    table.insert(0, "epoch", range(1, len(table) + 1))
    return table[list(HISTORY_COLUMNS)].astype(HISTORY_COLUMNS)

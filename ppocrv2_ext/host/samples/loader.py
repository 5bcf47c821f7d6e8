"""The loader of PaddleOCR's loops: every batch knows its files, and failures travel beside it.

Workers read the samples. The training process logs each broken file once, and stops when nothing is left to read.
"""

from __future__ import annotations

import functools
import gc
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import paddle
from paddle.io.dataloader.collate import default_collate_fn

from ... import interrupts
from ...data.labels import count_needed_frames
from ...errors import UserError, pluralize, summarise
from ...plugins.compact import Compact, Widen
from .datasets import Failure, LoadedSample, ReportingDataSet, SampleError, failure_message
from .generators import find_generators, follow_numpy
from .steps import PlacedDataSet, PlacedSampler
from .worker_memory import keep_freed_memory

SHOWN = 8  # files named in one sentence


class Batch(list):
    """A batch as PaddleOCR's loops take it, with what the host knows of it without asking the device.

    Args:
        files: that its samples come from.
        frames_needed: the fewest frames in which CTC can write each of its texts; empty for other samples.
    """

    def __init__(self, fields: list, files: Sequence[str], frames_needed: Sequence[int] = ()):
        super().__init__(fields)
        self.files, self.frames_needed = files, frames_needed


def draw_evaluation_alike(build_dataloader: Callable) -> Callable:
    """PaddleOCR's ``build_dataloader``, with one seed for the samples that ``ratio_list`` draws for any evaluation.

    By itself, a training judges other samples than `eval`, and than a training of another seed. Without a seed, it
    draws by the time of day. Of a training, the seed stays as it is.
    """

    @functools.wraps(build_dataloader)
    def build(config: dict, mode: str, device: Any, logger: Any, seed: int | None = None) -> Any:
        return build_dataloader(config, mode, device, logger, 0 if mode == "Eval" else seed)

    return build


def describe_files(files: Sequence[str | None]) -> str:
    """``"3 images: a.png, b.png, c.png"``. At most ``SHOWN`` of them are named."""
    more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
    return f"{pluralize(len(files), 'image')}: {', '.join(map(str, files[:SHOWN]))}{more}"


def build_loader(dataset: Any, **options: Any) -> Loader:
    """Stands in for ``paddle.io.DataLoader``: a :class:`Loader`, which can begin at a place of the training.

    See :mod:`.steps` for the places.

    Args:
        options: the arguments of Paddle's.
    Raises:
        UserError: the sampler gives no batch. PaddleOCR would end a training without a step as if it were done, leave
            out the evaluations that ``Global.early_stop`` waits for, and call the accuracy of nothing 0.
    """
    sampler = options.get("batch_sampler")
    if sampler is not None:
        if not len(sampler):
            raise UserError(_explain_no_batch(dataset, sampler))
        options["batch_sampler"] = PlacedSampler(sampler)
    return Loader(dataset, **options)


def _explain_no_batch(dataset: Any, sampler: Any) -> str:
    name = str(getattr(dataset, "mode", "")).capitalize() or type(dataset).__name__
    if not len(dataset):
        return f"{name}: the data set has no sample; raise the shares of its ratio_list, or name other data."
    size = f" of {sampler.batch_size}" if hasattr(sampler, "batch_size") else ""
    advice = "set drop_last=false in its loader, lower batch_size_per_card there or add samples"
    return f"{name}: {pluralize(len(dataset), 'sample')} do not fill one batch{size}; {advice}."


class Loader:
    """Paddle's DataLoader over a dataset whose failures come as data, beside the batches.

    An exception in Paddle's reader thread would make the training process wait forever.
    """

    def __init__(self, dataset: Any, collate_fn: Callable | None = None, **options: Any):
        self.dataset = dataset
        # Only Paddle's own function surely keeps a column a column.
        self._compact = list_compact(getattr(dataset, "ops", None) or []) if collate_fn is None else []
        self._widen = _list_byte_columns(self._compact, dataset)
        collate = _Collate(collate_fn or default_collate_fn, _find_text_columns(dataset), sorted(self._widen))
        self._loader = paddle.io.DataLoader(
            dataset=PlacedDataSet(_LoadedSamples(dataset), dataset),
            collate_fn=collate,
            worker_init_fn=self._start_worker,
            **options,
        )
        self._seed()  # a loader without workers reads in this process

    def _start_worker(self, worker: int) -> None:
        # A worker inherits the objects of the training process. One may be an old reader, whose destructor waits
        # forever for threads that the worker does not have. So the worker's garbage collection must not touch them.
        gc.freeze()
        keep_freed_memory()
        interrupts.leave_to_parent()
        for transform in self._compact:  # of this process: a data set that is read without a loader makes float32
            transform.is_compact = True
        self._seed()

    def _seed(self) -> None:
        # NumPy's generator is seeded by PaddleOCR in the training process, and by Paddle in every worker.
        follow_numpy(find_generators(getattr(self.dataset, "ops", None) or ()))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def __len__(self) -> int:
        return len(self._loader)

    def __call__(self) -> Iterator[Any]:
        return iter(self)

    def __iter__(self) -> Iterator[Any]:
        """The batches of one epoch: :class:`Batch`, or what a collate function of PaddleOCR makes.

        Raises:
            SampleError: in training, ``TRIES`` samples in a row failed; in evaluation, all did; or the samples of a
                batch do not fit together; or a sample failed of a dataset that does not report its failures.
        """
        reports = isinstance(self.dataset, ReportingDataSet)
        training, failures, count = not reports or self.dataset.is_training, [], 0
        for collated in self._read():
            replaced, others, fatal = (
                list(itertools.starmap(Failure, collated[key])) for key in ("failures", "other_failures", "fatal")
            )
            if reports:
                self.dataset.log_failures([*replaced, *others])
            if collated["error"]:
                raise SampleError(collated["error"])
            if fatal and training:
                raise SampleError(failure_message(fatal))
            failures += replaced
            count += len(collated["files"])
            if collated["files"]:
                batch = collated["batch"]
                for column, widen in self._widen.items():
                    if batch[column].dtype == paddle.uint8:
                        batch[column] = widen(batch[column])
                is_batch = reports and isinstance(batch, list)
                yield Batch(batch, collated["files"], collated["frames_needed"]) if is_batch else batch
        if failures and not count:
            raise SampleError(failure_message(failures))
        if failures:
            fate = "replaced by others" if training else "left out of the metrics"
            files = describe_files([failure.file for failure in failures])
            self.dataset.logger.warning(f"{fate}: {files}; {count} samples were used.")

    def _read(self) -> Iterator[dict[str, Any]]:
        """What the workers send. They end when the loop over it is left in the middle of an epoch, and at its end.

        Persistent workers stay for the next epoch. From a loop that was left they would still send its batches, and of
        a data set that draws its samples anew for each epoch they would send the first draw.
        """
        batches, stay = iter(self._loader), False
        try:
            yield from batches
            is_drawn_anew = getattr(self.dataset, "need_reset", False)  # for each epoch, in the training process
            stay = getattr(self._loader, "_persistent_workers", False) and not is_drawn_anew
        finally:
            if not stay:
                batches._try_shutdown_all()  # Paddle itself calls it at the end of an epoch only
                self._loader._iterator = None


class _LoadedSamples(paddle.io.Dataset):
    """A dataset as the workers see it: each item is a :class:`LoadedSample`."""

    def __init__(self, dataset: Any):
        super().__init__()
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: Any) -> LoadedSample:
        if isinstance(self.dataset, ReportingDataSet):
            return self.dataset.read(index)
        try:
            return LoadedSample(self.dataset[index], None, [], [])
        except Exception as error:  # it would leave the training waiting
            return LoadedSample(None, None, [Failure(None, summarise(error))], [])


class _Collate:
    """Collates the samples that there are, and lists the failures, as plain lists for Paddle's queue.

    Args:
        collate_samples: Paddle's or PaddleOCR's function.
        text_columns: of a sample, that hold a text's classes and their number; None for other samples.
        byte_columns: that hold bytes, or float32 in all samples of a batch.
    """

    def __init__(
        self, collate_samples: Callable, text_columns: tuple[int, int] | None = None, byte_columns: Sequence[int] = ()
    ):
        self.collate_samples, self.text_columns, self.byte_columns = collate_samples, text_columns, byte_columns

    def __call__(self, loaded: list[LoadedSample]) -> dict[str, Any]:
        usable = [each for each in loaded if each.sample is not None]
        failures = [list(map(list, each.failures)) for each in loaded]
        batch, error = self._collate(usable) if usable else (np.zeros(1), "")
        return {
            # Paddle takes a batch that holds no tensor for the end of the data.
            "batch": batch,
            # An exception here would be one in Paddle's reader thread.
            "error": error,
            "files": [each.file for each in usable],
            "frames_needed": [self._count_frames(each.sample) for each in usable] if self.text_columns else [],
            "failures": list(itertools.chain.from_iterable(failures)),
            "other_failures": [list(failure) for each in loaded for failure in each.other_failures],
            # In training these end the run: all the samples tried for one place of the batch.
            "fatal": next((failed for failed, each in zip(failures, loaded) if each.sample is None), []),
        }

    def _count_frames(self, sample: Sequence[Any]) -> int:
        classes, length = (sample[column] for column in self.text_columns or ())
        if np.ndim(classes) != 1 or np.ndim(length) != 0:
            return 0  # the sample of another task; an exception would leave the training waiting
        return count_needed_frames(np.asarray(classes)[: int(length)].tolist())

    def _collate(self, usable: list[LoadedSample]) -> tuple[Any, str]:
        """(the batch, "") or (anything, why the samples make none)."""
        for column in self.byte_columns:
            by_type = {each.sample[column].dtype.name: each.file for each in usable}
            if len(by_type) > 1:  # as one type, some bytes would look finished
                files = ", ".join(f"{file} has {dtype}" for dtype, file in sorted(by_type.items()))
                return np.zeros(1), f"entry {column} of KeepKeys has several types: {files}; save all pictures alike."
        try:
            return self.collate_samples([each.sample for each in usable]), ""
        except Exception as error:
            return np.zeros(1), _explain_collation(usable, error)


def list_compact(transforms: Sequence[Any]) -> list[Compact]:
    """The transforms before the last, which is KeepKeys, behind which fields may be bytes."""
    return list(itertools.takewhile(lambda each: isinstance(each, Compact), reversed(transforms[:-1])))


def _list_byte_columns(transforms: Sequence[Compact], dataset: Any) -> dict[int, Widen]:
    """The columns of a sample that may come as bytes, and what finishes a batch of each."""
    widen = {key: each for transform in transforms for key, each in transform.widen.items()}
    return {column: widen[key] for column, key in enumerate(_list_keys(dataset)) if key in widen}


def _list_keys(dataset: Any) -> list[str]:
    """The names of the columns of a sample, by the data set's KeepKeys; none without it."""
    return getattr((getattr(dataset, "ops", None) or [None])[-1], "keep_keys", [])


def _find_text_columns(dataset: Any) -> tuple[int, int] | None:
    """The columns of a sample that hold the classes of a text and their number, by the dataset's KeepKeys."""
    keys = _list_keys(dataset)
    classes = next((key for key in ("label_ctc", "label") if key in keys), None)
    return (keys.index(classes), keys.index("length")) if classes and "length" in keys else None


def _explain_collation(loaded: Sequence[LoadedSample], error: Exception) -> str:
    """The sentence for samples that make no batch. Usually their images have several sizes."""
    first = loaded[0]
    for other in loaded[1:]:
        for position, (ours, theirs) in enumerate(zip(first.sample, other.sample)):
            if np.shape(ours) != np.shape(theirs):
                return (
                    f"{first.file} and {other.file} make no batch: entry {position} of KeepKeys has the shapes"
                    f" {np.shape(ours)} and {np.shape(theirs)}; resize or cut all images to one size, or set"
                    " batch_size_per_card to 1."
                )
    return f"{describe_files([each.file for each in loaded])} make no batch: {summarise(error)}"

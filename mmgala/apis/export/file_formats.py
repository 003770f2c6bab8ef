"""The files of an exported model: how each is written, and run again."""

import importlib.util
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from mmengine.utils import digit_version
from torch import Tensor, nn

INPUT, OUTPUT = 'images', 'scores'
OLDEST_PYTORCH = '2.6'
OLDEST_OPSET = 18  # that PyTorch writes without converting
ONNX_WRITERS, ONNX_RUNNERS = ('onnx', 'onnxscript'), ('onnxruntime',)
METADATA_FILE = 'mmgala.json'  # in a .pt2 file
Scorer = Callable[[Tensor], Tensor]


class FileFormat(Protocol):
    """A kind of file that a model can be exported to."""

    def check(self, opset: int | None, run: bool) -> None:
        """Check the version and the packages to write it and to run it."""

    def write(
        self,
        model: nn.Module,
        images: Tensor,
        metadata: Mapping[str, Any],
        unfinished: Path,
        opset: int | None,
    ) -> None:
        """Write the model, with any number of images in a batch."""

    def load(self, path: Path) -> Scorer:
        """Read the file, as a function from images to scores on the CPU."""


class OnnxFile:
    """ONNX, for ONNX Runtime, TensorRT, OpenVINO and others."""

    def check(self, opset: int | None, run: bool) -> None:
        """Check that the packages are installed and know the operator set.

        Raises:
            ImportError: if a package is missing.
            ValueError: if the operator set, or this PyTorch, is not supported.
        """
        needed = ONNX_WRITERS + (ONNX_RUNNERS if run else ())
        check_pytorch()
        missing = [p for p in needed if importlib.util.find_spec(p) is None]
        if missing:
            raise ImportError(
                f'Export to ONNX needs {", ".join(missing)}: run pip install '
                f'{" ".join(missing)}, or export to a file ending in .pt2.'
            )
        import onnx

        newest = onnx.defs.onnx_opset_version()
        if opset is not None and not OLDEST_OPSET <= opset <= newest:
            raise ValueError(
                f'--opset {opset} is not supported: choose one from {OLDEST_OPSET} to '
                f'{newest}; {OLDEST_OPSET} is the default.'
            )

    def write(
        self,
        model: nn.Module,
        images: Tensor,
        metadata: Mapping[str, Any],
        unfinished: Path,
        opset: int | None,
    ) -> None:
        """Write the model; the metadata are properties of it, in JSON.

        Raises:
            ValueError: if PyTorch cannot write the operator set.
        """
        opset = OLDEST_OPSET if opset is None else opset
        with _quiet():
            program = torch.onnx.export(
                model,
                (images,),
                dynamo=True,
                verbose=False,
                opset_version=opset,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim('batch')},),
            )
            assert program is not None
            for key, value in metadata.items():
                program.model.metadata_props[key] = json.dumps(value)
            written = program.model.opset_imports['']
            program.save(str(unfinished), external_data=False)
        if written != opset:
            raise ValueError(
                f'--opset {opset} is not supported by PyTorch {torch.__version__} and '
                f'onnxscript: the model needs {written}. Leave the flag out.'
            )

    def load(self, path: Path) -> Scorer:
        """Read the file with ONNX Runtime."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors
        session = onnxruntime.InferenceSession(
            str(path), options, providers=['CPUExecutionProvider']
        )
        return lambda images: torch.from_numpy(
            session.run([OUTPUT], {INPUT: images.numpy()})[0]
        )


class Pt2File:
    """PyTorch's own format: ``torch.export``."""

    def check(self, opset: int | None, run: bool) -> None:
        """Check that no operator set is asked for.

        Raises:
            ValueError: if one is, or this PyTorch is not supported.
        """
        check_pytorch()
        if opset is not None:
            raise ValueError(
                f'--opset {opset} is for files ending in .onnx: leave it out.'
            )

    def write(
        self,
        model: nn.Module,
        images: Tensor,
        metadata: Mapping[str, Any],
        unfinished: Path,
        opset: int | None,
    ) -> None:
        """Write the model, with the metadata in JSON as one more file in it."""
        with _quiet():
            program = torch.export.export(
                model, (images,), dynamic_shapes=({0: torch.export.Dim('batch')},)
            )
            files = {METADATA_FILE: json.dumps(metadata)}
            torch.export.save(program, unfinished, extra_files=files)

    def load(self, path: Path) -> Scorer:
        """Read the file with PyTorch."""
        with _quiet():
            return torch.export.load(path).module()


FORMATS: dict[str, FileFormat] = {'.onnx': OnnxFile(), '.pt2': Pt2File()}


def format_of(path: Path) -> FileFormat:
    """The format of a file name.

    Raises:
        ValueError: if its ending is of no format.
    """
    if path.suffix not in FORMATS:
        raise ValueError(
            f'Expected OUT to end in {" or ".join(FORMATS)}, but got {path}.'
        )
    return FORMATS[path.suffix]


def check_pytorch() -> None:
    """Check that PyTorch is new enough for both formats.

    Raises:
        ValueError: if it is not.
    """
    found = digit_version(torch.__version__)
    if found < digit_version(OLDEST_PYTORCH):
        raise ValueError(
            f'Export needs PyTorch {OLDEST_PYTORCH} or newer, but this is '
            f'{torch.__version__}: export the checkpoint in another environment.'
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what PyTorch says about its own future, and about conversions."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(before)

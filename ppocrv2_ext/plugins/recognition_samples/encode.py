"""The text of a line as the numbers of its classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arguments import whole_number
from ...data.dictionary import BLANK, read_dictionary
from ...registry import TRANSFORMS

DEFAULT_CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


@TRANSFORMS.register
class TextLineEncode:
    """Turns the text of a line into classes for CTC, as PaddleOCR's CTCLabelEncode does.

    Args:
        max_text_length: the largest number of characters, >= 1. PaddleOCR puts `Global.max_text_length` here.
        character_dict_path: a file with a character on each line. PaddleOCR puts `Global.character_dict_path` here.
            Without it the classes are digits and small letters, and a capital counts as the small letter.
        use_space_char: whether a space follows as the last class. PaddleOCR puts `Global.use_space_char` here.
    Raises:
        ValueError: ``max_text_length`` is not a whole number >= 1.
        UserError: the dictionary cannot be read.
    """

    def __init__(
        self, max_text_length: int, character_dict_path: str | None = None, use_space_char: bool = False
    ) -> None:
        self.max_text_length = whole_number(max_text_length, "max_text_length", 1)
        self.ignores_case = character_dict_path is None
        if character_dict_path is None:
            self.character = [BLANK, *DEFAULT_CHARACTERS]
        else:
            self.character = read_dictionary(character_dict_path, space=use_space_char)
        self._classes = {character: number for number, character in enumerate(self.character)}

    def __call__(self, data: dict[str, Any]) -> dict[str, Any] | None:
        """A copy of a sample with classes in place of its text.

        Args:
            data: a sample with the text as `label`.
        Returns:
            The sample with `label` (max_text_length,), filled up with 0, the blank; `length`, the number of classes in
            it; and `label_ace` (C,), how often each class is in `label`; all int64. None if the text is empty, too long
            or without a character of the dictionary. A character that the dictionary lacks is left out.
        """
        text = data["label"]
        if len(text) > self.max_text_length:
            return None
        text = text.lower() if self.ignores_case else text
        classes = [self._classes[character] for character in text if character in self._classes]
        if not classes:
            return None
        label = np.zeros(self.max_text_length, dtype=np.int64)
        label[: len(classes)] = classes
        counts = np.bincount(label, minlength=len(self.character))
        return {**data, "label": label, "length": np.array(len(classes)), "label_ace": counts}

"""The colours of the pictures, and what they mean in a preview."""

INK, QUIET, RULE = "#1a1a1a", "#6b6b6b", "#e2e2e2"  # of text, of remarks, of lines and empty areas
WRONG = "#c62828"

TEXT, IGNORED, PASTED = "#00e5ff", "#ffc400", "#ff3df2"  # outlines in a scene
CORE, BORDER, UNSEEN = "#35d07f", "#ff9a3c", "#b8b8b8"  # maps of a scene
USED, EMPTY, DROPPED = "#1e88e5", "#808080", WRONG  # of a line; padding is 0, which pictures of lines show in this grey

SCENE_LEGEND = (
    (TEXT, "cyan: text"),
    (IGNORED, "amber, dashed: ignored"),
    (PASTED, "magenta: pasted from another picture"),
    (CORE, "green: core of text (shrink map)"),
    (BORDER, "orange: its border (threshold map)"),
    (UNSEEN, "hatched: masked, not in the loss"),
)
LINE_LEGEND = (
    (USED, "blue: used width"),
    (EMPTY, "grey: padding"),
    (DROPPED, "red: in the file's label, dropped from what the network gets"),
)

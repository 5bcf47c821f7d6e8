"""The one exception users see, and the did-you-mean every lookup shares."""

import difflib


class UserError(Exception):
    """Something the user can mend. The command line prints it as one sentence and exits with 2."""


def did_you_mean(name, known):
    """``"; did you mean 'b'?"`` for the closest of ``known``, else ``"; there are 'a', 'b'."``, else ``"."``."""
    known = sorted(map(str, known))
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    # Past a dozen, a list helps nobody.
    return f"; there are {', '.join(map(repr, known))}." if 0 < len(known) <= 12 else "."

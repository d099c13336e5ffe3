"""Every command's help, word for word."""

import re

COMMAND = re.compile(r"^  ([a-z][\w-]*)(?:  |$)", re.MULTILINE)


def commands_in(text: str) -> list[str]:
    """The commands that a page of help lists: all above the options, under whatever heading."""
    usage, _, rest = text.partition("\n")
    return COMMAND.findall(rest.partition("\nOptions:\n")[0]) if "COMMAND" in usage else []


def test_every_help_says_what_it_said(xavier, snapshot):
    pages, left = {}, [()]
    while left:
        words = left.pop(0)
        answer = xavier(*words, "--help")
        assert (answer.code, answer.err) == (0, ""), words
        pages[words] = answer.out
        left += [(*words, name) for name in commands_in(answer.out)]
    # Whoever lists commands otherwise has to be walked otherwise.
    assert len(pages) > 30
    text = "\n".join(f"$ xavier {' '.join((*words, '--help'))}\n{page}" for words, page in pages.items())

    assert text.rstrip().splitlines() == snapshot("help.txt", text).rstrip().splitlines()

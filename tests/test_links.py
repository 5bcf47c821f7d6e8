"""Links of the documents, and the files that documents and the headers of configs name, are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "configs").glob("*.md")])
CONFIGS = sorted((ROOT / "configs").rglob("*.yml"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
OUR_FILE = re.compile(r"\b(?:scripts|ppocrv2_ext|configs|tests)/[\w./-]*\w")
OUR_CONFIG = re.compile(r"(?<![\w/])(?:rec|det|cls|clone)/[\w-]+")


def name(path):
    return path.relative_to(ROOT).as_posix()


def anchors(document):
    """The anchors that GitHub makes of the headings: lower case, no punctuation, a number behind a repeated one."""
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    found = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    return [f"{anchor}-{n}" if (n := found[:i].count(anchor)) else anchor for i, anchor in enumerate(found)]


def header(config):
    lines = config.read_text(encoding="utf-8").splitlines()
    # What is behind "PaddleOCR's" is a file of theirs.
    return "\n".join(re.sub(r"PaddleOCR's \S+", "", line) for line in lines if line.lstrip().startswith("#"))


def config_files(text):
    return [f"configs/{found}.yml" for found in OUR_CONFIG.findall(text)]


def missing(files):
    return [file for file in files if not (ROOT / file).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_leads_to_a_file_and_a_heading(document):
    broken = []
    for link in LINK.findall(document.read_text(encoding="utf-8")):
        file, _, anchor = link.partition("#")
        target = document.parent / file if file else document
        if "://" not in link and not (target.exists() and (not anchor or anchor in anchors(target))):
            broken.append(link)
    assert broken == []


def test_an_anchor_is_made_as_github_makes_it(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# PP-OCRv4, v5 and v6\n```\n# a comment\n```\n## Does `A_B=5` help?\n## Does A_B5 help\n", "utf-8")
    assert anchors(page) == ["pp-ocrv4-v5-and-v6", "does-a_b5-help", "does-a_b5-help-1"]


@pytest.mark.parametrize("config", CONFIGS, ids=name)
def test_the_files_that_a_config_names_are_there(config):
    text = header(config)
    assert missing([*OUR_FILE.findall(text), *config_files(text)]) == []


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if path.name != "CHANGELOG.md"], ids=name)
def test_the_scripts_and_configs_that_a_document_names_are_there(document):
    text = document.read_text(encoding="utf-8")
    assert missing([*re.findall(r"\bscripts/[\w./-]*\w", text), *config_files(text)]) == []

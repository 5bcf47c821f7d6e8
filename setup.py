"""All settings are in setup.cfg; this file lets ``pip install`` and old tools build the package."""

from setuptools import setup

setup()

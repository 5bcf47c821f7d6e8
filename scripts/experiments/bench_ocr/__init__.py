"""What `bench_ocr.py` runs: the systems that read pictures, each in a process and an interpreter of its own."""

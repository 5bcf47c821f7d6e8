"""Reports: tables and pictures."""

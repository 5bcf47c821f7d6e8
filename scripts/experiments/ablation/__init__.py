"""The paper's ablation on your own data: rows x seeds under one budget, resumable, with the paper's column beside."""

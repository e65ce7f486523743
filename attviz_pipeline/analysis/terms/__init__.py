"""Statistics of terms: which there are, what each shard measures of them, and what that says about the dataset."""

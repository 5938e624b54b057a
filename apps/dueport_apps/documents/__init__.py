"""Documents on paper: receipts and letters as PDF, set by typst from data alone."""

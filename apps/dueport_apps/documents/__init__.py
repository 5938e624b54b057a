"""Documents on paper: receipts as tagged PDF, set by typst from data alone."""

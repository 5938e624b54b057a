"""The demonstration: a made-up dealer, its files, and the people who sign in to look at it."""

"""What every page and API call of both portals passes through, without knowing a use case."""

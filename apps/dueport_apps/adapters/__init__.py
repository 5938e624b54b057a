"""The platform's own answers to the small services that use cases ask for."""

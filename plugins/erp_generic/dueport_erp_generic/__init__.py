"""The ERP connector for any system that can export files: one folder, one mapping file."""

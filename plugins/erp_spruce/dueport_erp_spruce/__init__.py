"""The ERP connector for ECI Spruce: its CSV set in, its import files out."""
